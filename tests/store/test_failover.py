"""The database's leader moves, its server goes down, or one who uses it freezes: nobody needs a restart."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from bot.domain.ports import StoreFailed
from bot.domain.values import OperationId
from bot.runtime.clock import SystemClock, WakeUp
from bot.store import SqlArchive, database
from bot.store.postgresql import PunctualConnection
from tests.relay import silenceable
from tests.store.databases import Postgresql
from tests.store.examples import ENTRY, operation

ONE = OperationId("op-1")


@pytest.fixture
async def url(server: Postgresql) -> AsyncIterator[str]:
    async with server.database() as url:
        yield url


@asynccontextmanager
async def opened(url: str, count: int = 1) -> AsyncIterator[list[SqlArchive]]:
    """So many processes over one database, with one operation in it."""
    clock = SystemClock()
    archives = [SqlArchive(url, clock=clock, bell=WakeUp(clock)) for _ in range(count)]
    async with AsyncExitStack() as stack:
        for archive in archives:
            await archive.open()
            stack.push_async_callback(archive.close)
        async with archives[0].unit() as unit:
            await unit.operations.add(operation(1), ENTRY)
            await unit.commit()
        yield archives


async def write(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.operations.save(await unit.operations.get(ONE), ENTRY)
        await unit.commit()


async def demote(archive: SqlArchive, *, sessions: int = 3) -> None:
    """Let so many sessions of a pool find themselves on a server that is a standby now."""
    async with AsyncExitStack() as stack:
        for _ in range(sessions):
            unit = await stack.enter_async_context(archive.unit())
            await unit.transaction.run(text("SET SESSION default_transaction_read_only = on"))
            await unit.commit()


@pytest.mark.parametrize("first", [write, SqlArchive.ping], ids=["a write", "the health probe"])
async def test_sessions_with_a_primary_that_was_demoted_are_thrown_away_at_the_first_write(
    url: str, first: Callable[[SqlArchive], "asyncio.Future[None]"]
) -> None:
    async with opened(url) as (archive,):
        await demote(archive)
        with pytest.raises(StoreFailed, match="read-only"):
            await first(archive)
        for _ in range(3):
            await write(archive)
        await archive.ping()


async def cut_all(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as other:
        await other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_sessions_that_were_cut_while_nobody_used_them_cost_nobody_anything(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "IDLE_SECONDS", 0.0)
    async with opened(url) as (archive,):
        async with archive.reading() as one, archive.reading() as two:  # so that there are some
            assert (await one.operations.get(ONE)).id == (await two.operations.get(ONE)).id
        await cut_all(url)
        for _ in range(3):
            await write(archive)


async def test_a_server_that_goes_down_in_the_middle_costs_what_was_under_way_and_no_more(url: str) -> None:
    async with opened(url) as (archive,):
        async with archive.unit() as unit:
            await unit.operations.save(await unit.operations.get(ONE), ENTRY)
            await cut_all(url)
            with pytest.raises(StoreFailed):
                await unit.commit()
        await write(archive)
        await archive.ping()


async def test_sessions_that_are_never_answered_any_more_are_given_up_and_new_ones_serve(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy, or a server, takes what is sent over them and says nothing."""
    monkeypatch.setattr(PunctualConnection, "answer_seconds", 1.0)
    async with silenceable(url) as way, opened(way.url) as (archive,):
        async with archive.reading() as one, archive.unit() as two:  # so that there are some
            await one.operations.get(ONE)
            await two.operations.get(ONE)
        way.fall_silent()
        ended, stuck = await asyncio.wait([asyncio.create_task(write(archive)) for _ in range(2)], timeout=20)
        assert not stuck
        assert {type(one.exception()) for one in ended} <= {StoreFailed, type(None)}
        for _ in range(3):
            await write(archive)
        await archive.ping()


def test_a_server_has_longer_for_its_answer_than_it_lets_a_statement_run() -> None:
    assert PunctualConnection.answer_seconds * 1000 > database.PATIENCE_MS > database.LOCK_MS


async def test_the_health_probe_writes(tmp_path: Path) -> None:
    """A full disk still answers questions."""
    async with opened(f"sqlite:///{tmp_path / 'muster.db'}") as (archive,):
        written = []
        for _ in range(2):
            await archive.ping()
            async with archive.unit() as unit:
                written.append(await unit.transaction.first(text("SELECT written_at FROM probe")))
        assert None not in written
        assert written[0] < written[1]


async def test_who_freezes_in_the_middle_of_a_transaction_loses_its_locks(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "IDLE_MS", 500)
    async with opened(url, 2) as (frozen, other):
        async with frozen.unit() as unit:
            await unit.operations.save(await unit.operations.get(ONE), ENTRY)
            await write(other)
            with pytest.raises(StoreFailed):
                await unit.commit()
        await write(frozen)


async def test_nobody_waits_for_a_lock_for_ever(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_MS", 200)
    async with opened(url, 2) as (holder, other), holder.unit() as unit:
        await unit.operations.save(await unit.operations.get(ONE), ENTRY)
        with pytest.raises(StoreFailed, match="lock timeout"):
            await write(other)
        await unit.commit()


def test_whoever_waits_for_a_lock_outlasts_one_who_is_frozen() -> None:
    assert database.IDLE_MS < database.LOCK_MS <= 10_000
