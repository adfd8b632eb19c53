"""The archive keeps an audit that cannot be changed unnoticed."""

import asyncio
import hashlib
import json

import pytest
from sqlalchemy import text

from bot.domain.audit import AuditEvent, Entry
from bot.domain.ports import Archive
from bot.domain.values import OperationId, UserId
from bot.store import SqlArchive
from bot.store.parts.audit import GENESIS, broken, export
from tests.store.examples import ENTRY, operation, records

DISARM = {
    "sqlite": ("DROP TRIGGER audit_refuses_update", "DROP TRIGGER audit_refuses_delete"),
    "postgresql": ("ALTER TABLE audit DISABLE TRIGGER ALL",),
}


async def record(archive: Archive, *reasons: str) -> None:
    for reason in reasons:
        async with archive.unit() as unit:
            await unit.audit.record(None, Entry(event=AuditEvent.REFUSED, actor=UserId("U1"), facts={"why": reason}))
            await unit.commit()


async def exported(archive: SqlArchive) -> list[dict[str, object]]:
    async with archive.unit() as unit:
        return [dict(line) async for line in export(unit.audit)]


async def found_broken(archive: SqlArchive) -> list[int]:
    async with archive.unit() as unit:
        return await broken(unit.audit)


async def tamper(archive: SqlArchive, kind: str, *statements: str) -> None:
    """Change the audit as somebody with all rights over the database could."""
    async with archive.unit() as unit:
        for statement in (*DISARM["postgresql" if kind == "postgresql" else "sqlite"], *statements):
            await unit.transaction.run(text(statement))
        await unit.commit()


async def test_every_change_leaves_its_line_in_order(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.operations.add(
            operation(), Entry(event=AuditEvent.REQUESTED, actor=UserId("U1"), facts={"host": "h\0\ud800"})
        )
        await unit.steps.lay_out(OperationId("op-1"), records(2))
        await unit.steps.save(
            OperationId("op-1"), [(records(2)[0], Entry(event=AuditEvent.STEP_INTENT)), (records(2)[1], None)]
        )
        await unit.operations.save(await unit.operations.get(OperationId("op-1")), Entry(event=AuditEvent.PAUSED))
        await unit.audit.record(None, Entry(event=AuditEvent.REFUSED, actor=UserId("U2")))
        await unit.commit()
    lines = await exported(archive)
    assert [(line["seq"], line["operation"], line["actor"], line["event"]) for line in lines] == [
        (1, "op-1", "U1", "requested"),
        (2, "op-1", None, "step intent"),
        (3, "op-1", None, "paused"),
        (4, None, "U2", "refused"),
    ]
    assert lines[0]["facts"] == {"host": "h\0\ud800"}
    assert await found_broken(archive) == []


async def test_rolled_back_changes_leave_no_line(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.operations.add(operation(), ENTRY)
    assert await exported(archive) == []
    await record(archive, "later")
    assert [line["seq"] for line in await exported(archive)] == [1]


async def test_lines_written_at_once_make_one_chain(archive: SqlArchive) -> None:
    await asyncio.gather(*(record(archive, *(f"{n}.{m}" for m in range(5))) for n in range(6)))
    lines = await exported(archive)
    assert [line["seq"] for line in lines] == list(range(1, 31))
    assert [line["prev_hash"] for line in lines] == [GENESIS, *(line["hash"] for line in lines[:-1])]
    assert await found_broken(archive) == []


async def test_an_export_can_be_verified_without_muster(archive: SqlArchive) -> None:
    await record(archive, "a", "b")
    for line in await exported(archive):
        facts = json.dumps(line["facts"], sort_keys=True, separators=(",", ":"))
        said = {name: line[name] for name in ("seq", "at", "actor", "operation", "event")} | {"facts": facts}
        text = json.dumps(said, sort_keys=True, separators=(",", ":"))
        assert line["hash"] == hashlib.sha256(f"{line['prev_hash']}{text}".encode()).hexdigest()


async def test_more_lines_than_fit_a_page_are_all_read(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        for n in range(1201):
            await unit.audit.record(None, Entry(event=AuditEvent.OTHER, facts={"n": n}))
        await unit.commit()
    assert [line["facts"] for line in await exported(archive)] == [{"n": n} for n in range(1201)]
    assert await found_broken(archive) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET event = 'nothing'",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit",
    ],
)
async def test_the_database_refuses_to_change_a_line(archive: SqlArchive, statement: str) -> None:
    await record(archive, "a", "b", "c")
    before = await exported(archive)
    async with archive.unit() as unit:
        with pytest.raises(Exception, match="append-only"):
            await unit.transaction.run(text(statement))
    assert await exported(archive) == before


async def test_the_database_refuses_to_replace_or_empty(archive: SqlArchive, kind: str) -> None:
    await record(archive, "a")
    statement = (
        "TRUNCATE audit"
        if kind == "postgresql"
        else "INSERT OR REPLACE INTO audit SELECT seq, at, operation_id, actor, 'x', facts, prev_hash, hash FROM audit"
    )
    async with archive.unit() as unit:
        with pytest.raises(Exception, match="append-only"):
            await unit.transaction.run(text(statement))


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        pytest.param(["UPDATE audit SET event = 'nothing' WHERE seq = 2"], [2], id="another event"),
        pytest.param(["UPDATE audit SET actor = 'U9' WHERE seq = 3"], [3], id="another actor"),
        pytest.param(["UPDATE audit SET facts = '{}' WHERE seq = 1"], [1], id="other facts"),
        pytest.param(["UPDATE audit SET at = '2020-01-01 00:00:00.000000' WHERE seq = 1"], [1], id="another time"),
        pytest.param(["DELETE FROM audit WHERE seq = 2"], [2, 3], id="a line less in the middle"),
        pytest.param(["DELETE FROM audit WHERE seq = 4"], [4], id="a line less at the end"),
        pytest.param(["DELETE FROM audit"], [1, 2, 3, 4], id="no lines"),
        pytest.param(
            [
                "UPDATE audit SET seq = 9 WHERE seq = 2",
                "UPDATE audit SET seq = 2 WHERE seq = 3",
                "UPDATE audit SET seq = 3 WHERE seq = 9",
            ],
            [2, 3, 4],
            id="two lines swapped",
        ),
        pytest.param(["UPDATE audit_head SET hash = 'x'"], [4], id="another end"),
    ],
)
async def test_tampering_is_found(archive: SqlArchive, kind: str, statements: list[str], expected: list[int]) -> None:
    await record(archive, "a", "b", "c", "d")
    assert await found_broken(archive) == []
    await tamper(archive, kind, *statements)
    assert await found_broken(archive) == expected


async def test_the_lines_of_one_operation_are_read_newest_first_cut_and_counted(archive: Archive) -> None:
    async with archive.unit() as unit:
        for number in range(5):
            await unit.audit.record(OperationId("op-1"), Entry(event=AuditEvent.STEP_DONE, facts={"n": number}))
            await unit.audit.record(OperationId("op-2"), Entry(event=AuditEvent.VOTE, actor=UserId("U1")))
        await unit.audit.record(None, Entry(event=AuditEvent.ALARM_OVER))
        await unit.commit()
    async with archive.unit() as unit:
        number, newest = await unit.audit.entries(OperationId("op-1"), limit=2)
        assert number == 5
        assert [one.entry for one in newest] == [Entry(event=AuditEvent.STEP_DONE, facts={"n": n}) for n in (3, 4)]
        number, every = await unit.audit.entries(OperationId("op-2"), limit=50)
        assert (number, [one.entry.actor for one in every]) == (5, ["U1"] * 5)
        assert [one.at for one in every] == sorted(one.at for one in every)
        assert await unit.audit.entries(OperationId("op-3"), limit=50) == (0, [])
