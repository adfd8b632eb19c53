"""The archive keeps operations and steps."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadyUnderWay, UnknownOperation
from bot.domain.operation import Choice, Event, Operation, State, Vote
from bot.domain.plans.plan import Step
from bot.domain.ports import Archive, Bell, Stale
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import Digest, HostId, OperationId, StepKey, UserId
from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from tests.clocks import ManualClock
from tests.store.examples import ENTRY, START, any_of, operation, plan, records, step
from tests.tiers import examples

over_the_same_database = settings(
    max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_numbers = iter(range(10**9))


async def add(archive: Archive, *operations: Operation) -> None:
    async with archive.unit() as unit:
        for each in operations:
            await unit.operations.add(each, ENTRY)
        await unit.commit()


async def read(archive: Archive, id: str = "op-1") -> Operation:
    async with archive.unit() as unit:
        return await unit.operations.get(OperationId(id))


async def save(archive: Archive, changed: Operation) -> Operation:
    async with archive.unit() as unit:
        saved = await unit.operations.save(changed, ENTRY)
        await unit.commit()
    return saved


async def revision_of(archive: Archive, id: str = "op-1") -> int:
    async with archive.unit() as unit:
        return next(revision for found, revision, _ in await unit.cards.outdated(limit=10) if found.id == id)


async def test_what_is_not_committed_never_was(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.operations.add(operation(), ENTRY)
    with pytest.raises(UnknownOperation):
        await read(archive)


async def test_an_error_rolls_everything_back(archive: SqlArchive) -> None:
    async def stumble() -> None:
        async with archive.unit() as unit:
            await unit.operations.add(operation(), ENTRY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await stumble()
    async with archive.unit() as unit:
        assert await unit.operations.newest() == []


async def test_nothing_follows_a_commit_in_its_unit(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.operations.add(operation(), ENTRY)
        await unit.commit()
        with pytest.raises(RuntimeError, match="begin another"):
            await unit.operations.get(OperationId("op-1"))


async def test_a_commit_rings_the_bell_and_a_rollback_does_not(url: str, clock: ManualClock) -> None:
    class Counting(WakeUp):
        rung = 0

        def ring(self) -> None:
            self.rung += 1

    bell = Counting(clock)
    archive = SqlArchive(url, clock=clock, bell=bell)
    await archive.open()
    async with archive.unit() as unit:
        await unit.operations.add(operation(), ENTRY)
    assert bell.rung == 0
    await add(archive, operation())
    assert bell.rung == 1
    await archive.close()


async def test_no_text_from_outside_is_too_odd_to_be_locked_under(archive: SqlArchive) -> None:
    odd = operation()
    odd = replace(odd, request=replace(odd.request, cloud="\ud800\0"))
    await add(archive, odd)
    assert await read(archive, odd.id) == odd


@given(drawn=any_of(Operation))
@over_the_same_database
async def test_any_operation_comes_back_as_it_was(archive: SqlArchive, drawn: Operation) -> None:
    number = next(_numbers)
    cloud, host = f"{drawn.request.cloud}{number}", HostId(f"{drawn.request.host}{number}")
    request = replace(drawn.request, cloud=cloud, host=host)
    stored = replace(drawn, id=OperationId(f"{drawn.id}{number}"), request=request)
    await add(archive, stored)
    assert await read(archive, stored.id) == stored


@given(drawn=any_of(StepRecord))
@over_the_same_database
async def test_any_step_comes_back_as_it_was(archive: SqlArchive, drawn: StepRecord) -> None:
    number = next(_numbers)
    async with archive.unit() as unit:
        await unit.operations.add(operation(number), ENTRY)
        await unit.steps.lay_out(OperationId(f"op-{number}"), [drawn])
        await unit.commit()
    async with archive.unit() as unit:
        assert await unit.steps.of(OperationId(f"op-{number}")) == [drawn]


async def test_plans_survive_a_new_process(url: str, kind: str, clock: ManualClock, bell: Bell) -> None:
    first, second = (SqlArchive(url, clock=clock, bell=bell) for _ in range(2))
    stored = replace(operation(plan=plan(3)), approved_plan=plan(5))
    await first.open()
    await add(first, stored)
    await first.close()
    await second.open()
    if kind == "memory":  # a database in memory ends with its process
        with pytest.raises(UnknownOperation):
            await read(second)
    else:
        assert await read(second) == stored
    await second.close()


async def test_a_host_has_one_live_operation(archive: SqlArchive) -> None:
    await add(archive, operation(1, host="h"))
    async with archive.unit() as unit:
        with pytest.raises(AlreadyUnderWay) as refused:
            await unit.operations.add(operation(2, host="h"), ENTRY)
        assert refused.value.other == "op-1"
        await unit.audit.record(None, Entry(event=AuditEvent.REFUSED))  # the transaction is still good
        await unit.commit()
    async with archive.unit() as unit:
        assert [o.id for o in await unit.operations.newest()] == ["op-1"]


async def test_the_host_is_free_again_once_the_operation_is_final(archive: SqlArchive) -> None:
    await add(archive, operation(1, host="h"))
    await save(archive, (await read(archive)).after(Event.FORBIDDEN, at=START))
    await add(archive, operation(2, host="h"))


async def test_dry_runs_stand_beside_a_live_operation(archive: SqlArchive) -> None:
    await add(archive, operation(1, host="h"), operation(2, host="h", dry_run=True))


async def test_a_dry_run_cannot_turn_serious_on_a_host_that_is_held(archive: SqlArchive) -> None:
    await add(archive, operation(1, host="h"), operation(2, host="h", dry_run=True))
    dry = await read(archive, "op-2")
    async with archive.unit() as unit:
        with pytest.raises(AlreadyUnderWay) as refused:
            await unit.operations.save(replace(dry, dry_run=False), ENTRY)
        assert refused.value.other == "op-1"
        await unit.commit()
    assert await read(archive, "op-2") == dry


async def test_twenty_requests_for_one_host_at_once_begin_one_operation(archive: SqlArchive) -> None:
    results = await asyncio.gather(*(add(archive, operation(n, host="h")) for n in range(20)), return_exceptions=True)
    refused = [r for r in results if isinstance(r, AlreadyUnderWay)]
    (begun,) = [n for n, r in enumerate(results) if r is None]
    assert len(refused) == 19
    assert {r.other for r in refused} == {f"op-{begun}"}


async def test_a_save_from_an_old_reading_is_stale(archive: SqlArchive) -> None:
    await add(archive, operation())
    read_before = await read(archive)
    saved = await save(archive, replace(read_before, outcome="first"))
    assert saved.version == read_before.version + 1
    with pytest.raises(Stale):
        await save(archive, replace(read_before, outcome="second"))
    assert await read(archive) == saved


async def test_votes_cast_at_once_are_all_counted(archive: SqlArchive) -> None:
    """Transactions queue or find their reading stale; none fails, none is lost."""
    await add(archive, operation())

    async def vote(number: int) -> None:
        cast = Vote(by=UserId(f"U{number}"), choice=Choice.APPROVE, digest=Digest("d"), at=START)
        while True:
            try:
                async with archive.unit() as unit:
                    found = await unit.operations.get(OperationId("op-1"))
                    await unit.operations.save(replace(found, votes=(*found.votes, cast)), ENTRY)
                    await unit.commit()
            except Stale:
                continue
            return

    await asyncio.gather(*(vote(n) for n in range(12)))
    assert {v.by for v in (await read(archive)).votes} == {f"U{n}" for n in range(12)}


async def test_units_read_what_they_wrote(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.operations.add(operation(), ENTRY)
        saved = await unit.operations.save(replace(await unit.operations.get(OperationId("op-1")), outcome="x"), ENTRY)
        assert await unit.operations.get(OperationId("op-1")) == saved


async def test_operations_are_listed_newest_first_and_filtered(archive: SqlArchive) -> None:
    await add(archive, operation(1, host="a"), operation(2, host="b"), operation(3, host="c", dry_run=True))
    await save(archive, (await read(archive, "op-1")).after(Event.FORBIDDEN, at=START))

    async def ids(**filters: Any) -> list[str]:
        async with archive.unit() as unit:
            return [o.id for o in await unit.operations.newest(**filters)]

    assert await ids() == ["op-3", "op-2", "op-1"]
    assert await ids(limit=1) == ["op-3"]
    assert await ids(live=True) == ["op-2"]
    assert await ids(live=False) == ["op-3", "op-1"]
    assert await ids(states=frozenset({State.BLOCKED})) == ["op-1"]
    assert await ids(host=HostId("b")) == ["op-2"]
    assert await ids(cloud="other") == []


async def test_requests_are_overdue_from_the_moment_they_expire(archive: SqlArchive) -> None:
    waiting = operation(1, state=State.AWAITING_APPROVAL, expires_at=START + timedelta(minutes=30))
    await add(archive, waiting, operation(2, state=State.READY, expires_at=START))
    async with archive.unit() as unit:
        assert await unit.operations.overdue(START + timedelta(minutes=30, microseconds=-1)) == []
        assert await unit.operations.overdue(START + timedelta(minutes=30)) == ["op-1"]


async def test_steps_are_laid_out_in_plan_order_and_replaced(archive: SqlArchive) -> None:
    await add(archive, operation())
    async with archive.unit() as unit:
        await unit.steps.lay_out(OperationId("op-1"), records(12)[::-1])
        assert await unit.steps.of(OperationId("op-1")) == records(12)
        await unit.steps.lay_out(OperationId("op-1"), records(2))
        await unit.commit()
    async with archive.unit() as unit:
        assert await unit.steps.of(OperationId("op-1")) == records(2)


async def test_saved_steps_change_alone(archive: SqlArchive) -> None:
    await add(archive, operation())
    intended = records(3)[1].intend({"seen": ["m1"]}, now=START)
    async with archive.unit() as unit:
        await unit.steps.lay_out(OperationId("op-1"), records(3))
        await unit.steps.save(OperationId("op-1"), [(intended, ENTRY)])
        await unit.commit()
    async with archive.unit() as unit:
        found = await unit.steps.of(OperationId("op-1"))
    assert found == [records(3)[0], intended, records(3)[2]]
    assert found[1].state is StepState.INTENT


async def test_a_step_that_was_never_laid_out_cannot_be_saved(archive: SqlArchive) -> None:
    await add(archive, operation())
    stranger = StepRecord(step=Step.of(replace(step(9), key=StepKey("nobody's"))), seq=0)
    async with archive.unit() as unit:
        await unit.steps.lay_out(OperationId("op-1"), records(3))
        with pytest.raises(LookupError):
            await unit.steps.save(OperationId("op-1"), [(records(3)[0], None), (stranger, None)])


async def test_every_change_of_operation_or_steps_grows_the_revision_but_not_always_the_version(
    archive: SqlArchive,
) -> None:
    await add(archive, operation())
    seen = [await revision_of(archive)]
    async with archive.unit() as unit:
        await unit.steps.lay_out(OperationId("op-1"), records(3))
        await unit.commit()
    seen.append(await revision_of(archive))
    async with archive.unit() as unit:
        await unit.steps.save(OperationId("op-1"), [(records(3)[0], None)])
        await unit.commit()
    seen.append(await revision_of(archive))
    assert (await read(archive)).version == 0
    await save(archive, await read(archive))
    seen.append(await revision_of(archive))
    assert seen == sorted(set(seen))


async def test_what_other_operations_of_a_cloud_have_in_flight_is_counted(archive: SqlArchive) -> None:
    await add(archive, *(operation(number, state=State.RUNNING) for number in (1, 2, 3)))
    other_cloud = operation(4, state=State.RUNNING)
    await add(archive, replace(other_cloud, request=replace(other_cloud.request, cloud="lab")))
    async with archive.unit() as unit:
        for number in (1, 2, 3, 4):
            rows = records(3)
            await unit.steps.lay_out(OperationId(f"op-{number}"), [replace(rows[0], state=StepState.INTENT), *rows[1:]])
        await unit.commit()
    mine = await read(archive)
    async with archive.unit() as unit:
        found = await unit.steps.moving_elsewhere(mine)
    assert sorted((id, record.key) for id, record in found) == [("op-2", "move vm-0"), ("op-3", "move vm-0")]


async def test_whoever_counts_waits_for_the_intents_of_whoever_counted_before(archive: SqlArchive) -> None:
    await add(archive, *(operation(number, state=State.RUNNING) for number in (1, 2)))
    async with archive.unit() as unit:
        for number in (1, 2):
            await unit.steps.lay_out(OperationId(f"op-{number}"), records(3))
        await unit.commit()
    first, second = await read(archive, "op-1"), await read(archive, "op-2")
    most, begun = 4, []

    async def begin(mine: Operation) -> None:
        async with archive.unit() as unit:
            beside = await unit.steps.moving_elsewhere(mine)
            await asyncio.sleep(0.05)
            free = most - len(beside)
            go = [replace(r, state=StepState.INTENT) for r in await unit.steps.of(mine.id)][:free]
            await unit.steps.save(mine.id, [(r, None) for r in go])
            await unit.commit()
        begun.append(len(go))

    await asyncio.gather(begin(first), begin(second))
    assert sorted(begun) == [1, 3]


async def test_steps_that_somebody_reads_alone_are_changed_by_nobody_else_meanwhile(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.operations.add(operation(1), ENTRY)
        await unit.steps.lay_out(OperationId("op-1"), records(1))
        await unit.commit()

    async def once_more() -> None:
        """What read, then write does when two do it at once: without the lock one of them is lost."""
        async with archive.unit() as unit:
            (read,) = await unit.steps.of(OperationId("op-1"), alone=True)
            await asyncio.sleep(0)
            await unit.steps.save(OperationId("op-1"), [(replace(read, starts=read.starts + 1), None)])
            await unit.commit()

    await asyncio.gather(*(once_more() for _ in range(8)))
    async with archive.unit() as unit:
        (read,) = await unit.steps.of(OperationId("op-1"))
    assert read.starts == 8
