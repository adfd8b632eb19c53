"""A full disk answers questions as ever and takes nothing: it is well again once it has taken something."""

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.domain.ports import StoreFailed
from bot.store import SqlArchive
from bot.store.archive import SETTLED_SECONDS
from tests.clocks import ManualClock
from tests.store.examples import ENTRY, operation

FULL, ROOMY = 1, 1_000_000


async def let_it_have(archive: SqlArchive, pages: int) -> None:
    async with archive.unit() as unit:
        await unit.transaction.all(text(f"PRAGMA max_page_count = {pages}"))


async def add(archive: SqlArchive, number: int) -> None:
    async with archive.unit() as unit:
        for one in range(20):
            await unit.operations.add(operation(20 * number + one), ENTRY)
        await unit.commit()


async def test_a_session_that_cannot_be_ended_in_order_is_thrown_away_and_keeps_nobody_out(archive: SqlArchive) -> None:
    """SQLite itself rolls back when there is no room, and then knows no savepoint to go back to."""
    await let_it_have(archive, FULL)
    with pytest.raises(StoreFailed, match="disk is full") as kept:
        await add(archive, 1)
    await add(archive, 1)
    del kept  # whoever holds the error holds all that was under way


async def test_a_full_disk_is_over_once_something_is_stored_and_not_with_an_answer(
    archive: SqlArchive, clock: ManualClock
) -> None:
    with capture_logs() as logs:
        for _ in range(2):  # told once
            await let_it_have(archive, FULL)
            with pytest.raises(StoreFailed, match="disk is full"):
                await add(archive, 1)
        await clock.pass_time(SETTLED_SECONDS)
        async with archive.reading() as unit:
            assert list(await unit.operations.newest()) == []
        async with archive.unit() as unit:
            await unit.commit()
        assert [line["event"] for line in logs] == ["the database fails; it is tried again and again"]
        await let_it_have(archive, ROOMY)
        await clock.pass_time(SETTLED_SECONDS)
        await add(archive, 1)
        assert [line["event"] for line in logs][1:] == ["the database is well again"]
    async with archive.reading() as unit:
        assert len(await unit.operations.newest()) == 20
