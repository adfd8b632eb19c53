"""Setting failed VMs aside: nothing touches them again, the rest goes on, and nothing says "done" over them."""

import asyncio

import pytest

from bot.desk.control import Steer
from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadySettled, BadChoice, NotAllowed, Refusal
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.domain.ports import Stale
from bot.domain.progress.steps import StepState
from bot.domain.rules.policy import Actor
from bot.domain.values import OperationId, StepKey
from tests.news import facts_of
from tests.toy_cloud import ToyCloud
from tests.workshop import ALICE, BOB, CAROL, DAVE, Workshop

WHY = "its owner moves it tonight"


@pytest.fixture
def cloud(cloud: ToyCloud) -> ToyCloud:
    cloud.poll = 60.0  # its host is looked at for half an hour before it is given up
    return cloud


async def short_of(shop: Workshop, *vms: str) -> OperationId:
    """An operation that needs a person because these VMs failed; the host was looked at and is not empty."""
    shop.cloud.fails = set(vms)
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    return id


async def audit(shop: Workshop, id: OperationId) -> list[tuple[str, str | None]]:
    async with shop.archive.unit() as unit:
        _, lines = await unit.audit.entries(id, limit=500)
    return [(line.entry.event, line.entry.actor) for line in lines]


async def test_when_every_failed_vm_is_set_aside_the_operation_ends_incomplete_and_the_host_is_free(
    shop: Workshop,
) -> None:
    id = await short_of(shop, "vm-2")
    before = len(shop.cloud.starts)
    await shop.skip(id, "vm-2", reason=WHY)
    operation = await shop.operation(id)
    assert (operation.state, operation.outcome) == (State.ENDED_INCOMPLETE, "5 of 6 VMs verified, 1 set aside")
    assert not await shop.work()
    assert len(shop.cloud.starts) == before
    shop.cloud.disabled = False
    assert await shop.ask() != id


async def test_it_is_told_and_written_down_who_set_what_aside_and_why(shop: Workshop) -> None:
    id = await short_of(shop, "vm-2")
    await shop.skip(id, "vm-2", by=ALICE, reason=WHY)
    news = [n for n in await shop.news() if n.kind in {Kind.SET_ASIDE, Kind.ENDED_INCOMPLETE, Kind.TIMELINE}]
    thread = [n.kind for n in news if n.audience is Audience.THREAD]
    assert thread == [Kind.SET_ASIDE, Kind.ENDED_INCOMPLETE, Kind.TIMELINE]
    assert [n.kind for n in news if n.audience is Audience.INCIDENT] == [Kind.ENDED_INCOMPLETE]
    assert facts_of(news[0]) == {"by": "U0ALICE", "vms": ["name-vm-2"], "reason": WHY}
    events = await audit(shop, id)
    assert events[-3:] == [("step set aside", "U0ALICE"), ("vms set aside", "U0ALICE"), ("closed", "U0ALICE")]
    (record,) = [r for r in await shop.steps(id) if r.aside]
    assert record.aside is not None
    assert (record.key, record.state, record.sentence) == ("move:vm-2", StepState.FAILED, "No valid host was found.")
    assert (record.aside.by, record.aside.reason, record.aside.at) == ("U0ALICE", WHY, shop.clock.now())


@pytest.mark.parametrize(("refused", "may_skip"), [("move:vm-2", True), ("disable", False)])
async def test_whoever_is_called_is_told_of_skip_where_a_vm_may_be_set_aside(
    shop: Workshop, refused: str, may_skip: bool
) -> None:
    shop.cloud.refuse[StepKey(refused)] = "no"
    await shop.approved()
    await shop.work()
    told = [facts_of(n)["may_skip"] for n in await shop.news() if n.kind is Kind.NEEDS_ATTENTION]
    assert set(told) == {may_skip}


async def test_a_retry_leaves_out_what_was_set_aside_and_the_end_names_it(shop: Workshop) -> None:
    id = await short_of(shop, "vm-1", "vm-2")
    await shop.skip(id, "vm-2")
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    await shop.steer(id, Steer.RETRY)
    await shop.work()
    operation = await shop.operation(id)
    assert (operation.state, operation.outcome) == (State.ENDED_INCOMPLETE, "5 of 6 VMs verified, 1 set aside")
    assert (shop.cloud.starts.count("move:vm-1"), shop.cloud.starts.count("move:vm-2")) == (2, 1)
    assert shop.cloud.vms["vm-2"] == "host-1"
    kinds = await shop.kinds()
    assert Kind.FINISHED not in kinds
    assert kinds.count(Kind.ENDED_INCOMPLETE) == 2


async def test_the_host_is_not_called_empty_over_a_vm_that_was_set_aside(shop: Workshop) -> None:
    id = await short_of(shop, "vm-1", "vm-2")
    await shop.skip(id, "vm-2")
    await shop.steer(id, Steer.RETRY)
    await shop.work()
    states = await shop.states(id)
    assert states["move:vm-1"] is StepState.DONE
    assert states["empty"] is not StepState.DONE


async def test_a_vm_that_fails_again_still_needs_a_person(shop: Workshop) -> None:
    id = await short_of(shop, "vm-1", "vm-2")
    await shop.skip(id, "vm-2")
    shop.cloud.fails = {"vm-1"}
    await shop.steer(id, Steer.RETRY)
    await shop.work()
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    told = [n for n in await shop.news() if n.kind is Kind.NEEDS_ATTENTION and n.audience is Audience.THREAD]
    assert [(facts_of(n)["done"], facts_of(n)["failed"], facts_of(n)["aside"]) for n in told] == [(4, 2, 0), (4, 1, 1)]
    assert [facts_of(n)["of host"] for n in told] == [["host-1 is empty"], ["host-1 is empty"]]
    await shop.skip(id, "vm-1")
    operation = await shop.operation(id)
    assert (operation.state, operation.outcome) == (State.ENDED_INCOMPLETE, "4 of 6 VMs verified, 2 set aside")


async def test_even_a_vm_that_somebody_moved_by_hand_since_does_not_count_as_done(shop: Workshop) -> None:
    id = await short_of(shop, "vm-1", "vm-2")
    await shop.skip(id, "vm-2")
    shop.cloud.vms["vm-2"] = "host-2"
    await shop.steer(id, Steer.RETRY)
    await shop.work()
    operation = await shop.operation(id)
    assert (operation.state, operation.outcome) == (State.ENDED_INCOMPLETE, "5 of 6 VMs verified, 1 set aside")
    assert {r.key for r in await shop.steps(id) if r.state is not StepState.DONE} == {"move:vm-2"}


async def test_a_vm_that_could_not_be_unlocked_is_unlocked_by_a_retry_though_it_was_set_aside(shop: Workshop) -> None:
    shop.cloud.locks = True
    shop.cloud.refuse["unlock:vm-2"] = "no"
    id = await short_of(shop, "vm-2")
    await shop.skip(id, "vm-2")
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    assert shop.cloud.locked == {"vm-2"}
    await shop.steer(id, Steer.RETRY)
    await shop.work()
    assert (await shop.operation(id)).state is State.ENDED_INCOMPLETE
    assert shop.cloud.locked == set()
    assert shop.cloud.starts.count("move:vm-2") == 1


async def test_a_stop_or_a_cancel_afterwards_still_says_what_is_left(shop: Workshop) -> None:
    id = await short_of(shop, "vm-1", "vm-2")
    await shop.skip(id, "vm-2")
    await shop.steer(id, Steer.CANCEL)
    operation = await shop.operation(id)
    assert (operation.state, operation.outcome) == (
        State.ENDED_INCOMPLETE,
        "closed with 1 step of the host and 2 of 6 VMs left undone",
    )
    assert [r.key for r in await shop.steps(id) if r.aside] == ["move:vm-2"]


@pytest.mark.parametrize(
    ("vms", "why"),
    [
        ((), "No VM was chosen"),
        (("vm-1",), "name-vm-1 is not among the failed VMs"),
        (("vm-2", "vm-1"), "name-vm-1 is not among"),
        (("vm-9",), "vm-9 is not among"),
    ],
)
async def test_what_did_not_fail_is_refused_and_with_it_all_that_was_ticked(
    shop: Workshop, vms: tuple[str, ...], why: str
) -> None:
    id = await short_of(shop, "vm-2")
    before = (await shop.operation(id), await shop.steps(id), await audit(shop, id))
    with pytest.raises(BadChoice, match=why):
        await shop.skip(id, *vms)
    assert (await shop.operation(id), await shop.steps(id), await audit(shop, id)) == before


async def test_a_window_that_was_opened_before_a_retry_changes_nothing(shop: Workshop) -> None:
    id = await short_of(shop, "vm-1", "vm-2")
    await shop.steer(id, Steer.RETRY)
    with pytest.raises(BadChoice, match="name-vm-2 is not among the failed VMs that can be set aside now"):
        await shop.skip(id, "vm-2")
    shop.cloud.fails = {"vm-1"}
    await shop.work()
    with pytest.raises(BadChoice, match="name-vm-2 is not among the failed VMs that can be set aside now"):
        await shop.skip(id, "vm-2")
    assert not [r for r in await shop.steps(id) if r.aside]


async def test_the_second_of_two_people_reads_who_set_it_aside_before(shop: Workshop) -> None:
    id = await short_of(shop, "vm-1", "vm-2")
    await shop.skip(id, "vm-2", by=BOB, reason=WHY)
    with pytest.raises(AlreadySettled, match="name-vm-2 was set aside already") as late:
        await shop.skip(id, "vm-1", "vm-2", by=CAROL, reason="another")
    assert (late.value.by, late.value.at) == (("U0BOB",), shop.clock.now())
    assert [r.aside.reason for r in await shop.steps(id) if r.aside] == [WHY]


async def test_of_two_who_submit_at_once_exactly_one_is_heard(shop: Workshop) -> None:
    id = await short_of(shop, "vm-1", "vm-2")

    async def tries(*vms: str, by: Actor) -> bool:
        try:
            await shop.skip(id, *vms, by=by)
        except Refusal:
            return False
        return True

    heard = await asyncio.gather(tries("vm-2", by=BOB), tries("vm-2", by=CAROL))
    assert sorted(heard) == [False, True]
    assert [event for event, _ in await audit(shop, id)].count("vms set aside") == 1


async def test_a_retry_that_read_the_operation_before_decides_anew(shop: Workshop) -> None:
    id = await short_of(shop, "vm-1", "vm-2")
    seen_before = await shop.operation(id)
    await shop.skip(id, "vm-2")
    async with shop.archive.unit() as unit:
        with pytest.raises(Stale):
            await unit.operations.save(seen_before, Entry(event=AuditEvent.RETRIED))


async def test_only_who_may_steer_sets_vms_aside(shop: Workshop) -> None:
    id = await short_of(shop, "vm-2")
    with pytest.raises(NotAllowed):
        await shop.skip(id, "vm-2", by=DAVE)
    assert not [r for r in await shop.steps(id) if r.aside]
    await shop.skip(id, "vm-2", by=ALICE)


async def test_a_step_of_the_host_that_failed_is_still_retried(shop: Workshop) -> None:
    shop.cloud.refuse["disable"] = "not allowed"
    id = await shop.approved()
    await shop.work()
    with pytest.raises(BadChoice, match="name-vm-2 is not among"):
        await shop.skip(id, "vm-2")


async def test_outside_of_the_window_vms_can_be_set_aside_because_that_starts_nothing(shop: Workshop) -> None:
    shop.cloud.fails = {"vm-2"}
    id = await shop.approved(window="1h")
    await shop.work()
    await shop.clock.sleep(7200)
    with pytest.raises(AlreadySettled, match="The window closed"):
        await shop.steer(id, Steer.RETRY)
    await shop.skip(id, "vm-2")
    assert (await shop.operation(id)).state is State.ENDED_INCOMPLETE
