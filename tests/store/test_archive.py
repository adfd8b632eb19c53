"""Opening, sharing and losing the database."""

import asyncio
import sqlite3
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import event, text

from bot.domain.ports import Archive, Stale, StoreFailed, StoreInUse, Unit
from bot.domain.values import OperationId
from bot.runtime.clock import WakeUp
from bot.store import SqlArchive, upgrade
from bot.store.parts.audit import broken
from tests.clocks import ManualClock
from tests.store.databases import ALL, Postgresql, database_url
from tests.store.examples import ENTRY, news, operation

HOLD = """
import asyncio, sys
from bot.runtime.clock import WakeUp
from tests.clocks import ManualClock
from bot.store import SqlArchive

async def main():
    clock = ManualClock()
    archive = SqlArchive(sys.argv[1], clock=clock, bell=WakeUp(clock))
    await archive.open()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def over(url: str) -> SqlArchive:
    clock = ManualClock()
    return SqlArchive(url, clock=clock, bell=WakeUp(clock))


async def begin(archive: Archive, number: int = 1) -> None:
    async with archive.unit() as unit:
        await unit.operations.add(operation(number), ENTRY)
        await unit.commit()


async def count(archive: Archive) -> int:
    async with archive.unit() as unit:
        return len(await unit.operations.newest())


async def test_it_is_the_archive_of_the_law(archive: SqlArchive) -> None:
    lawful: Archive = archive
    async with lawful.unit() as unit:
        assert {name for name in vars(Unit) if not name.startswith("_")} <= set(dir(unit))


def modes_in(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}


async def test_nobody_else_can_read_the_database_one_of_an_earlier_release_neither(tmp_path: Path) -> None:
    file = tmp_path / "muster.db"
    file.touch(mode=0o644)
    archive = over(f"sqlite:///{file}")
    await archive.open()
    await begin(archive)
    modes = modes_in(tmp_path)
    await archive.close()
    names = ("muster.db", "muster.db-wal", "muster.db-shm", "muster.db.lock")
    assert modes == dict.fromkeys(names, "0o600")


async def test_a_second_process_says_so_and_stops(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'muster.db'}"
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLD, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"open\n"
    second = over(url)
    with pytest.raises(StoreInUse, match=f"muster.db is in use by process {holder.pid}"):
        await second.open()
    holder.kill()
    await holder.communicate()
    await second.open()
    assert await count(second) == 0
    await second.close()


async def test_closing_gives_the_database_back(tmp_path: Path) -> None:
    first, second = (over(f"sqlite:///{tmp_path / 'muster.db'}") for _ in range(2))
    await first.open()
    with pytest.raises(StoreInUse):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


async def test_the_audit_can_be_read_beside_a_running_process(archive: SqlArchive, tmp_path: Path) -> None:
    await begin(archive)
    reader = over(f"sqlite:///{tmp_path / 'muster.db'}")
    await reader.open_for_reading()
    async with reader.unit() as unit:
        assert len([line async for line in unit.audit.lines()]) == 1
        await begin(archive, 2)
        assert await broken(unit.audit) == []
    await reader.close()


async def test_reading_beside_makes_no_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'muster.db'}"
    for _ in range(2):
        with pytest.raises(StoreFailed, match="no database"):
            await over(url).open_for_reading()


async def test_the_schema_of_a_running_process_is_not_changed_under_it(archive: SqlArchive, tmp_path: Path) -> None:
    with pytest.raises(StoreInUse):
        await upgrade(f"sqlite:///{tmp_path / 'muster.db'}")
    assert await count(archive) == 0


async def test_a_place_where_no_file_can_be_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="No such file or directory"):
        await over(f"sqlite:///{tmp_path / 'missing' / 'muster.db'}").open()


@pytest.mark.parametrize("url", ["mysql://host/db", "muster.db", "sqlite+pysqlite:///x.db", ""])
def test_a_url_that_is_no_store_says_what_is(url: str) -> None:
    with pytest.raises(ValueError, match="postgresql://"):
        over(url)


async def test_a_server_that_does_not_answer_is_a_failure_of_the_store() -> None:
    with pytest.raises(StoreFailed) as failure:
        await over("postgresql://somebody:hidden@127.0.0.1:1/muster").open()
    assert "hidden" not in str(failure.value)


async def test_an_archive_that_is_not_open_says_so() -> None:
    with pytest.raises(StoreFailed, match="not open"):
        await over("sqlite://").ping()


async def test_a_unit_inside_a_unit_is_an_error_and_no_deadlock(archive: SqlArchive) -> None:
    async with archive.unit():
        with pytest.raises(RuntimeError, match="wait for itself"):
            await count(archive)
    assert await count(archive) == 0


async def test_the_database_is_durable_and_waits_for_others(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        found = {
            name: await unit.transaction.first(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}


async def test_a_lock_held_by_another_program_is_waited_for(archive: SqlArchive, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "muster.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(begin(archive))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    other.execute("COMMIT")
    await waiting
    other.close()
    assert await count(archive) == 1


async def test_nobody_writes_between_what_a_unit_reads_and_what_it_writes(archive: SqlArchive, tmp_path: Path) -> None:
    await begin(archive)
    other = sqlite3.connect(tmp_path / "muster.db", isolation_level=None, timeout=0)
    async with archive.unit() as unit:
        found = await unit.operations.get(OperationId("op-1"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("UPDATE operation SET version = 7")
        await unit.operations.save(found, ENTRY)
        await unit.commit()
    other.close()


@pytest.mark.parametrize("kind", ALL)
async def test_a_cancelled_unit_leaves_nothing_behind(kind: str, tmp_path: Path, server: Postgresql) -> None:
    """Wherever it is cancelled: the next unit works, and what was not committed never was."""
    async with database_url(kind, folder=tmp_path, server=server) as url:
        await cancel_everywhere(over(url))


async def cancel_everywhere(archive: SqlArchive) -> None:
    await archive.open()
    assert archive._engine is not None
    engine = archive._engine.sync_engine
    countdown = 0
    task: asyncio.Task[None] | None = None

    def cut(*_: object) -> None:
        nonlocal countdown
        countdown -= 1
        if countdown == 0 and task is not None:
            task.cancel()

    for moment in ("begin", "before_cursor_execute", "commit", "rollback"):
        event.listen(engine, moment, cut)
    fates: list[BaseException | None] = []
    while not fates or fates[-1] is not None:
        countdown = len(fates) + 1
        task = asyncio.create_task(begin(archive, len(fates)))
        fates += await asyncio.gather(task, return_exceptions=True)
        task = None
    assert {type(fate) for fate in fates[:-1]} == {asyncio.CancelledError}
    assert len(fates) > 6
    async with archive.unit() as unit:
        stored = {o.id for o in await unit.operations.newest(limit=500)}
        audited = {line.operation_id async for line in unit.audit.lines()}
        assert await broken(unit.audit) == []
    assert stored == audited == {f"op-{len(fates) - 2}", f"op-{len(fates) - 1}"}  # cut in the commit, and not cut
    await archive.close()


async def test_a_server_that_restarts_costs_one_unit_not_the_process(server: Postgresql) -> None:
    async with server.database() as url:
        archive = over(url)
        await archive.open()
        await begin(archive, 1)
        async with archive.unit() as unit:
            await unit.operations.get(OperationId("op-1"))
            with psycopg.connect(url, autocommit=True) as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid != pg_backend_pid()"
                )
            with pytest.raises(StoreFailed):
                await unit.operations.get(OperationId("op-1"))
        await begin(archive, 2)
        assert await count(archive) == 2
        await archive.close()


async def test_news_about_an_operation_does_not_wait_for_its_worker(server: Postgresql) -> None:
    async with server.database() as url:
        archive = over(url)
        await archive.open()
        await begin(archive, 1)
        async with archive.unit() as worker:
            lease = await worker.leases.claim("a", span=timedelta(minutes=1))
            assert lease is not None
            await worker.leases.hold(lease, span=timedelta(minutes=1))
            async with asyncio.timeout(60), archive.unit() as other:
                await other.outbox.tell(news())
                await other.commit()
            await worker.commit()
        await archive.close()


async def test_the_loser_of_a_deadlock_reads_again(server: Postgresql) -> None:
    async with server.database() as url:
        archive = over(url)
        await archive.open()
        await begin(archive, 1)
        await begin(archive, 2)
        first_done, second_done = asyncio.Event(), asyncio.Event()

        async def save_both(order: tuple[str, str], mine: asyncio.Event, other: asyncio.Event) -> None:
            async with archive.unit() as unit:
                for place, id in enumerate(order):
                    await unit.operations.save(await unit.operations.get(OperationId(id)), ENTRY)
                    if place == 0:
                        mine.set()
                        await other.wait()
                await unit.commit()

        results = await asyncio.gather(
            save_both(("op-1", "op-2"), first_done, second_done),
            save_both(("op-2", "op-1"), second_done, first_done),
            return_exceptions=True,
        )
        assert [type(r) for r in results if r is not None] == [Stale]
        await archive.close()
