"""Claims operations under a lease, renews it while they run, and drains on the way out."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from math import inf

from bot.domain.cloud import AnyCloud
from bot.domain.heartbeats import Heartbeats
from bot.domain.ports import Archive, Bell, Clock, Lease, LeaseLost, People
from bot.domain.progress import right_to_act
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, OperationId
from bot.engine.leased import LeasedOperation
from bot.engine.missing_cloud import MissingCloud
from bot.engine.pacing import Pacing
from bot.engine.runner import Runner
from bot.runtime.log import about, logger, stumbled

log = logger(__name__)

POLL_SECONDS = 1.0
GATHER_SECONDS = 0.2
"""From a ring to the look for more work beside what is in hand: operations that move VMs ring many times a second."""
LEASE = timedelta(seconds=8)
"""Short, so that an operation of a dead process goes on within ten seconds of a restart."""
_NOBODY = Rule(requesters=(), approvers=())
RENEW_SECONDS = 2.0
WORKER = "worker"
AT_ONCE = 20
"""Operations of all clouds that are worked on side by side. Those that only wait take no place among them."""
MOST = 200
"""The same with those that only wait: each is renewed and looked at all the same."""
TURN_SECONDS = 60.0
"""How long an operation whose cloud is missing here is held, before whoever knows it may have it."""
HANGS_AFTER = 30.0
"""Seconds after which a worker that has not come round hangs."""
STUCK_AFTER = 600.0
"""Seconds after which an operation that has not come round is stuck; a survey of a slow cloud may take some minutes."""


class Worker:
    """Runs up to `AT_ONCE` operations of all clouds, side by side, and beside them those that only wait."""

    def __init__(
        self,
        *,
        owner: str,
        archive: Archive,
        clock: Clock,
        bell: Bell,
        clouds: Mapping[str, AnyCloud],
        rules: Mapping[tuple[str, Action], Rule],
        people: People | None = None,
        heartbeats: Heartbeats | None = None,
    ) -> None:
        self._owner = owner
        self._archive = archive
        self._clock = clock
        self._bell = bell
        self._clouds = clouds
        self._rules = rules
        self._people = people
        self._pacings: dict[str, Pacing] = {}  #: by cloud
        self._held_until: dict[OperationId, float] = {}  #: by the clock for spans: no later than the lease ends
        self._running: dict[OperationId, asyncio.Task[None]] = {}
        self._runners: dict[OperationId, Runner] = {}  #: of those of them that are read
        self._heartbeats = heartbeats or Heartbeats(clock)

    async def run(self) -> None:
        """Claim and run until cancelled. Operations in hand are given back on the way out."""
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    self._heartbeats.beat(WORKER, within=HANGS_AFTER)
                    await self._claim_all(group)
                    await self._bell.wait(POLL_SECONDS)
                    if self._running:
                        await self._clock.sleep(GATHER_SECONDS)
        finally:
            self._running.clear()
            self._runners.clear()

    @property
    def _may_take(self) -> bool:
        """Whether one more operation may be taken up."""
        waiting = sum(1 for runner in self._runners.values() if runner.only_waits)
        return len(self._running) - waiting < AT_ONCE and len(self._running) < MOST

    async def _claim_all(self, group: asyncio.TaskGroup) -> None:
        while self._may_take:
            try:
                async with self._archive.reading() as unit:
                    # each commit asks for this, and few bring work
                    if not await unit.leases.has_work(span=LEASE, clouds=self._clouds):
                        return
                asked = self._clock.monotonic()
                async with self._archive.unit() as unit:
                    lease = await unit.leases.claim(self._owner, span=LEASE, clouds=self._clouds)
                    if lease is not None:  # nothing changed otherwise, so nobody is to be woken
                        await unit.commit()
            except Exception as error:  # noqa: BLE001  # the next poll tries again
                stumbled(log, "claiming work failed", error)
                return
            if lease is None:
                return
            self._held_until[lease.operation] = asked + LEASE.total_seconds()
            self._running[lease.operation] = group.create_task(self._serve(lease))

    async def _serve(self, lease: Lease) -> None:
        """Run one operation, renewing its lease beside it; whichever ends first ends both.

        Whatever is logged meanwhile, by libraries and on their threads too, carries the operation's id.
        """
        with about(lease.operation):
            await self._serve_alone(lease)

    async def _serve_alone(self, lease: Lease) -> None:
        work = asyncio.create_task(self._work(lease))
        renewal = asyncio.create_task(self._renew(lease))
        try:
            await asyncio.wait({work, renewal}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, renewal):
                task.cancel()
            ends = await asyncio.gather(work, renewal, return_exceptions=True)
            for end in ends:
                if isinstance(end, LeaseLost):
                    log.warning("the lease was lost; the operation is taken up again", why=str(end))
                elif isinstance(end, Exception):
                    stumbled(log, "work on the operation failed; it is taken up again", end)
                    await self._clock.sleep(RENEW_SECONDS)
            self._running.pop(lease.operation, None)
            self._runners.pop(lease.operation, None)
            self._held_until.pop(lease.operation, None)
            await self._give_back(lease)

    async def _work(self, lease: Lease) -> None:
        part = f"operation {lease.operation}"
        beat = partial(self._heartbeats.beat, part, within=STUCK_AFTER)
        beat()
        try:
            held = await self._held(lease)
            runner = self._runners[lease.operation] = Runner(held, beat=beat)
            with right_to_act.held_while(partial(self._holds, lease)):
                await (self._for_a_turn(runner) if isinstance(held.cloud, MissingCloud) else runner.run())
        finally:
            self._heartbeats.ended(part)

    def _holds(self, lease: Lease) -> bool:
        """Whether a lease cannot be over yet, by the clock for spans."""
        return self._clock.monotonic() < self._held_until.get(lease.operation, -inf)

    async def _for_a_turn(self, runner: Runner) -> None:
        """Work on an operation whose cloud is not ours, so that people hear of it, and leave it to who knows that."""
        work = asyncio.create_task(runner.run())
        turn = asyncio.create_task(self._clock.sleep(TURN_SECONDS))
        try:
            await asyncio.wait({work, turn}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
        finally:
            work.cancel()
            turn.cancel()
            await asyncio.gather(work, turn, return_exceptions=True)

    async def _held(self, lease: Lease) -> LeasedOperation:
        async with self._archive.reading() as unit:
            request = (await unit.operations.get(lease.operation)).request
        cloud = self._clouds.get(request.cloud) or MissingCloud(request.cloud)
        return LeasedOperation(
            lease=lease,
            archive=self._archive,
            clock=self._clock,
            cloud=cloud,
            rule=self._rules.get((request.cloud, request.action), _NOBODY),
            pacing=self._pacings.setdefault(request.cloud, Pacing(poll=cloud.poll)),
            people=self._people,
        )

    async def _renew(self, lease: Lease) -> None:
        while True:
            await self._clock.sleep(RENEW_SECONDS)
            asked = self._clock.monotonic()
            async with self._archive.unit() as unit:
                await unit.leases.hold(lease, span=LEASE)
                await unit.commit()
            self._held_until[lease.operation] = asked + LEASE.total_seconds()

    async def _give_back(self, lease: Lease) -> None:
        try:
            async with self._archive.unit() as unit:
                await unit.leases.release(lease)
                await unit.commit()
        except Exception as error:  # noqa: BLE001  # the lease ends it
            stumbled(
                log, "giving an operation back failed; its lease runs out by itself", error, operation=lease.operation
            )
