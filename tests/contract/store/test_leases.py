"""The archive hands operations to workers, one at a time."""

import asyncio
from collections.abc import Collection
from datetime import timedelta

import pytest

from bot.domain.operation import WORKING, State
from bot.domain.ports import LEFT_TO_OTHERS, Archive, Lease, LeaseLost
from bot.domain.values import OperationId
from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from tests.clocks import ManualClock
from tests.store.examples import ENTRY, START, WORKED_ON, operation, records

HALF_A_MINUTE = timedelta(seconds=30)
OVER_AT_ONCE = timedelta(0)
"""A lease of this span is over when it is taken: a frozen worker, on a database with a clock of its own."""


async def add(archive: Archive, *numbers: int, state: State = WORKED_ON) -> None:
    async with archive.unit() as unit:
        for number in numbers:
            await unit.operations.add(operation(number, state=state), ENTRY)
        await unit.commit()


async def claim(
    archive: Archive, owner: str = "a", *, span: timedelta = HALF_A_MINUTE, clouds: Collection[str] | None = None
) -> Lease | None:
    async with archive.unit() as unit:
        has_work = await unit.leases.has_work(span=span, clouds=clouds)
        lease = await unit.leases.claim(owner, span=span, clouds=clouds)
        await unit.commit()
    assert lease is None or has_work
    return lease


async def taken(archive: Archive, owner: str = "a", *, span: timedelta = HALF_A_MINUTE) -> Lease:
    lease = await claim(archive, owner, span=span)
    assert lease is not None
    return lease


async def release(archive: Archive, lease: Lease) -> None:
    async with archive.unit() as unit:
        await unit.leases.release(lease)
        await unit.commit()


async def test_only_operations_that_muster_moves_on_are_handed_out(archive: SqlArchive) -> None:
    for number, state in enumerate(State):
        await add(archive, number, state=state)
    handed_out = set()
    while (lease := await claim(archive)) is not None:
        handed_out.add(lease.operation)
    assert handed_out == {f"op-{number}" for number, state in enumerate(State) if state in WORKING}


async def test_an_operation_is_held_by_one_worker(archive: SqlArchive) -> None:
    await add(archive, 1)
    lease = await taken(archive, "a")
    assert (lease.operation, lease.owner, lease.fence) == ("op-1", "a", 1)
    assert await claim(archive, "b") is None
    async with archive.reading() as unit:
        assert not await unit.leases.has_work(span=HALF_A_MINUTE)


async def test_a_released_operation_is_handed_out_again_under_a_higher_fence(archive: SqlArchive) -> None:
    await add(archive, 1)
    first = await taken(archive, "a")
    await release(archive, first)
    second = await taken(archive, "a")
    assert second.fence > first.fence


async def test_the_one_that_waited_longest_comes_first(archive: SqlArchive, clock: ManualClock, kind: str) -> None:
    for number in (1, 2, 3):
        await add(archive, number)
        await clock.pass_time(1)
    order = []
    for _ in range(7):
        lease = await taken(archive)
        order.append(lease.operation)
        await clock.pass_time(1)
        await release(archive, lease)
    assert order == ["op-1", "op-2", "op-3", "op-1", "op-2", "op-3", "op-1"]


async def test_a_lease_that_ran_out_is_taken_over(archive: SqlArchive) -> None:
    await add(archive, 1)
    frozen = await taken(archive, "a", span=OVER_AT_ONCE)
    other = await taken(archive, "b")
    assert other.fence == frozen.fence + 1


async def test_a_frozen_worker_writes_nothing(archive: SqlArchive) -> None:
    await add(archive, 1)
    frozen = await taken(archive, "a", span=OVER_AT_ONCE)
    other = await taken(archive, "b")

    async def write() -> None:
        async with archive.unit() as unit:
            await unit.steps.lay_out(OperationId("op-1"), records(3))
            await unit.leases.hold(frozen, span=HALF_A_MINUTE)
            await unit.commit()

    with pytest.raises(LeaseLost):
        await write()
    async with archive.unit() as unit:
        assert await unit.steps.of(OperationId("op-1")) == []
        assert (await unit.leases.hold(other)).fence == other.fence


async def test_a_lease_that_ran_out_is_lost_even_if_nobody_took_over(archive: SqlArchive) -> None:
    await add(archive, 1)
    frozen = await taken(archive, span=OVER_AT_ONCE)
    async with archive.unit() as unit:
        with pytest.raises(LeaseLost):
            await unit.leases.hold(frozen, span=HALF_A_MINUTE)


async def test_a_worker_of_the_same_name_needs_the_same_fence(archive: SqlArchive) -> None:
    await add(archive, 1)
    before = await taken(archive, "a", span=OVER_AT_ONCE)
    await taken(archive, "a")
    async with archive.unit() as unit:
        with pytest.raises(LeaseLost):
            await unit.leases.hold(before)


async def test_holding_renews_only_when_asked(archive: SqlArchive) -> None:
    await add(archive, 1)
    lease = await taken(archive)
    async with archive.unit() as unit:
        assert await unit.leases.hold(lease) == lease
        renewed = await unit.leases.hold(lease, span=10 * HALF_A_MINUTE)
        await unit.commit()
    assert renewed.until - lease.until > 5 * HALF_A_MINUTE
    async with archive.unit() as unit:
        assert await unit.leases.hold(lease) == renewed


async def test_an_uncommitted_renewal_is_none(archive: SqlArchive) -> None:
    await add(archive, 1)
    lease = await taken(archive)
    async with archive.unit() as unit:
        await unit.leases.hold(lease, span=10 * HALF_A_MINUTE)
    async with archive.unit() as unit:
        assert await unit.leases.hold(lease) == lease


async def test_releasing_a_lost_lease_changes_nothing(archive: SqlArchive) -> None:
    await add(archive, 1)
    frozen = await taken(archive, "a", span=OVER_AT_ONCE)
    other = await taken(archive, "b")
    await release(archive, frozen)
    async with archive.unit() as unit:
        assert await unit.leases.hold(other) == other


async def test_a_save_by_a_person_does_not_cost_the_worker_its_lease(archive: SqlArchive) -> None:
    await add(archive, 1)
    lease = await taken(archive)
    async with archive.unit() as unit:
        await unit.operations.save(await unit.operations.get(OperationId("op-1")), ENTRY)
        await unit.commit()
    async with archive.unit() as unit:
        assert await unit.leases.hold(lease) == lease


async def test_two_workers_racing_for_fifty_operations_never_share_one(
    archive: SqlArchive, url: str, kind: str, clock: ManualClock
) -> None:
    await add(archive, *range(50))
    second = archive
    if kind == "postgresql":  # another process, as far as the database can tell
        second = SqlArchive(url, clock=clock, bell=WakeUp(clock))
        await second.open()

    async def work(through: Archive, owner: str) -> list[str]:
        mine: list[str] = []
        while (lease := await claim(through, owner)) is not None:
            mine.append(lease.operation)
        return mine

    workers = [work(each, f"{name}{n}") for n in range(2) for name, each in (("a", archive), ("b", second))]
    hauls = await asyncio.gather(*workers)
    assert sorted(one for haul in hauls for one in haul) == sorted(f"op-{n}" for n in range(50))
    if second is not archive:
        await second.close()


async def test_leases_follow_the_clock_of_an_embedded_database(
    archive: SqlArchive, clock: ManualClock, kind: str
) -> None:
    await add(archive, 1)
    lease = await taken(archive)
    await clock.pass_time(31)
    async with archive.unit() as unit:
        if kind == "postgresql":  # replicas agree on the database's time, whatever their own says
            assert await unit.leases.hold(lease) == lease
        else:
            assert lease.until == START + HALF_A_MINUTE
            with pytest.raises(LeaseLost):
                await unit.leases.hold(lease)


@pytest.mark.parametrize("by", [-86_400, -3_600, 3_600, 86_400])
async def test_setting_the_machines_clock_neither_ends_a_lease_nor_keeps_it(
    archive: SqlArchive, clock: ManualClock, kind: str, by: float
) -> None:
    await add(archive, 1)
    lease = await taken(archive)
    clock.set_by(by)
    assert await claim(archive, "b") is None
    async with archive.unit() as unit:
        assert await unit.leases.hold(lease) == lease
    await clock.pass_time(31)
    assert (await claim(archive, "b") is None) is (kind == "postgresql")


async def test_a_lease_given_before_the_databases_clock_was_set_back_is_taken_over_at_once(archive: SqlArchive) -> None:
    await add(archive, 1)
    await taken(archive, "a", span=timedelta(hours=1))
    lease = await taken(archive, "b")
    assert (lease.owner, lease.fence) == ("b", 2)


async def test_an_operation_of_a_cloud_that_one_does_not_know_is_left_for_a_while_to_who_does(
    archive: SqlArchive, clock: ManualClock, kind: str
) -> None:
    await add(archive, 1)
    cloud = operation(1).request.cloud
    assert await claim(archive, "stranger", clouds=["another"]) is None
    lease = await claim(archive, "friend", clouds=["another", cloud])
    assert lease is not None
    await release(archive, lease)
    await clock.pass_time(LEFT_TO_OTHERS.total_seconds())
    left = await claim(archive, "stranger", clouds=["another"])
    assert (left is None) is (kind == "postgresql"), "whose clock nobody moves on"


async def test_whoever_knows_no_cloud_leaves_operations_of_the_dead_to_others_too(
    archive: SqlArchive, clock: ManualClock
) -> None:
    await add(archive, 1)
    await clock.pass_time(LEFT_TO_OTHERS.total_seconds())
    await taken(archive, "dead", span=OVER_AT_ONCE)
    assert await claim(archive, "stranger", clouds=[]) is None
    assert await claim(archive, "friend") is not None
