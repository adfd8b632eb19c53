"""The port, in Nova's, Placement's and Cinder's words."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Self

from adapters.openstack import check, hosts, look
from adapters.openstack.findings import observer
from adapters.openstack.model import names
from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.plans import entering, evacuation, leaving, rehome_back
from adapters.openstack.settings import CinderSettings, OpenStackSettings
from adapters.openstack.steps import verbs
from adapters.openstack.steps.family import Access
from adapters.openstack.survey import attached, nova, power, servers, survey
from adapters.openstack.survey.heartbeats import ServiceHeartbeats
from adapters.openstack.wire.cinder_manage import CommandRunner, Local
from adapters.openstack.wire.session import Session
from adapters.redfish.bmcs import Bmc, Bmcs
from adapters.retries import reads
from bot.domain.abilities import VmPlace
from bot.domain.cloud import NO_BOOKS, Books, Host, Request, Sighting
from bot.domain.plans.plan import Plan, Receipt, Step
from bot.domain.ports import Clock
from bot.domain.steady_clock import SteadyClock
from bot.domain.values import Action, StepKey, VmId

_BMC_SECONDS = 10.0  #: how long a BMC may be silent: one that died with its host keeps nobody waiting longer
_CALLS = 6  #: one after the other, in a question about hosts: login, versions, services, hypervisors, providers, locks


class OpenStackCloud:
    """An OpenStack cloud: evacuates the VMs of a dead host, empties a living one and returns it to service.

    Args:
        settings: what its operator says about it.
        session: how to call it; closed with this.
        now: the time, aware and UTC.
        bmcs: the baseboard controllers of its hosts; closed with this. None: it has none.
        runner: how `cinder-manage` is run; None: not by Muster.
    """

    def __init__(
        self,
        settings: OpenStackSettings,
        *,
        session: Session,
        now: Callable[[], datetime],
        bmcs: Bmcs | None = None,
        runner: CommandRunner | None = None,
    ) -> None:
        self.name = settings.name
        self.actions = frozenset(Action) - (frozenset() if settings.cinder.by else {Action.REHOME})
        self.concurrency = settings.at_once
        self.rate = settings.rate
        self.poll = settings.poll.total_seconds()
        self.deadline = _CALLS * session.timeout
        self._session = session
        self._runner = runner
        self._now = now
        self._heartbeats = ServiceHeartbeats()
        self._bmcs = bmcs or Bmcs({}, now=now)
        self._settings = settings

    @classmethod
    def open(cls, settings: OpenStackSettings, clock: Clock) -> Self:
        """The cloud of such settings. Nothing is asked of it yet."""
        timeout = settings.api_timeout.total_seconds()
        again = reads(clock)
        known = {
            host: Bmc(url=its.url, username=its.username, password=its.password.reveal(), verify=its.verify)
            for host, its in settings.fencing.redfish.items()
        }
        return cls(
            settings,
            session=Session.of(settings.entry, clouds_yaml=settings.clouds_file, timeout=timeout, again=again),
            now=clock.now,
            bmcs=Bmcs(known, now=SteadyClock(clock).now, again=again, timeout=min(timeout, _BMC_SECONDS)),
            runner=_runner_of(settings.cinder),
        )

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        """Compute hosts whose name contains `matching`; an exact match first."""
        return await hosts.hosts(self._session, matching, self._heartbeats, limit=limit, locks=self._settings.lock_vms)

    async def survey(self, request: Request, books: Books = NO_BOOKS) -> OpenStackSurvey:
        """Read everything that the request's host and its VMs depend on."""
        rehomes = request.action in {Action.EVACUATE, Action.REHOME} and self._settings.cinder.by is not None
        taking = survey.take(
            self._session,
            request.host,
            at=self._now(),
            rehomes=rehomes,
            runner=self._runner if rehomes else None,
            managers=rehome_back.managers(books),
        )
        mine = request.host if request.action is Action.EVACUATE else ""
        surveyed = replace(
            await power.during(taking, self._bmcs, host=mine, others=self._in_doubt(request)), books=books
        )
        if request.action is Action.EVACUATE and request.host not in self._bmcs:
            called = (name for name in self._bmcs.hosts if names.may_be_one(name, request.host))
            surveyed = replace(surveyed, computes=replace(surveyed.computes, bmc_called=tuple(called)))
        self._heartbeats.note(surveyed.computes.services)
        if surveyed.computes.service is not None:
            life = self._heartbeats.life(surveyed.computes.service)
            surveyed = replace(surveyed, computes=replace(surveyed.computes, life=life))
        if request.action in {Action.ENTER, Action.EXIT}:
            movers = await servers.of_movers(self._session, surveyed.servers.migrations, surveyed.servers.here)
            surveyed = replace(surveyed, servers=replace(surveyed.servers, movers=movers))
        if books.ledger:
            here = {server.id for server in surveyed.servers.here}
            away = await servers.of(self._session, books.ledger, besides=here)
            surveyed = replace(surveyed, servers=replace(surveyed.servers, away=away))
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
                return evacuation.evacuation(request, survey, self._settings)
            case Action.ENTER:
                return entering.entering(request, survey, self._settings)
            case Action.EXIT:
                return leaving.returning(request, survey, self._settings)
            case Action.REHOME:
                return rehome_back.giving_back(request, survey, self._settings)

    async def look(self, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        """What the cloud shows about steps, by a few lists."""
        return await look.at(self._access(), steps)

    def _access(self) -> Access:
        return Access(
            session=self._session,
            heartbeats=self._heartbeats,
            bmcs=self._bmcs,
            runner=self._runner,
            now=self._now(),
        )

    async def find(self, last: Mapping[VmId, str]) -> Sequence[VmPlace]:
        """Where VMs are that no step is about: see `bot.domain.abilities.FindsVms`."""
        return await servers.places(self._session, last)

    async def start(self, step: Step) -> Receipt:
        """Make the one call of a step, or run its one command."""
        return await verbs.start(self._access(), step)

    async def check(self) -> Sequence[str]:
        """Complaints about reachability, rights and versions."""
        ours, theirs = await self._session.together(
            check.complaints(self._session, self._settings, self._runner), self._bmcs.complaints()
        )
        return [*ours, *theirs]

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._session.aclose()
        await self._bmcs.aclose()


def _runner_of(settings: CinderSettings) -> CommandRunner | None:
    """How `cinder-manage` is run by such settings; None: not by Muster."""
    match settings.runner:
        case "ssh":
            from adapters.openstack.wire.ssh import Ssh  # noqa: PLC0415 - asyncssh takes 15 MB, and few need it

            return Ssh(
                host=settings.host,
                command=settings.command,
                user=settings.user,
                port=settings.port,
                key_file=settings.key_file,
                known_hosts=settings.known_hosts,
            )
        case "local":
            return Local(command=settings.command)
        case "manual" | "none":
            return None
