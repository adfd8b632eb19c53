"""Random courses of people, time and clouds, each held against a model that fits on a page.

The model knows people, plans as sets, and votes as a list; it shares no code with the law. After each turn the stored
operation must stand as the model says, and the audit alone must show who approved, and vouched for, what was executed.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.desk import periodic
from bot.desk.control import Steer
from bot.desk.desk import Desk
from bot.desk.votes import Confirmation
from bot.domain.errors import Refusal
from bot.domain.operation import Choice, Operation, State
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, Digest, OperationId, UserId
from bot.store.archive import SqlArchive
from tests.desk.people_model import Said, Seen, Told
from tests.store.migrated import open_migrated
from tests.toy_cloud import ToyCloud
from tests.workshop import ALICE, BOB, CAROL, DAVE, LeapingClock, NoBell, Workshop

TURNS = 8
IN_THE_GATE, IN_THE_LONG_TIER = (1, 60), (60, 150)  #: parts, and courses in each

DEAD = "host-1 is dead"
UNPROVEN = Finding(code="d", verdict=Verdict.WARNING, topic=Topic.EVIDENCE, sentence="It may live.", vouch=DEAD)
LASTS = timedelta(minutes=30)
PEOPLE = {person.id: person for person in (ALICE, BOB, CAROL, DAVE)}
ASK, LEAD, BREAK = {ALICE.id, BOB.id}, {BOB.id, CAROL.id}, {DAVE.id}
RULES = [
    Rule(requesters=("S0SRE",), approvers=("S0LEADS",), break_glass=("U0DAVE",), quorum=1),
    Rule(requesters=("S0SRE",), approvers=("S0LEADS",), break_glass=(), quorum=2),
    Rule(requesters=("S0SRE",), approvers=("S0LEADS",), break_glass=("U0DAVE",), quorum=2, self_approval=True),
]
T = TypeVar("T")


class Evening(RuleBasedStateMachine):
    """One host, four people, and whatever happens to them."""

    def __init__(self, runner: asyncio.Runner, archive: SqlArchive, clock: LeapingClock, name: str) -> None:
        super().__init__()
        self.runner = runner
        self.cloud = ToyCloud(clock=clock, vms={"vm-0": "host-1", "vm-1": "host-1"}, name=name)
        self.shop = Workshop(archive=archive, clock=clock, cloud=self.cloud, rule=RULES[0])
        self.id: OperationId | None = None
        self.came_and_went: set[OperationId | None] = set()  #: operations that had another plan in between
        self.told: Told | None = None
        self.digests: list[Digest] = []  #: that were ever shown
        self.stored: Operation | None = None  #: as it was after the last turn that could have changed it
        self.is_read = False
        self.moved = 0  #: acts that the model accounts for

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(what)

    @property
    def now(self) -> datetime:
        return self.shop.clock.now()

    @property
    def present(self) -> Seen:
        here = frozenset(vm for vm, host in self.cloud.vms.items() if host == "host-1")
        return Seen(vms=here, lost=here & self.cloud.loses, unproven=bool(self.cloud.blockers))

    @property
    def policy(self) -> Rule:
        return self.shop.rule

    def is_open(self) -> bool:
        return self.told is not None and self.told.state in {State.READY, State.AWAITING_APPROVAL, State.QUEUED}

    def does(self, what: Coroutine[Any, Any, object]) -> bool:
        """Do it at the desk; False: refused."""
        self.is_read = False
        try:
            self.run(what)
        except Refusal:
            return False
        return True

    # what the model says comes of it --------------------------------------------------------------------------
    def _checked(self, *, dry: bool) -> None:
        told = self.told
        assert told is not None
        terms = (self.policy.quorum, self.policy.self_approval)
        if (told.shown, told.terms) != (self.present, terms):
            told.said = []
        told.shown, told.terms = self.present, terms
        told.state = State.READY if dry else State.AWAITING_APPROVAL
        if not (told.until and any(one.how in {"approve", "break glass"} for one in told.said)):
            told.until = self.now + LASTS

    def _asked_again(self) -> None:
        told = self.told
        assert told is not None
        told.said, told.state, told.until = [], State.AWAITING_APPROVAL, self.now + LASTS
        told.shown, told.terms = self.present, (self.policy.quorum, self.policy.self_approval)

    def _begun(self) -> None:
        """What the worker makes of what waits in the queue."""
        told = self.told
        assert told is not None
        assert told.shown is not None
        assert told.since is not None
        same_terms = told.terms == (self.policy.quorum, self.policy.self_approval)
        if self.now - told.since >= LASTS:
            told.state = State.CANCELLED
        elif same_terms and self.present.is_part_of(told.shown) and told.is_enough(self.policy):
            told.state = State.SUCCEEDED
        else:
            self._asked_again()

    # what happens ------------------------------------------------------------------------------------------------
    @initialize(by=st.sampled_from(sorted(ASK)), policy=st.sampled_from(RULES), lost=st.booleans())
    def begins_with_a_request(self, by: UserId, policy: Rule, lost: bool) -> None:
        self.shop.rule = policy
        self.cloud.loses = {"vm-0"} if lost else set()
        self.asks(by, dry=False)

    @precondition(lambda self: not self.is_open())
    @rule(by=st.sampled_from(sorted(ASK)))
    def asks_next(self, by: UserId) -> None:
        self.asks(by, dry=False)

    @precondition(lambda self: self.told is not None and self.told.state is State.AWAITING_APPROVAL)
    @rule(order=st.permutations([BOB.id, CAROL.id, ALICE.id]), number=st.integers(1, 3), is_served=st.booleans())
    def agree(self, order: list[UserId], number: int, is_served: bool) -> None:
        """Some of them say yes, one after the other, as far as they may; the worker may come to it at once."""
        for by in order[:number]:
            if self.is_open():
                self._read()
                self.decides(by, "vouch" if by == ALICE.id else "approve", is_typed=True, is_old=False)
        if is_served and self.told is not None and self.told.state is State.QUEUED:
            self.begins()

    @rule(by=st.sampled_from(sorted(PEOPLE)), dry=st.booleans())
    def asks(self, by: UserId, dry: bool) -> None:
        """Somebody asks, and the check is made at once."""
        order = Order(action=Action.EVACUATE, cloud=self.cloud.name, host="host-1", check=dry)
        desk = self.desk

        async def ask() -> OperationId:
            return await desk.ask(order, by=PEOPLE[by], channel="C0OPS", key="")

        is_held = self.told is not None and self.is_open() and self.told.state is not State.READY
        try:
            id = self.run(ask())
        except Refusal:
            assert by not in ASK or (is_held and not dry)
            return
        assert by in ASK
        if is_held or self.is_open():  # a dry run beside it: not followed further
            self.does(self.shop_steer(id, Steer.CANCEL, by))
            return
        self.is_read = False
        self.id, self.told = id, Told(requester=by, state=State.CHECKING)
        self._work()
        self._checked(dry=dry)

    @property
    def desk(self) -> Desk:
        return replace(
            self.shop.desk,
            clouds={self.cloud.name: self.cloud},
            rules={(self.cloud.name, Action.EVACUATE): self.policy},
        )

    async def shop_steer(self, id: OperationId, verb: Steer, by: UserId) -> None:
        await self.desk.steer(id, verb, by=PEOPLE[by], key="")

    def _work(self) -> None:
        assert self.run(self.shop.work()), "the worker has something to do"

    @precondition(is_open)
    @rule(
        by=st.sampled_from(sorted(PEOPLE)),
        how=st.sampled_from(["approve", "approve", "vouch", "break glass", "reject"]),
        is_typed=st.sampled_from([True, True, True, False]),
        is_old=st.sampled_from([False, False, False, True]),
    )
    def decides(self, by: UserId, how: str, is_typed: bool, is_old: bool) -> None:
        """Somebody presses a button of the card as it stands, or of one that stood there before."""
        told, id = self.told, self.id
        assert told is not None
        assert id is not None
        operation = self.stored
        assert operation is not None
        assert operation.digest is not None
        assert operation.plan is not None
        digest = self.digests[0] if is_old else operation.digest
        confirmed = Confirmation(host="host-1", vouched=operation.plan.vouches) if is_typed else Confirmation()
        desk = self.desk
        if how == "break glass":
            done = self.does(
                desk.break_glass(id, digest=digest, reason="asleep", by=PEOPLE[by], key="", confirmed=confirmed)
            )
        else:
            done = self.does(desk.vote(id, Choice(how), digest=digest, by=PEOPLE[by], key="", confirmed=confirmed))
        may = self._may(told, by, how, is_typed) and digest == operation.digest
        assert done is may, (how, by, told)
        if not done:
            return
        if how == "reject":
            told.state = State.DENIED
            return
        told.said.append(Said(by=by, how=how, vouches=told.needs_two))
        if how == "break glass" or told.is_enough(self.policy):
            told.state, told.since = State.QUEUED, self.now

    def _may(self, told: Told, by: UserId, how: str, is_typed: bool) -> bool:
        in_time = told.until is not None and self.now < told.until
        if told.state is not State.AWAITING_APPROVAL or not in_time:
            return False
        confirmed = is_typed or not told.needs_two
        if how == "break glass":
            others = {one.by for one in told.said if one.vouches} - {by}
            return by in BREAK and bool(self.policy.break_glass) and confirmed and (not told.needs_two or bool(others))
        if how == "vouch":
            has = any(one.by == by for one in told.said)
            return by == told.requester and told.needs_two and confirmed and not has
        decides = by in LEAD and (by != told.requester or self.policy.self_approval) and not told.voted(by)
        return decides and (confirmed or how == "reject")

    @precondition(is_open)
    @rule(
        by=st.sampled_from(sorted(PEOPLE)), verb=st.sampled_from(["cancel", "recheck", "recheck", "request_approval"])
    )
    def steers(self, by: UserId, verb: str) -> None:
        told, id = self.told, self.id
        assert told is not None
        assert id is not None
        done = self.does(self.shop_steer(id, Steer(verb), by))
        allowed = {
            "cancel": {State.READY, State.AWAITING_APPROVAL, State.QUEUED},
            "recheck": {State.READY, State.AWAITING_APPROVAL},
            "request_approval": {State.READY},
        }
        may = by == told.requester or by in LEAD
        if verb == "request_approval":
            may = may and by in ASK
        assert done is (may and told.state in allowed[verb]), (verb, by, told)
        if not done:
            return
        if verb == "cancel":
            told.state = State.CANCELLED
            return
        is_dry = told.state is State.READY and verb == "recheck"
        if verb == "request_approval":
            told.requester = by
        self._work()
        self._checked(dry=is_dry)

    @precondition(lambda self: self.told is not None and self.told.state is State.QUEUED)
    @rule()
    def begins(self) -> None:
        """The worker comes to it."""
        told = self.told
        assert told is not None
        self.is_read = False
        here, before = self.present.vms, len(self.cloud.moves)
        self._begun()
        self._work()
        moved = {move.vm for move in self.cloud.moves[before:]}
        assert moved == (here if told.state is State.SUCCEEDED else frozenset())
        self.moved = len(self.cloud.starts)

    @rule(
        change=st.sampled_from(["+vm", "-vm", "lose", "keep", "dead?", "dead!"]),
        number=st.integers(0, 2),
    )
    def drifts(self, change: str, number: int) -> None:
        """The cloud is not what it was."""
        vm = f"vm-{number}"
        if change == "+vm":
            self.cloud.vms[vm] = "host-1"
        elif change == "-vm":
            self.cloud.vms[vm] = "host-2"
        elif change == "lose":
            self.cloud.loses.add(vm)
        elif change == "keep":
            self.cloud.loses.discard(vm)
        else:
            self.cloud.blockers = [UNPROVEN] if change == "dead?" else []

    @precondition(lambda self: self.is_open() and self.id not in self.came_and_went)
    @rule()
    def another_plan_comes_and_goes(self) -> None:
        """The old one is shown again, but what was said of it before counts no more. Once each: it costs two surveys."""
        self.came_and_went.add(self.id)
        for change in ("+vm", "-vm"):
            self.drifts(change, 9)
            if self.told is not None and self.told.state is State.QUEUED:
                self.begins()
            elif self.told is not None and self.is_open():
                self.steers(self.told.requester, "recheck")

    @rule(policy=st.sampled_from(RULES))
    def rules_change(self, policy: Rule) -> None:
        self.shop.rule = policy

    @rule(minutes=st.sampled_from([1, 1, 1, 29, 30]), ticks=st.booleans())
    def time_passes(self, minutes: int, ticks: bool) -> None:
        """Whether or not anybody looks at the clock."""
        self.run(self.shop.clock.sleep(60 * minutes))
        if not ticks:
            return
        self.run(periodic.expire(self.desk.archive, self.desk.clock))
        self.is_read = False
        told = self.told
        if told and told.state is State.AWAITING_APPROVAL and told.until and self.now >= told.until:
            told.state = State.EXPIRED

    # what must be true at every moment ---------------------------------------------------------------------------
    @invariant()
    def it_stands_as_the_model_says_and_nothing_was_done_without_an_approval_on_record(self) -> None:
        assert len(self.cloud.starts) == self.moved, "something was done that nobody began"
        if self.id is None or self.told is None or self.is_read:
            return
        self._read()
        if self.told.state is State.SUCCEEDED:
            self.run(self._balanced(self.id))

    def _read(self) -> None:
        assert self.id is not None
        assert self.told is not None
        self.stored, self.is_read = self.run(self.shop.operation(self.id)), True
        assert self.stored.state is self.told.state
        if self.stored.digest is not None and self.stored.digest not in self.digests:
            self.digests.append(self.stored.digest)

    async def _balanced(self, id: OperationId) -> None:
        """From the audit alone: who asked, who approved and vouched for the digest that was executed."""
        async with self.shop.archive.unit() as unit:
            _, lines = await unit.audit.entries(id, limit=500)
        requester = next(
            one.entry.actor for one in reversed(lines) if one.entry.event in {"requested", "approval requested"}
        )
        (started,) = [one.entry.facts for one in lines if one.entry.event == "started"]
        digest = started["approved_digest"]
        about = [one.entry for one in lines if one.entry.facts.get("digest") == digest]
        approved = {one.actor for one in about if one.event in {"vote", "approved"}} - {None}
        assert self.told is not None
        quorum, counts_own = self.told.terms
        approved -= set() if counts_own else {requester}
        assert len(approved) >= quorum or any(one.event == "glass broken" for one in about)
        sentences = next(one.facts["vouches"] for one in about if "vouches" in one.facts)
        assert isinstance(sentences, list)
        for sentence in sentences:
            vouching = {o.actor for o in about if o.event == "vouched" and o.facts["sentence"] == sentence}
            assert len(vouching) >= 2
        assert started["digest"] == digest or started["shrunk"]

    def teardown(self) -> None:
        if self.is_open() and self.id is not None and self.told is not None:
            self.does(self.shop_steer(self.id, Steer.CANCEL, self.told.requester))


@pytest.mark.parametrize(
    ("part", "courses"),
    [
        *((part, IN_THE_GATE[1]) for part in range(IN_THE_GATE[0])),
        *(pytest.param(100 + part, IN_THE_LONG_TIER[1], marks=pytest.mark.long) for part in range(IN_THE_LONG_TIER[0])),
    ],
)
def test_whatever_people_and_clouds_do_the_model_knows_where_it_ends(part: int, courses: int) -> None:
    clock, evenings = LeapingClock(), iter(range(1_000_000))
    archive = SqlArchive("sqlite://", clock=clock, bell=NoBell())
    with asyncio.Runner() as runner:
        runner.run(open_migrated(archive))

        @seed(part)
        class ThisEvening(Evening):
            def __init__(self) -> None:
                super().__init__(runner, archive, clock, f"toy-{next(evenings)}")

        try:
            run_state_machine_as_test(
                ThisEvening,
                settings=settings(
                    max_examples=courses,
                    stateful_step_count=TURNS,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(archive.close())
