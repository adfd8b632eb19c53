"""What an earlier release wrote is read as it was meant: its audit still verifies, its plans keep their digests."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.domain.audit import AuditEvent, Entry
from bot.domain.plans.plan import Plan, PlannedStep, Step, digest_of
from bot.domain.values import OperationId
from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from bot.store.parts import audit
from bot.store.rows import codec
from bot.store.rows.mapping import step_columns, step_of
from tests.clocks import ManualClock

DATA = Path(__file__).parent / "data"
WRITTEN = DATA / "muster-0.2.sql"
PLANNED = json.loads((DATA / "plan-0.2.json").read_text())
"""A plan that waits for its approvers, and the row of one of its steps that is on its way."""


@pytest.fixture
async def archive(tmp_path: Path, clock: ManualClock) -> AsyncIterator[SqlArchive]:
    file = tmp_path / "muster.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(WRITTEN.read_text())
    archive = SqlArchive(f"sqlite:///{file}", clock=clock, bell=WakeUp(clock))
    await archive.open()
    yield archive
    await archive.close()


async def test_an_audit_of_an_earlier_release_is_whole(archive: SqlArchive) -> None:
    async with archive.reading() as unit:
        assert await audit.broken(unit.audit) == []
        words = [line["event"] async for line in audit.export(unit.audit)]
    assert words.count("closed") == 2  # as it was written, and hashed


async def test_a_window_that_was_over_and_an_operation_that_was_ended_are_told_apart(archive: SqlArchive) -> None:
    async with archive.reading() as unit:
        _, lines = await unit.audit.entries(OperationId("op-1"), limit=50)
    events = [(line.entry.event, line.entry.actor) for line in lines]
    assert (AuditEvent.HELD_BACK, None) in events
    assert (AuditEvent.CLOSED, "U0ALICE") in events
    assert len([event for event, _ in events if event in {AuditEvent.HELD_BACK, AuditEvent.CLOSED}]) == 2


async def test_a_word_that_this_release_does_not_know_is_shown_as_it_stands(archive: SqlArchive) -> None:
    async with archive.reading() as unit:
        _, lines = await unit.audit.entries(OperationId("op-1"), limit=50)
    (other,) = [line.entry for line in lines if line.entry.event is AuditEvent.OTHER]
    assert other.facts == {"event": "taken over", "from": "a release of long ago"}


async def test_the_chain_goes_on_behind_lines_of_an_earlier_release(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.audit.record(None, Entry(event=AuditEvent.ALARM_OVER))
        await unit.commit()
    async with archive.reading() as unit:
        assert await audit.broken(unit.audit) == []


def test_a_plan_that_waits_for_its_approvers_over_an_update_keeps_its_digest() -> None:
    plan = codec.decode(Plan, PLANNED["plan"])
    assert {type(step) for step in plan.steps} == {PlannedStep}
    assert digest_of(plan, terms=PLANNED["terms"]) == PLANNED["digest"]
    assert codec.decode(Plan, codec.encode(plan)) == plan


def test_a_step_on_its_way_over_an_update_keeps_its_mark_and_its_receipt() -> None:
    record = step_of(**PLANNED["step"])
    assert record.step.before == {"migrations": [4], "host": "compute-1", "status": "ACTIVE"}
    assert record.step.receipt is not None
    assert (record.step.receipt.id, record.step.receipt.facts) == ("req-5", {"at": "here"})
    planned = next(s for s in codec.decode(Plan, PLANNED["plan"]).steps if s.key == record.key)
    assert record.step == Step.of(planned, before=record.step.before, receipt=record.step.receipt)
    written = step_columns(OperationId("op-1"), record)
    for name, value in PLANNED["step"].items():
        if name in {"step", "body"}:  # documents may have gained parts
            assert json.loads(value).items() <= json.loads(written[name]).items()
        else:
            assert written[name] == value
