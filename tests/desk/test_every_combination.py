"""Every combination of who decides what on which request under which policy, held against a table written by hand.

The table (`expected`) knows nothing of the law's code: it says in plain words who may do what, and what becomes of it.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.desk.control import Input, Steer
from bot.desk.desk import Desk
from bot.desk.votes import Confirmation
from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import Host, Request
from bot.domain.errors import Refusal
from bot.domain.operation import Choice, Operation, State, Vote
from bot.domain.plans.plan import Disposition, Finding, Plan, Step, Topic, Verdict, Vm, digest_of
from bot.domain.ports import Archive
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor, Rule, Standing
from bot.domain.values import Action, HostId, OperationId, StepKey, UserId, VmId
from tests.toy_cloud import ToyCloud
from tests.workshop import LeapingClock

ME, SOMEBODY = UserId("U0ME"), UserId("U0SOMEBODY")
DEAD = "host is dead"


@dataclass(frozen=True)
class Role:
    """What the person who acts is to the request."""

    asked: bool = False  #: the request is theirs
    asks: bool = False  #: among those who may ask
    leads: bool = False  #: among the approvers
    breaks: bool = False  #: among those who may break glass
    standing: Standing = Standing.FULL_MEMBER

    @property
    def actor(self) -> Actor:
        groups = {"S0SRE": self.asks, "S0LEADS": self.leads, "S0CHIEFS": self.breaks}
        return Actor(id=ME, standing=self.standing, groups=frozenset(g for g, is_in in groups.items() if is_in))


ROLES = {
    "neither": Role(),
    "colleague": Role(asks=True),
    "requester": Role(asked=True, asks=True),
    "requester who may not ask any more": Role(asked=True),
    "approver": Role(leads=True),
    "requester and approver": Role(asked=True, asks=True, leads=True),
    "breaker": Role(breaks=True),
    "requester and breaker": Role(asked=True, asks=True, breaks=True),
    "approver and breaker": Role(leads=True, breaks=True),
    **{
        f"everything, but a {standing}": Role(asked=True, asks=True, leads=True, breaks=True, standing=standing)
        for standing in Standing
        if standing is not Standing.FULL_MEMBER
    },
}


@dataclass(frozen=True)
class Case:
    """One combination."""

    role: Role
    quorum: int
    self_approval: bool  #: the requester's own approval counts
    is_expired: bool
    policy_breaks: bool  #: policy names people who may break glass
    must_vouch: bool
    others_vouch: bool  #: one other person vouches already
    votes: str  #: approvals that are there already; "own too": with the requester's, one short

    @property
    def others(self) -> int:
        missing = {"none": self.quorum, "one short": 1, "own too": min(2, self.quorum), "enough": 0}
        return self.quorum - missing[self.votes]

    @property
    def has_own(self) -> bool:
        """The requester's approval is stored, however it came there."""
        return self.votes == "own too"


CASES = [
    Case(*values)
    for values in itertools.product(
        ROLES.values(),
        (1, 2, 3),
        (False, True),
        (False, True),
        (False, True),
        (False, True),
        (False, True),
        ("none", "one short", "own too", "enough"),
    )
    if values[5] or not values[6]  # nobody vouches where nothing is to be vouched for
    if values[1] > 1 or values[7] != "one short"  # of one, none are one short
]
VERBS = ("approve", "reject", "vouch", "break glass")


def expected(verb: str, case: Case) -> State | None:
    """The state that comes of it; None: refused, and nothing changes."""
    who = case.role
    if who.standing is not Standing.FULL_MEMBER or case.is_expired:
        return None
    voted_before = who.asked and case.has_own
    may_decide = who.leads and (case.self_approval or not who.asked) and not voted_before
    is_second = case.others_vouch or not case.must_vouch
    counted = case.others + (1 if case.has_own and case.self_approval else 0)
    if verb == "break glass":
        return State.QUEUED if who.breaks and case.policy_breaks and is_second else None
    if verb == "reject":
        return State.DENIED if may_decide else None
    if verb == "approve":
        if not may_decide:
            return None
        return State.QUEUED if counted + 1 >= case.quorum and is_second else State.AWAITING_APPROVAL
    if not (who.asked and who.asks and case.must_vouch) or voted_before:
        return None
    return State.QUEUED if counted >= case.quorum and is_second else State.AWAITING_APPROVAL


def rule_of(case: Case) -> Rule:
    return Rule(
        requesters=("S0SRE",),
        approvers=("S0LEADS",),
        break_glass=("S0CHIEFS",) if case.policy_breaks else (),
        quorum=case.quorum,
        self_approval=case.self_approval,
    )


def operation_of(number: int, case: Case, action: Action, clock: LeapingClock) -> Operation:
    """A request that waits, as this case has it."""
    id, host = OperationId(f"OP{number}"), f"host-{number}"
    grave = Finding(code="d", verdict=Verdict.WARNING, topic=Topic.EVIDENCE, sentence="It may live.", vouch=DEAD)
    plan = Plan(
        action=action,
        host=HostId(host),
        host_name=host,
        findings=(grave,) if case.must_vouch else (),
        vms=(Vm(id=VmId("vm-1"), name="vm-1", disposition=Disposition.EVACUATE),),
    )
    digest = digest_of(plan, terms=rule_of(case).terms())
    requester = ME if case.role.asked else SOMEBODY
    vote = Vote(by=SOMEBODY, choice=Choice.APPROVE, digest=digest, at=clock.now())
    votes = [replace(vote, by=UserId(f"U0LEAD{n}")) for n in range(case.others)]
    votes += [replace(vote, by=requester)] if case.has_own else []
    second = replace(vote, by=UserId("U0SECOND"), choice=Choice.VOUCH, vouched=(DEAD,))
    made = Operation(
        id=id,
        request=Request(action=action, cloud="toy", host=HostId(host), host_name=host, run=id),
        host=Host(id=HostId(host), name=host),
        requested_by=requester,
        channel="C0OPS",
        state=State.AWAITING_APPROVAL,
        votes=(*votes, second) if case.others_vouch else tuple(votes),
        expires_at=clock.now() + (timedelta() if case.is_expired else timedelta(seconds=1)),
        created_at=clock.now(),
        changed_at=clock.now(),
    )
    return made.with_plan(plan, digest)


async def act(desk: Desk, verb: str, operation: Operation, case: Case) -> bool:
    """Do it, confirmed as it should be; False: refused."""
    assert operation.digest is not None
    by, key = case.role.actor, f"key of {operation.id}"
    confirmed = Confirmation(host=operation.request.host_name, vouched=operation.vouches)
    try:
        if verb == "break glass":
            await desk.break_glass(
                operation.id, digest=operation.digest, reason="asleep", by=by, key=key, confirmed=confirmed
            )
        else:
            choice = Choice(verb)
            await desk.vote(operation.id, choice, digest=operation.digest, by=by, key=key, confirmed=confirmed)
    except Refusal:
        return False
    return True


def rules_of(case: Case, action: Action) -> dict[tuple[str, Action], Rule]:
    """Its policy for the action that was asked for; for the others one that allows nothing."""
    nothing = Rule(requesters=(), approvers=())
    return {("toy", other): rule_of(case) if other is action else nothing for other in Action}


def squares() -> Iterator[Any]:
    """Every action, quorum and verb; in the gate each verb under each quorum, the actions taking turns."""
    for at, (quorum, verb) in enumerate(itertools.product((1, 2, 3), VERBS)):
        for number, action in enumerate(Action):
            its_turn = number == (at + quorum) % len(Action)
            yield pytest.param(action, quorum, verb, marks=() if its_turn else pytest.mark.long)


@pytest.mark.parametrize(("action", "quorum", "verb"), [*squares()])
async def test_what_becomes_of_it_is_what_the_table_says(
    archive: Archive, clock: LeapingClock, cloud: ToyCloud, action: Action, quorum: int, verb: str
) -> None:
    """What must be refused is tried on one operation for all roles, which is then as it was; the rest on its own."""
    mine = [(n, case) for n, case in enumerate(CASES) if case.quorum == quorum]
    waiting: dict[object, Operation] = {}
    async with archive.unit() as unit:
        for n, case in mine:
            if (at := _place(n, case, verb)) not in waiting:
                waiting[at] = operation_of(n, case, action, clock)
                await unit.operations.add(waiting[at], Entry(event=AuditEvent.APPROVAL_ASKED_FOR))
        await unit.commit()
    wrong: list[object] = []
    for n, case in mine:
        desk = Desk(archive=archive, clock=clock, clouds={"toy": cloud}, rules=rules_of(case, action))
        counted = await act(desk, verb, waiting[_place(n, case, verb)], case)
        if counted is not (expected(verb, case) is not None):
            wrong.append((case, counted))
    async with archive.unit() as unit:
        for n, case in mine:
            before = waiting[_place(n, case, verb)]
            after, should = await unit.operations.get(before.id), expected(verb, case)
            if after.state is not (should or State.AWAITING_APPROVAL):
                wrong.append((case, after.state))
            if should is None and (after.votes, after.version) != (before.votes, before.version):
                wrong.append((case, after.votes))
    assert wrong == []


def _place(number: int, case: Case, verb: str) -> object:
    """Which operation this case is tried on."""
    return number if expected(verb, case) else (case.role.asked, replace(case, role=Role()))


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("name", ROLES)
async def test_who_asks_is_a_full_member_among_the_requesters(
    archive: Archive, clock: LeapingClock, cloud: ToyCloud, name: str, action: Action
) -> None:
    role = ROLES[name]
    cloud.actions = frozenset(Action)
    rule = rule_of(CASES[0])
    desk = Desk(archive=archive, clock=clock, clouds={"toy": cloud}, rules={("toy", a): rule for a in Action})
    may = role.asks and role.standing is Standing.FULL_MEMBER
    order = Order(action=action, cloud="toy", host="host-1")
    try:
        await desk.ask(order, by=role.actor, channel="C0OPS", key="k")
        asked = True
    except Refusal:
        asked = False
    assert (asked, len(await desk.live())) == (may, int(may))


@pytest.mark.parametrize("name", ROLES)
async def test_who_sets_a_failed_vm_aside_is_a_full_member_who_asked_or_approves(
    archive: Archive, clock: LeapingClock, cloud: ToyCloud, name: str
) -> None:
    role = ROLES[name]
    case = replace(CASES[0], role=role)
    move = Step(key=StepKey("move"), phase="Move", verb="move", target="vm-1", title="move vm-1", vm=VmId("vm-1"))
    failed = StepRecord(step=move, seq=0, state=StepState.FAILED, starts=1)
    operation = replace(operation_of(0, case, Action.EVACUATE, clock), state=State.NEEDS_ATTENTION)
    async with archive.unit() as unit:
        await unit.operations.add(operation, Entry(event=AuditEvent.NEEDS_ATTENTION))
        await unit.steps.lay_out(operation.id, [failed])
        await unit.commit()
    rules = {("toy", Action.EVACUATE): rule_of(case)}
    desk = Desk(archive=archive, clock=clock, clouds={"toy": cloud}, rules=rules)
    may = (role.asked or role.leads) and role.standing is Standing.FULL_MEMBER
    try:
        await desk.steer(operation.id, Steer.SET_ASIDE, by=role.actor, key="k", given=Input(vms=[VmId("vm-1")]))
        heard = True
    except Refusal:
        heard = False
    stands, (record,) = await desk.show(operation.id)
    assert (heard, record.aside is not None, stands.state is State.ENDED_INCOMPLETE) == (may, may, may)


@pytest.mark.parametrize("name", ROLES)
async def test_who_cancels_is_a_full_member_who_asked_or_approves(
    archive: Archive, clock: LeapingClock, cloud: ToyCloud, name: str
) -> None:
    role = ROLES[name]
    case = replace(CASES[0], role=role)
    operation = operation_of(0, case, Action.EVACUATE, clock)
    async with archive.unit() as unit:
        await unit.operations.add(operation, Entry(event=AuditEvent.APPROVAL_ASKED_FOR))
        await unit.commit()
    rules = {("toy", Action.EVACUATE): rule_of(case)}
    desk = Desk(archive=archive, clock=clock, clouds={"toy": cloud}, rules=rules)
    may = (role.asked or role.leads) and role.standing is Standing.FULL_MEMBER
    try:
        await desk.steer(operation.id, Steer.CANCEL, by=role.actor, key="k")
        cancelled = True
    except Refusal:
        cancelled = False
    stands = (await desk.show(operation.id))[0].state
    assert (cancelled, stands is State.CANCELLED) == (may, may)
