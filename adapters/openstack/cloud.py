"""The port, in Nova's, Placement's and Cinder's words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from typing import Literal

from adapters.openstack import (
    attached,
    check,
    drain_plan,
    listing,
    look,
    names,
    nova,
    observer,
    plan,
    readings,
    rehome_back,
    rehome_look,
    return_plan,
    survey,
    verbs,
    whereabouts,
)
from adapters.openstack.heartbeats import Heartbeats
from adapters.openstack.judge import Terms
from adapters.openstack.rehome import Rehoming
from adapters.openstack.runner import Runner
from adapters.openstack.session import Session
from adapters.openstack.things import OpenStackSurvey
from adapters.redfish.bmcs import Bmcs
from bot.domain.cloud import Host, Request, Sighting
from bot.domain.plan import Plan, Receipt, Step
from bot.domain.values import Action, StepKey

_CALLS = 6  #: one after the other, in a question about hosts: login, versions, services, hypervisors, providers, locks


class OpenStackCloud:
    """An OpenStack cloud: evacuates the VMs of a dead host, empties a living one and returns it to service.

    Args:
        name: as people type it.
        session: how to call it; closed with this.
        concurrency: VMs moved side by side at most.
        rate: VMs begun a second at most.
        poll: seconds between two looks.
        now: the time, aware and UTC.
        evacuated_vms: whether VMs that ran shall run again where they come up, or be left stopped.
        bring_back: which of the VMs that were moved away come back with their host unless somebody chooses otherwise.
        shared_storage: whether local disks of VMs are on storage that all hosts share; None: nobody said.
        minimum_version: dotted; below it evacuation is refused. Empty: no such limit.
        platform_version: dotted; at what version the cloud is.
        lock_vms: whether VMs are locked while they are moved.
        priority_metadata: the metadata of a VM that tells its turn; empty: none does.
        bmcs: the baseboard controllers of its hosts; closed with this. None: it has none.
        fence: whether a host that has one is powered off by it before it is evacuated.
        rehoming: who gives the volumes and backups of a dead host a new manager, and by which command.
        runner: how that command is run; None: not by Muster.
        deadline: seconds that one VM may be live-migrated.
        late: what is done about it then.
    """

    def __init__(
        self,
        *,
        name: str,
        session: Session,
        concurrency: int = 10,
        rate: float = inf,
        poll: float = 2.0,
        now: Callable[[], datetime],
        evacuated_vms: Literal["running", "stopped"] = "running",
        bring_back: Literal["all", "none"] = "none",
        shared_storage: bool | None = None,
        minimum_version: str = "",
        platform_version: str = "",
        lock_vms: bool = False,
        priority_metadata: str = "",
        bmcs: Bmcs | None = None,
        fence: bool = False,
        rehoming: Rehoming | None = None,
        runner: Runner | None = None,
        deadline: float = 1800.0,
        late: Literal["requeue", "abort", "force-complete", "hold"] = "requeue",
    ) -> None:
        self.name = name
        self.actions = frozenset(Action) - (frozenset() if rehoming and rehoming.by else {Action.REHOME})
        self.concurrency = concurrency
        self.rate = rate
        self.poll = poll
        self.deadline = _CALLS * session.timeout
        self._session = session
        self._runner = runner
        self._now = now
        self._heartbeats = Heartbeats()
        self._bmcs = bmcs or Bmcs({}, now=now)
        self._terms = Terms(
            stopped=evacuated_vms == "stopped",
            brings_back=bring_back == "all",
            shared_storage=shared_storage,
            minimum_version=minimum_version,
            platform_version=platform_version,
            lock_vms=lock_vms,
            priority_metadata=priority_metadata,
            fence=fence,
            rehoming=rehoming or Rehoming(),
            quiet=timedelta(seconds=session.longest + 30),
            deadline=timedelta(seconds=deadline),
            late=late,
        )

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        """Compute hosts whose name contains `matching`; an exact match first."""
        return await listing.hosts(self._session, matching, self._heartbeats, limit=limit, locks=self._terms.lock_vms)

    async def survey(self, request: Request) -> OpenStackSurvey:
        """Read everything that the request's host and its VMs depend on."""
        rehomes = request.action in {Action.EVACUATE, Action.REHOME} and self._terms.rehoming.by is not None
        others = await self._in_doubt(request)
        taking = survey.take(
            self._session,
            request.host,
            at=self._now(),
            rehomes=rehomes,
            runner=self._runner if rehomes else None,
            managers=rehome_back.managers(request),
        )
        mine = request.host if request.action is Action.EVACUATE else ""
        surveyed = await readings.during(taking, self._bmcs, host=mine, others=others)
        if request.action is Action.EVACUATE and request.host not in self._bmcs:
            called = (name for name in self._bmcs.hosts if names.may_be_one(name, request.host))
            surveyed = replace(surveyed, bmc_called=tuple(called))
        self._heartbeats.note(surveyed.services)
        if surveyed.service is not None:
            surveyed = replace(surveyed, life=self._heartbeats.life(surveyed.service))
        if request.action in {Action.ENTER, Action.EXIT}:
            movers = await whereabouts.of_movers(self._session, surveyed.migrations, surveyed.servers)
            surveyed = replace(surveyed, movers=movers)
        if request.ledger:
            here = {server.id for server in surveyed.servers}
            surveyed = replace(surveyed, away=await whereabouts.of(self._session, request.ledger, besides=here))
        if request.action is Action.REHOME:
            return surveyed
        is_return = request.action is Action.EXIT
        asked = attached.to_those_away if is_return else attached.to_those_here
        return await asked(self._session, surveyed)

    async def _in_doubt(self, request: Request) -> Sequence[str]:
        """Other hosts whose power matters: asked for only where hosts have BMCs and too many look dead."""
        if request.action not in {Action.EVACUATE, Action.ENTER} or not self._bmcs:
            return ()
        return observer.in_doubt(await nova.compute_services(self._session), request.host)

    def plan(self, request: Request, survey: OpenStackSurvey) -> Plan:
        """Judge a survey."""
        match request.action:
            case Action.EVACUATE:
                return plan.evacuation(request, survey, self._terms)
            case Action.ENTER:
                return drain_plan.entering(request, survey, self._terms)
            case Action.EXIT:
                return return_plan.returning(request, survey, self._terms)
            case Action.REHOME:
                return rehome_back.giving_back(request, survey, self._terms)

    async def look(self, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        """What the cloud shows about steps, by a few lists."""
        return await look.at(self._session, steps, self._heartbeats, self._bmcs, self._runner, now=self._now())

    async def start(self, step: Step) -> Receipt:
        """Make the one call of a step, or run its one command."""
        if step.verb == verbs.POWER_OFF:
            await self._bmcs.force_off(step.target)
            return Receipt()
        if step.verb in verbs.OF_CINDER:
            return await rehome_look.start(step, self._runner)
        call = verbs.call_of(step)
        request_id = await self._session.act(
            "compute", call.method, call.path, call.body, microversion=call.microversion, doing=step.title
        )
        return Receipt(id=request_id)

    async def check(self) -> Sequence[str]:
        """Complaints about reachability, rights and versions."""
        ours, theirs = await self._session.together(
            check.complaints(self._session, self._terms, self._runner), self._bmcs.complaints()
        )
        return [*ours, *theirs]

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._session.aclose()
        await self._bmcs.aclose()
