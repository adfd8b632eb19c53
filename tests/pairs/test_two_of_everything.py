"""Two and three of everything: bots that are killed, frozen and thawed, a Slack that is slow and loses answers, a database
that is away. Each card and line once, each decision once, each limit kept, nothing lost, and soon another leader."""

import asyncio
import shutil
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.pairs.ensemble import FAILOVER_SECONDS, SLACK, Ensemble, ensemble
from tests.store.databases import Postgresql
from tests.stories.stage import ALICE


class TwoOfEverything(RuleBasedStateMachine):
    """One evening with several bots; it ends when all that was asked for has ended, and is held against what is said."""

    def __init__(self, server: Postgresql) -> None:
        super().__init__()
        self.server = server
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.folder = Path(tempfile.mkdtemp())
        self.bots: Ensemble | None = None

    @property
    def them(self) -> Ensemble:
        assert self.bots is not None
        return self.bots

    @initialize(bots=st.sampled_from([2, 3]))
    def begin(self, bots: int) -> None:
        self.runner.run(self._begin(bots))

    async def _begin(self, bots: int) -> None:
        self.bots = await self.stack.enter_async_context(ensemble(self.server, self.folder, bots=bots))
        for number in range(bots):
            await self.them.start(number)
        await self.them.has_leader()
        await self.them.first.until(lambda: self.them.first.served.sockets.connections, what="a connection")
        await self.them.ask("/evacuate prod/compute-2")

    @rule()
    def people_approve(self) -> None:
        self.runner.run(self.them.approve())

    @rule(seconds=st.sampled_from([0.5, 2.0]))
    def time_passes(self, seconds: float) -> None:
        self.runner.run(self.them.let_pass(seconds))

    @rule()
    def somebody_asks_for_a_list(self) -> None:
        self.runner.run(self.them.ask("/muster list"))

    @rule()
    def somebody_asks_for_a_dry_run(self) -> None:
        self.runner.run(self.them.ask("/evacuate check prod/compute-2"))

    @rule(latency=st.sampled_from([0.0, 0.3]), lost=st.integers(0, 3))
    def slack_is_slow_and_loses_answers(self, latency: float, lost: int) -> None:
        faults = self.them.first.workspace.faults
        faults.latency = latency
        if lost:
            faults.lose_reply(method="chat.*", times=lost)

    @precondition(lambda self: len(self.them.alive) > 1)
    @rule(how=st.sampled_from([signal.SIGKILL, signal.SIGSTOP]))
    def the_leader_is_lost_and_soon_replaced(self, how: signal.Signals) -> None:
        self.runner.run(self._lose_the_leader(how))

    async def _lose_the_leader(self, how: signal.Signals) -> None:
        await self.them.has_leader()
        leader = self.them.leader
        assert leader is not None
        if how is signal.SIGKILL:
            await self.them.kill(leader)
        else:
            self.them.freeze(leader)
        assert await self.them.has_leader() <= FAILOVER_SECONDS + SLACK

    @precondition(lambda self: self.them.frozen)
    @rule()
    def the_frozen_are_thawed(self) -> None:
        for number in sorted(self.them.frozen):
            self.them.thaw(number)

    @precondition(lambda self: len(self.them.alive) + len(self.them.frozen) < len(self.them.stages))
    @rule()
    def the_killed_are_started_again(self) -> None:
        for number in range(len(self.them.stages)):
            if not self.them.runs(number):
                self.runner.run(self.them.start(number))

    @rule(seconds=st.sampled_from([0.2, 1.5]))
    def the_database_is_away(self, seconds: float) -> None:
        self.runner.run(self.them.without_database(seconds))

    def teardown(self) -> None:
        try:
            if self.bots is not None:
                self.runner.run(self.them.come_to_an_end())
                assert self.runner.run(self.them.complaints()) == []
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()
            shutil.rmtree(self.folder, ignore_errors=True)


EVENINGS, TURNS = 8, 8


@pytest.mark.long
@pytest.mark.parametrize("evening", range(EVENINGS))
def test_two_and_three_of_everything_are_as_one(server: Postgresql, evening: int) -> None:
    @seed(evening)
    class Here(TwoOfEverything):
        def __init__(self) -> None:
            super().__init__(server)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=1,
            stateful_step_count=TURNS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
            phases=(Phase.generate,),
        ),
    )


async def test_two_bots_before_a_slack_that_is_slow_and_loses_answers_are_as_one(
    server: Postgresql, tmp_path: Path
) -> None:
    async with ensemble(server, tmp_path, bots=2) as both:
        for number in (0, 1):
            await both.start(number)
        await both.first.until(lambda: both.first.served.sockets.connections == 2, what="both")
        faults = both.first.workspace.faults
        faults.latency = 0.1
        faults.lose_reply(method="chat.postMessage")
        faults.duplicate(2, copies=2)
        for line in ("/evacuate check prod/compute-2", "/muster list"):
            await both.ask(line)
        await both.come_to_an_end()
        assert await both.complaints() == []
        assert len(both.first.cards()) == 1, both.first.notes(ALICE)
