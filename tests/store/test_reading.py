"""Who reads from a server waits for nobody who writes, and is not misled by what is committed between two questions."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.ports import Lease
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.rules.policy import Rule
from bot.domain.values import OperationId
from bot.engine.leased import LeasedOperation
from bot.engine.missing_cloud import MissingCloud
from bot.runtime.clock import SystemClock, WakeUp
from bot.store import SqlArchive
from bot.store.parts.steps import SqlSteps
from tests.store.databases import Postgresql
from tests.store.examples import ENTRY, START, WORKED_ON, operation, records

ONE = OperationId("op-1")


@pytest.fixture
async def archive(server: Postgresql) -> AsyncIterator[SqlArchive]:
    clock = SystemClock()
    async with server.database() as url:
        archive = SqlArchive(url, clock=clock, bell=WakeUp(clock))
        await archive.open()
        async with archive.unit() as unit:
            await unit.operations.add(operation(1, state=WORKED_ON), ENTRY)
            await unit.steps.lay_out(ONE, records(2))
            await unit.commit()
        yield archive
        await archive.close()


async def taken(archive: SqlArchive) -> Lease:
    async with archive.unit() as unit:
        lease = await unit.leases.claim("me", span=timedelta(seconds=60))
        await unit.commit()
    assert lease is not None
    return lease


async def test_who_reads_waits_for_no_row_that_somebody_else_holds(archive: SqlArchive) -> None:
    lease = await taken(archive)
    async with archive.unit() as writer:
        await writer.operations.save(await writer.operations.get(ONE), ENTRY)
        async with archive.reading() as reader:
            assert (await reader.leases.hold(lease)).version == (await reader.operations.get(ONE)).version
        await writer.commit()


async def test_what_a_person_commits_between_two_questions_is_read_again(
    archive: SqlArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease, of, was_overtaken = await taken(archive), SqlSteps.of, False

    async def of_and_be_overtaken(steps: SqlSteps, id: OperationId, *, alone: bool = False) -> Sequence[StepRecord]:
        nonlocal was_overtaken
        if not was_overtaken:
            was_overtaken = True
            async with archive.unit() as person:
                first, *_ = await of(person.steps, id)
                ended = first.end(StepState.NOT_NEEDED, now=START, sentence="Set aside.")
                await person.operations.save(replace(await person.operations.get(id), outcome="new"), ENTRY)
                await person.steps.save(id, [(ended, None)])
                await person.commit()
        return await of(steps, id, alone=alone)

    monkeypatch.setattr(SqlSteps, "of", of_and_be_overtaken)
    leased = LeasedOperation(
        lease=lease,
        archive=archive,
        clock=SystemClock(),
        cloud=MissingCloud("prod"),
        rule=Rule(requesters=(), approvers=()),
    )
    read, steps = await leased.load()
    assert was_overtaken
    assert (read.outcome, steps[0].state) == ("new", StepState.NOT_NEEDED)
