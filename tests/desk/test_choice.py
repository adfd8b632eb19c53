"""Choosing the VMs of a plan: a new plan of exactly those, and nothing that was said about the old one counts."""

from dataclasses import dataclass, field, replace

import pytest

from bot.desk.control import Steer
from bot.domain.cloud import Request
from bot.domain.errors import AlreadySettled, BadChoice, NotAllowed, NotOffered
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import Choice, State
from bot.domain.plans.plan import Disposition, Plan
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor
from bot.domain.values import Action, Digest, OperationId, Then, VmId
from bot.store.archive import SqlArchive
from tests.news import facts_of
from tests.toy_cloud import ToyCloud
from tests.workshop import ALICE, BOB, CAROL, DAVE, RULE, LeapingClock, Workshop


@dataclass
class ChoosyCloud(ToyCloud):
    """Leaves it to people which VMs are moved: all by default but those with a flag."""

    flagged: set[str] = field(default_factory=set)
    may_choose_none: bool = True

    def plan(self, request: Request, survey: dict[str, str]) -> Plan:
        whole = super().plan(request, survey)
        ticked = set(request.vms) if request.is_choice else set(survey) - self.flagged
        vms = tuple(
            replace(vm, chosen=vm.id in ticked, disposition=vm.disposition if vm.id in ticked else Disposition.LEAVE)
            for vm in whole.vms
        )
        steps = tuple(s for s in whole.steps if (s.vm is None and s.verb != "empty") or s.vm in ticked)
        return replace(whole, vms=vms, steps=steps, may_choose_none=self.may_choose_none)


@pytest.fixture
def cloud(clock: LeapingClock) -> ChoosyCloud:
    return ChoosyCloud(clock=clock, vms={f"vm-{n}": "host-1" for n in range(4)}, flagged={"vm-3"})


@pytest.fixture
async def asked(shop: Workshop) -> OperationId:
    """A request that waits for approval."""
    id = await shop.ask()
    await shop.work()
    return id


async def choose(shop: Workshop, id: OperationId, *vms: str, by: Actor = ALICE, digest: str = "") -> None:
    shown = (await shop.operation(id)).digest
    assert shown is not None
    await shop.desk.choose(
        id,
        [VmId(vm) for vm in vms],
        digest=Digest(digest) if digest else shown,
        by=by,
        key=await shop.key(),
    )


async def test_exactly_the_chosen_vms_are_planned_approved_and_moved(shop: Workshop, asked: OperationId) -> None:
    await choose(shop, asked, "vm-1", "vm-3")
    assert (await shop.operation(asked)).state is State.CHECKING
    await shop.work()
    plan = (await shop.operation(asked)).plan
    assert plan is not None
    assert {vm.id for vm in plan.choices if vm.chosen} == {"vm-1", "vm-3"}
    await shop.vote(asked)
    await shop.work()
    assert (await shop.operation(asked)).state is State.SUCCEEDED
    assert shop.cloud.starts == ["disable", "move:vm-1", "move:vm-3"]


async def test_an_approval_of_the_old_plan_counts_no_more(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=2)
    id = await shop.ask()
    await shop.work()
    old = (await shop.operation(id)).digest
    assert old is not None
    await shop.vote(id, by=BOB)
    await choose(shop, id, "vm-0")
    await shop.work()
    operation = await shop.operation(id)
    assert (operation.state, operation.approvals) == (State.AWAITING_APPROVAL, ())
    assert operation.digest != old
    with pytest.raises(AlreadySettled, match="plan has changed"):
        await shop.desk.vote(id, Choice.APPROVE, digest=old, by=CAROL, key=await shop.key())
    await shop.vote(id, by=BOB)
    await shop.vote(id, by=CAROL)
    assert (await shop.operation(id)).state is State.QUEUED


async def test_none_is_a_choice_where_it_makes_sense_and_is_never_taken_for_all(
    shop: Workshop, asked: OperationId
) -> None:
    await choose(shop, asked)
    await shop.work()
    plan = (await shop.operation(asked)).plan
    assert plan is not None
    assert not any(vm.chosen for vm in plan.choices)
    assert [s.key for s in plan.steps] == ["disable"]


async def test_none_is_refused_where_nothing_would_be_done(shop: Workshop, cloud: ChoosyCloud) -> None:
    cloud.may_choose_none = False
    id = await shop.ask()
    await shop.work()
    with pytest.raises(BadChoice, match="No VM was chosen"):
        await choose(shop, id)
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL


async def test_a_list_of_an_older_plan_is_not_taken(shop: Workshop, asked: OperationId) -> None:
    old = (await shop.operation(asked)).digest
    assert old is not None
    await choose(shop, asked, "vm-0")
    await shop.work()
    with pytest.raises(AlreadySettled, match="plan has changed"):
        await choose(shop, asked, "vm-1", digest=old)


@pytest.mark.parametrize(
    ("vms", "why"),
    [(("vm-9",), "Not among the VMs"), (("vm-0", "vm-1", "vm-2"), "what the plan does already")],
)
async def test_what_changes_nothing_or_is_not_offered_is_refused(
    shop: Workshop, asked: OperationId, vms: tuple[str, ...], why: str
) -> None:
    with pytest.raises(BadChoice, match=why):
        await choose(shop, asked, *vms)


async def test_a_plan_without_choices_leaves_nothing_to_choose(archive: SqlArchive, clock: LeapingClock) -> None:
    shop = Workshop(archive=archive, clock=clock, cloud=ToyCloud(clock=clock, vms={"vm-0": "host-1"}))
    id = await shop.ask()
    await shop.work()
    with pytest.raises(BadChoice, match="nothing to choose"):
        await choose(shop, id, "vm-0")


async def test_strangers_may_not_choose_and_after_the_approval_nobody_may(shop: Workshop, asked: OperationId) -> None:
    with pytest.raises(NotAllowed):
        await choose(shop, asked, "vm-0", by=DAVE)
    await shop.vote(asked)
    with pytest.raises(AlreadySettled, match="Already approved"):
        await choose(shop, asked, "vm-0", by=CAROL)


async def test_a_dry_run_can_be_chosen_from_and_keeps_the_choice_when_it_turns_serious(shop: Workshop) -> None:
    id = await shop.ask(check=True)
    await shop.work()
    await choose(shop, id, "vm-2")
    await shop.work()
    assert (await shop.operation(id)).state is State.READY
    await shop.steer(id, Steer.REQUEST_APPROVAL, by=ALICE)
    await shop.work()
    plan = (await shop.operation(id)).plan
    assert plan is not None
    assert [vm.id for vm in plan.choices if vm.chosen] == ["vm-2"]


async def test_who_chose_what_is_told_and_written_down(shop: Workshop, asked: OperationId) -> None:
    await choose(shop, asked, "vm-0", by=BOB)
    (news,) = [n for n in await shop.news() if n.kind is Kind.CHOSEN]
    assert facts_of(news) == {"by": "U0BOB", "chosen": 1, "left": ["name-vm-1", "name-vm-2", "name-vm-3"]}


# nobody has chosen yet -----------------------------------------------------------------------------------------------


@pytest.fixture
async def unchosen(shop: Workshop, cloud: ChoosyCloud) -> OperationId:
    """A request whose plan takes none of the VMs that may be chosen."""
    cloud.flagged = set(cloud.vms)
    id = await shop.ask()
    await shop.work()
    return id


async def calls(shop: Workshop) -> list[tuple[Kind, list[str]]]:
    """Who is called under the card, in order."""
    told = [n for n in await shop.news() if n.audience is Audience.THREAD]
    return [(n.kind, list(n.ask)) for n in told if n.kind in {Kind.CHOICE_WANTED, Kind.WAITING}]


FIRST = (Kind.CHOICE_WANTED, ["U0ALICE"])
THEN = (Kind.WAITING, ["S0LEADS"])


@pytest.mark.parametrize("vms", [(), ("vm-1",), ("vm-0", "vm-1", "vm-2", "vm-3")])
async def test_approvers_are_called_once_and_only_when_somebody_has_said_which_vms_are_meant(
    shop: Workshop, unchosen: OperationId, vms: tuple[str, ...]
) -> None:
    assert await calls(shop) == [FIRST]
    assert (await shop.operation(unchosen)).state is State.AWAITING_APPROVAL
    await shop.steer(unchosen, Steer.RECHECK)
    await shop.work()
    assert await calls(shop) == [FIRST]
    await choose(shop, unchosen, *vms)
    await shop.work()
    assert await calls(shop) == [FIRST, THEN]
    await shop.vote(unchosen)
    await shop.work()
    assert (await shop.operation(unchosen)).state is State.SUCCEEDED
    assert shop.cloud.starts == ["disable", *(f"move:{vm}" for vm in vms)]


async def test_to_choose_none_a_second_time_changes_nothing(shop: Workshop, unchosen: OperationId) -> None:
    await choose(shop, unchosen)
    await shop.work()
    with pytest.raises(BadChoice, match="what the plan does already"):
        await choose(shop, unchosen)


async def test_an_approver_need_not_wait_for_the_choice(shop: Workshop, unchosen: OperationId) -> None:
    await shop.vote(unchosen)
    await shop.work()
    assert (await shop.operation(unchosen)).state is State.SUCCEEDED
    assert await calls(shop) == [FIRST]


async def test_who_requests_approval_of_a_dry_run_means_its_plan_as_it_is(shop: Workshop, cloud: ChoosyCloud) -> None:
    cloud.flagged = set(cloud.vms)
    id = await shop.ask(check=True)
    await shop.work()
    await shop.steer(id, Steer.REQUEST_APPROVAL)
    await shop.work()
    assert await calls(shop) == [THEN]


async def test_a_cloud_that_cannot_switch_power_says_so_at_once(shop: Workshop) -> None:
    order = Order(action=Action.EVACUATE, cloud="toy", host="host-1", then=Then.REBOOT)
    with pytest.raises(NotOffered, match=r"Switching the power of a host \(reboot\)"):
        await shop.desk.ask(order, by=ALICE, channel="C0OPS", key=await shop.key())
    assert await shop.desk.live() == []
