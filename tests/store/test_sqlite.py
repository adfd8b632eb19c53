"""How often a statement goes to the thread of an embedded database."""

import sqlite3
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import StaticPool

from bot.store import database
from bot.store.sqlite import StatementConnection, connect


class CountingConnection(StatementConnection):
    """Counts the ways to the thread."""

    ways = 0

    async def _execute(self, fn: Any, *arguments: Any, **options: Any) -> Any:
        CountingConnection.ways += 1
        return await super()._execute(fn, *arguments, **options)  # type: ignore[no-untyped-call]  # no types


def counted(*arguments: Any, **options: Any) -> StatementConnection:
    return CountingConnection(partial(sqlite3.connect, *arguments, **options | {"check_same_thread": False}), 64)


@pytest.fixture
async def connection() -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(
        "sqlite+aiosqlite://", poolclass=StaticPool, connect_args={"async_creator_fn": counted}
    )
    async with engine.connect() as made:
        await made.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
        CountingConnection.ways = 0
        yield made
    await engine.dispose()


async def test_a_statement_goes_to_the_thread_once_whatever_it_answers(connection: AsyncConnection) -> None:
    await connection.execute(text("INSERT INTO t VALUES (1), (2), (3)"))
    assert CountingConnection.ways == 1
    found = await connection.execute(text("SELECT n FROM t ORDER BY n"))
    assert [row.n for row in found] == [1, 2, 3]
    assert CountingConnection.ways == 2
    returned = await connection.execute(text("INSERT INTO t VALUES (4) RETURNING n"))
    assert returned.scalar_one() == 4
    met = await connection.execute(text("UPDATE t SET n = n + 10 WHERE n > :n"), {"n": 2})
    assert met.rowcount == 2
    assert CountingConnection.ways == 4


async def test_a_transaction_costs_no_ways_of_its_own_but_for_its_commit(connection: AsyncConnection) -> None:
    await connection.commit()
    CountingConnection.ways = 0
    event.listen(connection.sync_connection, "begin", lambda made: database.begin_lazily(made, how="BEGIN IMMEDIATE"))
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await connection.execute(text("INSERT INTO t VALUES (:n)"), [{"n": 1}, {"n": 2}])
    assert (CountingConnection.ways, driver.in_transaction) == (1, True)
    await connection.rollback()
    assert (CountingConnection.ways, driver.in_transaction) == (1, False)
    assert (await connection.execute(text("SELECT n FROM t"))).all() == []
    assert (CountingConnection.ways, driver.in_transaction) == (2, True)
    await connection.execute(text("INSERT INTO t VALUES (3)"))
    await connection.commit()
    assert (CountingConnection.ways, driver.in_transaction) == (4, False)


async def test_a_transaction_that_cannot_begin_is_begun_anew_with_the_next_statement(tmp_path: Path) -> None:
    mine, theirs = [connect(str(tmp_path / "one.db"), isolation_level=None, timeout=0.0) for _ in range(2)]
    await mine
    await theirs
    await mine.cursor().execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    await theirs.cursor().execute("BEGIN IMMEDIATE")
    mine.begin_with_next("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        await mine.cursor().execute("INSERT INTO t VALUES (1)")
    await theirs.rollback()
    await mine.cursor().execute("INSERT INTO t VALUES (1)")
    assert mine.in_transaction
    await mine.close()
    await theirs.close()


async def test_a_statement_that_fails_leaves_the_connection_as_it_was(connection: AsyncConnection) -> None:
    await connection.execute(text("INSERT INTO t VALUES (1)"))
    with pytest.raises(IntegrityError):
        await connection.execute(text("INSERT INTO t VALUES (1)"))
    found = await connection.execute(text("SELECT count(*) FROM t"))
    assert found.scalar_one() == 1


async def test_cursors_live_beside_their_thread_whoever_makes_them() -> None:
    made = connect(":memory:")
    await made
    cursor = made.cursor()
    await cursor.execute("SELECT 1 AS one")
    assert [column[0] for column in cursor.description] == ["one"]
    assert list(await cursor.fetchall()) == [(1,)]
    assert list(await cursor.fetchall()) == []
    await cursor.close()
    await made.close()
