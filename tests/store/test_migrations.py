"""Migrations and tables say the same, on both databases."""

import re
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from bot.runtime.clock import WakeUp
from bot.store import ForeignSchema, SqlArchive, schema, upgrade
from bot.store.database import connect, parse
from bot.store.rows.tables import metadata
from tests.clocks import ManualClock
from tests.store.databases import Postgresql
from tests.store.migrated import open_migrated

POSTGRESQL_SHAPE = (
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
       WHERE connamespace = 'public'::regnamespace""",
    """SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
       WHERE table_schema = 'public'""",
)


def shape(connection: Connection) -> set[str]:
    """Everything a database knows about its tables, in its own words, but for triggers."""
    if connection.dialect.name == "postgresql":
        found = {str(tuple(row)) for query in POSTGRESQL_SHAPE for row in connection.execute(text(query))}
    else:
        rows = connection.execute(text("SELECT sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql != ''"))
        found = {" ".join(sorted(re.split(r",\s+(?![^()]*\))", re.sub(r"[ \t]+", " ", row.sql)))) for row in rows}
    return {line for line in found if "alembic_version" not in line and "sqlite_sequence" not in line}


async def shape_of(url: str, *, migrated: bool) -> set[str]:
    engine = connect(parse(url))
    try:
        async with engine.begin() as connection:
            if migrated:
                await connection.run_sync(lambda c: command.upgrade(schema.config(c), "head"))
                assert (
                    await connection.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata)) == []
                )
            else:
                await connection.run_sync(metadata.create_all)
            return await connection.run_sync(shape)
    finally:
        await engine.dispose()


async def test_migrations_and_tables_agree_on_sqlite() -> None:
    migrated = await shape_of("sqlite://", migrated=True)
    assert len(migrated) > 10
    assert migrated == await shape_of("sqlite://", migrated=False)


async def test_migrations_and_tables_agree_on_postgresql(server: Postgresql) -> None:
    async with server.database(migrated=False) as one, server.database(migrated=False) as other:
        migrated = await shape_of(one, migrated=True)
        assert len(migrated) > 50
        assert migrated == await shape_of(other, migrated=False)


async def downgrade_and_upgrade(url: str) -> None:
    engine = connect(parse(url))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(lambda c: command.upgrade(schema.config(c), "head"))
            before = await connection.run_sync(shape)
            await connection.run_sync(lambda c: command.downgrade(schema.config(c), "base"))
            assert await connection.run_sync(shape) == set()
            await connection.run_sync(lambda c: command.upgrade(schema.config(c), "head"))
            assert await connection.run_sync(shape) == before
    finally:
        await engine.dispose()


async def test_migrations_can_be_taken_back_on_sqlite() -> None:
    await downgrade_and_upgrade("sqlite://")


async def test_migrations_can_be_taken_back_on_postgresql(server: Postgresql) -> None:
    async with server.database(migrated=False) as url:
        await downgrade_and_upgrade(url)


async def test_a_database_with_an_audit_is_never_taken_back() -> None:
    engine = connect(parse("sqlite://"))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(lambda c: command.upgrade(schema.config(c), "head"))
            row = "(1, '2026-11-21', 'asked', '{}', '0', '1')"
            await connection.exec_driver_sql(f"INSERT INTO audit (seq, at, event, facts, prev_hash, hash) VALUES {row}")
            with pytest.raises(RuntimeError, match="has an audit, which is never deleted"):
                await connection.run_sync(lambda c: command.downgrade(schema.config(c), "base"))
    finally:
        await engine.dispose()


async def test_upgrading_twice_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'muster.db'}"
    assert await upgrade(url) == await upgrade(url) == schema.newest()


async def test_a_database_of_a_newer_release_is_not_touched(tmp_path: Path) -> None:
    file = tmp_path / "muster.db"
    await upgrade(f"sqlite:///{file}")
    engine = create_async_engine(f"sqlite+aiosqlite:///{file}")
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()
    clock = ManualClock()
    archive = SqlArchive(f"sqlite:///{file}", clock=clock, bell=WakeUp(clock))
    with pytest.raises(ForeignSchema, match="9999"):
        await archive.open()
    with pytest.raises(ForeignSchema, match="9999"):
        await archive.open_for_reading()


async def test_what_other_tests_copy_is_what_the_migrations_make() -> None:
    made: list[dict[str, list[tuple[object, ...]]]] = []
    for opening in (SqlArchive.open, open_migrated):
        clock = ManualClock()
        archive = SqlArchive("sqlite://", clock=clock, bell=WakeUp(clock))
        await opening(archive)
        async with archive.unit() as unit:
            things = await unit.transaction.all(
                text("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name")
            )
            rows = {
                one.name: await unit.transaction.all(text(f'SELECT * FROM "{one.name}"'))
                for one in things
                if one.type == "table"
            }
        made.append({"things": things} | rows)
        await archive.close()
    assert len(made[0]["things"]) > 20
    assert made[0] == made[1]
