"""Random courses of an operation that fell short: retried, VMs set aside, closed, by whom and when they like.

The model knows sets of VMs and no code of the law. After each turn the stored operation must stand as it says, and what
was set aside must never have been touched again.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from bot.desk.control import Steer
from bot.domain.errors import Refusal
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.progress.steps import StepState
from bot.domain.rules.policy import Actor
from bot.domain.values import OperationId
from bot.store.archive import SqlArchive
from tests.store.migrated import open_migrated
from tests.toy_cloud import ToyCloud
from tests.workshop import ALICE, BOB, CAROL, DAVE, LeapingClock, NoBell, Workshop

TURNS = 8
IN_THE_GATE, IN_THE_LONG_TIER = (1, 20), (30, 75)  #: parts, and courses in each

VMS = ("vm-0", "vm-1", "vm-2")
MAY = {ALICE.id, BOB.id, CAROL.id}
people = st.sampled_from([ALICE, BOB, CAROL, DAVE])
some = st.sets(st.sampled_from(VMS), max_size=3)


class Shift(RuleBasedStateMachine):
    """One host with three VMs, and four people who meet what failed."""

    def __init__(self, runner: asyncio.Runner, clock: LeapingClock) -> None:
        super().__init__()
        self.runner = runner
        self.archive = SqlArchive("sqlite://", clock=clock, bell=NoBell())
        self.run(open_migrated(self.archive))
        self.cloud = ToyCloud(clock=clock, vms=dict.fromkeys(VMS, "host-1"), poll=120.0)
        self.shop = Workshop(archive=self.archive, clock=clock, cloud=self.cloud)
        self.id = OperationId("")
        self.state = State.RUNNING
        self.failed: set[str] = set()
        self.aside: set[str] = set()
        self.locked: set[str] = set()  #: whose unlocking failed
        self.moves: dict[str, int] = {}  #: of what was set aside, as many as there were then
        self.starts = 0

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(what)

    def heard(self, what: Coroutine[Any, Any, object]) -> bool:
        """Do it at the desk; False: refused, and nothing changed."""
        before = self.run(self.shop.operation(self.id)), self.run(self.shop.steps(self.id))
        try:
            self.run(what)
        except Refusal:
            assert (self.run(self.shop.operation(self.id)), self.run(self.shop.steps(self.id))) == before
            return False
        return True

    def works(self, tried: set[str]) -> None:
        """The worker goes as far as it can: these VMs are tried, and whatever is still locked."""
        here = {vm for vm in tried if self.cloud.vms[vm] == "host-1"}
        self.failed = self.failed - tried | here & self.cloud.fails
        self.locked = {key.removeprefix("unlock:") for key in self.cloud.refuse}
        assert self.run(self.shop.work())
        self.starts = len(self.cloud.starts)
        if self.failed - self.aside or self.locked:
            self.state = State.NEEDS_ATTENTION
        else:
            self.state = State.ENDED_INCOMPLETE if self.aside else State.SUCCEEDED

    # what happens ------------------------------------------------------------------------------------------------
    @initialize(fails=st.sets(st.sampled_from(VMS), min_size=1), locks=st.booleans(), stay_locked=some)
    def is_approved_and_falls_short(self, fails: set[str], locks: bool, stay_locked: set[str]) -> None:
        self.cloud.fails, self.cloud.locks = set(fails), locks
        self.cloud.refuse = {f"unlock:{vm}": "no" for vm in stay_locked if locks}
        self.id = self.run(self.shop.approved())
        self.works(set(VMS))

    @rule(
        by=people, ticked=st.lists(st.booleans(), min_size=3, max_size=3), is_old=st.sampled_from([False] * 3 + [True])
    )
    def sets_aside(self, by: Actor, ticked: list[bool], is_old: bool) -> None:
        """From the card as it stands, or from a window that was opened long ago."""
        shown = VMS if is_old else sorted(self.failed - self.aside)
        vms = {vm for vm, is_ticked in zip(shown, ticked, strict=False) if is_ticked}
        may = self.state is State.NEEDS_ATTENTION and by.id in MAY and bool(vms) and vms <= self.failed - self.aside
        assert self.heard(self.shop.skip(self.id, *sorted(vms), by=by)) is may
        if may:
            self.aside |= vms
            self.moves |= {vm: self.moved(vm) for vm in vms}
            if not (self.failed - self.aside or self.locked):
                self.state = State.ENDED_INCOMPLETE

    @rule(by=people, fails=some)
    def retries(self, by: Actor, fails: set[str]) -> None:
        """It may fail again, here or there."""
        may = self.state is State.NEEDS_ATTENTION and by.id in MAY
        assert self.heard(self.shop.steer(self.id, Steer.RETRY, by=by)) is may
        if may:
            self.cloud.fails = set(fails)
            self.works(self.failed - self.aside)

    @rule(by=people, is_meant=st.sampled_from([False, False, True]))
    def closes(self, by: Actor, is_meant: bool) -> None:
        if not is_meant:
            return
        may = self.state is State.NEEDS_ATTENTION and by.id in MAY
        assert self.heard(self.shop.steer(self.id, Steer.CANCEL, by=by)) is may
        if may:
            self.state = State.ENDED_INCOMPLETE

    @rule(vm=st.sampled_from(VMS))
    def somebody_moves_it_by_hand(self, vm: str) -> None:
        self.cloud.vms[vm] = "host-2"

    def moved(self, vm: str) -> int:
        return sum(move.vm == vm for move in self.cloud.moves)

    # what must be true at every moment ---------------------------------------------------------------------------
    @invariant()
    def it_stands_as_the_model_says_and_nothing_touches_what_was_set_aside(self) -> None:
        if not self.id:
            return
        operation, records = self.run(self.shop.operation(self.id)), self.run(self.shop.steps(self.id))
        assert operation.state is self.state
        assert {r.step.vm for r in records if r.aside} == self.aside
        assert not [r for r in records if r.aside and r.state is StepState.DONE]
        assert {vm: self.moved(vm) for vm in self.aside} == self.moves
        assert len(self.cloud.starts) == self.starts, "something was started by nobody"
        if self.state is State.SUCCEEDED:
            assert not self.failed | self.aside

    def teardown(self) -> None:
        kinds = self.run(self.shop.kinds()) if self.id else []
        assert (Kind.FINISHED in kinds) is (self.state is State.SUCCEEDED)
        self.run(self.archive.close())


@pytest.mark.parametrize(
    ("part", "courses"),
    [
        *((part, IN_THE_GATE[1]) for part in range(IN_THE_GATE[0])),
        *(pytest.param(100 + part, IN_THE_LONG_TIER[1], marks=pytest.mark.long) for part in range(IN_THE_LONG_TIER[0])),
    ],
)
def test_whatever_people_do_about_failures_the_model_knows_where_it_ends(part: int, courses: int) -> None:
    with asyncio.Runner() as runner:

        @seed(part)
        class ThisShift(Shift):
            def __init__(self) -> None:
                super().__init__(runner, LeapingClock())

        run_state_machine_as_test(
            ThisShift,
            settings=settings(
                max_examples=courses,
                stateful_step_count=TURNS,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
