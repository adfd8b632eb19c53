"""The cloud port over one CloudTower."""

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf
from typing import Self, TypeAlias

from adapters.cloudtower import look
from adapters.cloudtower.findings import ha
from adapters.cloudtower.findings.host import of_version
from adapters.cloudtower.plans import entering as plan_enter
from adapters.cloudtower.plans import leaving as plan_exit
from adapters.cloudtower.settings import CloudTowerSettings
from adapters.cloudtower.steps import course, power
from adapters.cloudtower.steps.first_seen import FirstSeen
from adapters.cloudtower.survey import leaving, read
from adapters.cloudtower.survey.leaving import LeavingSurvey
from adapters.cloudtower.survey.survey import CloudTowerSurvey, Surveyor
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.client import Client, Credentials
from adapters.cloudtower.wire.translate import TowerHost
from bot.domain.abilities import Instead, VmPlace
from bot.domain.cloud import NO_BOOKS, Books, CloudError, Host, NotSupported, Request, Sighting
from bot.domain.plans.plan import Plan, Receipt, Step, Verdict
from bot.domain.ports import Clock
from bot.domain.values import Action, HostId, StepKey, Then, VmId

Survey: TypeAlias = CloudTowerSurvey | LeavingSurvey
"""Of a host that shall enter, or leave."""
_READ_ONLY = frozenset({"READ_ONLY", "AUDITOR"})


_CALLS = 4  #: one after the other, in a question about hosts: the kind of login, the login, hosts, what is open there


class CloudTowerCloud:
    """SmartX CloudTower 4.0.0 and newer.

    Args:
        settings: what its operator says about it.
        clock: passes between two looks at a precheck and two tries of a read.
    """

    actions: frozenset[Action] = frozenset({Action.ENTER, Action.EXIT})
    powers: frozenset[Then] = power.POWERS

    def __init__(self, settings: CloudTowerSettings, clock: Clock) -> None:
        timeout = settings.api_timeout.total_seconds()
        self.name = settings.name
        self.concurrency = settings.concurrency
        self.rate = inf
        self.poll = settings.poll.total_seconds()
        self.deadline = _CALLS * timeout
        self._first_seen = FirstSeen(clock.monotonic)
        self._client = Client(
            name=settings.name,
            url=settings.url,
            token=settings.token.reveal() or None,
            login=None if settings.token else _login(settings),
            verify=settings.verify,
            timeout=timeout,
            clock=clock,
        )
        self._prechecks: deque[str] = deque(maxlen=200)  # tasks that we began ourselves and that mean nothing
        self._surveyor = Surveyor(client=self._client, clock=clock, poll=self.poll, began=self._prechecks.append)

    @classmethod
    def open(cls, settings: CloudTowerSettings, clock: Clock) -> Self:
        """The cloud of such settings. Nothing is asked of it yet."""
        return cls(settings, clock)

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        """See `bot.domain.cloud.Cloud.hosts`."""
        wanted = matching.casefold()
        found = [
            h
            for h in read.whole(await read.hosts(self._client, {}))
            if any(wanted in word.casefold() for word in (h.name, h.id, h.local_id))
        ]
        found.sort(key=lambda h: (wanted not in {h.name.casefold(), h.id, h.local_id}, h.name.casefold(), h.id))
        return [_host(h) for h in found[:limit]]

    async def survey(self, request: Request, books: Books = NO_BOOKS) -> Survey:
        """See `bot.domain.cloud.Cloud.survey`. Waits for CloudTower's precheck, which is a task when entering."""
        self._offered(request.action)
        if request.action is Action.EXIT:
            return await leaving.survey(self._client, request.host, books.ledger)
        return await self._surveyor.enter(request.host)

    def plan(self, request: Request, survey: Survey) -> Plan:
        """See `bot.domain.cloud.Cloud.plan`."""
        self._offered(request.action)
        if isinstance(survey, LeavingSurvey):
            return plan_exit.plan(request, survey)
        return plan_enter.plan(request, survey)

    async def look(self, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        """See `bot.domain.cloud.Cloud.look`."""
        if not steps:
            return {}
        return await look.look(self._client, steps, first_seen=self._first_seen, prechecks=frozenset(self._prechecks))

    async def find(self, last: Mapping[VmId, str]) -> Sequence[VmPlace]:
        """See `bot.domain.abilities.FindsVms.find`. What the list leaves out may be hidden from Muster's user."""
        listed = await read.vms_called(self._client, list(last))

        def place(id: VmId) -> VmPlace:
            called = [vm for vm in listed if vm.is_called(id)]
            if len(called) != 1:
                why = "CloudTower shows several VMs of this id." if called else "CloudTower does not show it any more."
                return VmPlace(vm=id, unknown=why)
            vm = called[0]
            is_gone = vm.status == "DELETED"
            return VmPlace(vm=id, is_gone=is_gone, host="" if is_gone else vm.host)

        return [place(id) for id in last]

    async def start(self, step: Step) -> Receipt:
        """See `bot.domain.cloud.Cloud.start`."""
        begin = power.start if step.verb == power.VERB else course.start
        return await begin(self._client, step)

    async def instead(self, action: Action, host: str) -> Instead | None:
        """See `bot.domain.abilities.DoesItItself.instead`."""
        return await ha.instead(self._client, self.name, host) if action is Action.EVACUATE else None

    async def check(self) -> Sequence[str]:
        """See `bot.domain.cloud.Cloud.check`."""
        try:
            version = await self._client.version()
            me = await self._client.read("/get-my-info", None)
            hosts = read.whole(await read.hosts(self._client, {}))
        except CloudError as error:
            return [str(error)]
        complaints = []
        unfit = (f for f in of_version(version, "do it") if f.verdict is not Verdict.OK)
        complaints += [f"{self.name}: {finding.sentence}" for finding in unfit]
        if not hosts:
            complaints.append(f"{self.name} shows Muster's user no host.")
        if not isinstance(me, Mapping):
            odd = self._client.stranger("/get-my-info", f"{translate.kind(me)} where a user belongs")
            complaints.append(str(odd))
        elif me.get("role") in _READ_ONLY:
            complaints.append(f"Muster's user on {self.name} may only read: it needs a role that manages hosts.")
        return complaints

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    def _offered(self, action: Action) -> None:
        if action in self.actions:
            return
        reason = "its own HA restarts the VMs of a failed host" if action is Action.EVACUATE else "not offered"
        raise NotSupported(f"{self.name} cannot {action.value}: {reason}.")


def _login(settings: CloudTowerSettings) -> Credentials:
    return Credentials(username=settings.username, password=settings.password.reveal(), source=settings.source)


def _host(host: TowerHost) -> Host:
    mode = translate.mode_said(host.mode)
    return Host(
        id=HostId(host.id),
        name=host.name,
        area=host.cluster,
        state=f"{translate.said(host.status)}, {mode}",
        in_service=host.mode == translate.IN_USE and host.status in {"CONNECTED_HEALTHY", "CONNECTED_WARNING"},
        vms=host.vms,
        is_down=host.mode == translate.IN_USE and host.is_lost,
    )
