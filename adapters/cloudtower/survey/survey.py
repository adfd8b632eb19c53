"""Reads everything needed to judge "enter maintenance" on one host, and has CloudTower run its own precheck.

The precheck is a question in the shape of a task: it changes nothing, and its answer (which VMs must be shut down) is
what the approvers decide about. It must therefore be waited for here; that is the only place where this adapter waits.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from adapters.cloudtower.survey import alerts, read
from adapters.cloudtower.survey.alerts import OpenAlerts
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import TowerCluster, TowerHost, TowerTask, TowerVm
from bot.domain.cloud import CloudError, Refused
from bot.domain.ports import Clock
from bot.domain.values import Json

MINIMUM_VERSION = (4, 0, 0)
"""The first CloudTower with maintenance mode in its API (sheet §9)."""
_RESULT = "/enter-maintance-mode-precheck-result"
PATIENCE = timedelta(minutes=10)
"""How long the precheck may take."""
LATE_ANSWERS = 3
"""How often the result is read again after the precheck's task has ended without it."""


class PrecheckOutcome(StrEnum):
    """How the precheck ended."""

    READY = "ready"
    REFUSED = "refused"
    """Not taken, failed, or ended without saying that the host may enter."""
    NO_ANSWER = "no-answer"
    """Still not done at the deadline."""
    NOT_ASKED = "not-asked"
    """Something else forbids entering already."""


@dataclass(frozen=True, kw_only=True)
class TowerPrecheck:
    """CloudTower's own judgement."""

    outcome: PrecheckOutcome
    task: str = ""
    shutdown: tuple[str, ...] = ()  #: ids of the VMs that must be shut down, as given, sorted
    sentence: str = ""
    remedy: str = ""
    raw: str = ""


@dataclass(frozen=True, kw_only=True)
class CloudTowerSurvey:
    """One host, its cluster, its VMs and the precheck, at one moment."""

    version: str
    host: TowerHost | None
    peers: tuple[TowerHost, ...] = ()  #: the other hosts of its cluster
    cluster: TowerCluster | None = None
    silence: str = ""  #: why the cluster could not be read, as a sentence
    vms: tuple[TowerVm, ...] = ()  #: on the host, whatever their status, the recycle bin too
    elsewhere: tuple[TowerVm, ...] = ()  #: in the shutdown list, but not listed on the host
    precheck: TowerPrecheck = TowerPrecheck(outcome=PrecheckOutcome.NOT_ASKED)
    alerts: OpenAlerts = field(default_factory=OpenAlerts)


@dataclass(frozen=True, kw_only=True)
class Surveyor:
    """Makes surveys.

    Args:
        client: the tower.
        clock: passes between two looks at the precheck.
        poll: the longest pause between them in seconds; the first ones are shorter.
        began: told the id of each precheck's task, so that it is never taken for something else.
    """

    client: Client
    clock: Clock
    poll: float
    began: Callable[[str], None]

    async def enter(self, host_id: str) -> CloudTowerSurvey:
        """Survey a host that shall enter maintenance.

        Raises:
            Refused, Unreachable
        """
        version = await self.client.version()  # alone, so that a wrong password is tried once
        host = await read.host(self.client, host_id)
        if host is None:
            return CloudTowerSurvey(version=version, host=None)
        if not host.cluster_id:  # its peers and their room would be those of no cluster
            raise self.client.stranger("/get-hosts", "a host without its cluster")
        hosts, (cluster, silence), listed, complaints = await asyncio.gather(
            read.hosts(self.client, {"cluster": {"id": host.cluster_id}}),
            cluster_of(self.client, host),
            read.vms(self.client, {"host": {"id": host.id}}),
            alerts.read(self.client, host),
        )
        vms = read.told_apart(self.client, read.whole(listed))
        peers = tuple(h for h in read.whole(hosts) if h.id != host.id)
        precheck = TowerPrecheck(outcome=PrecheckOutcome.NOT_ASKED)
        if _may_ask(version, host, peers):
            precheck = await self._precheck(host)
        named = set(precheck.shutdown) - {name for vm in vms for name in (vm.id, vm.local_id)}
        called = await read.vms_called(self.client, sorted(named)) if named else ()
        elsewhere = read.told_apart(self.client, [vm for vm in called if vm.may_be_in(host.cluster_id)])
        return CloudTowerSurvey(
            version=version,
            host=host,
            peers=peers,
            cluster=cluster,
            silence=silence,
            vms=tuple(vms),
            elsewhere=tuple(elsewhere),
            precheck=precheck,
            alerts=complaints,
        )

    async def _precheck(self, host: TowerHost) -> TowerPrecheck:
        """Begin the precheck and wait for its result.

        `done` is documented in two ways, "the check is complete" and "the host may enter"; only `true` lets enter, and
        a task that ended without it is a refusal under both (sheet §6).
        """
        try:
            task = await self.client.begin("/enter-maintenance-mode-precheck", {"where": {"id": host.id}})
        except Refused as no:
            return TowerPrecheck(outcome=PrecheckOutcome.REFUSED, sentence=no.sentence, remedy=no.remedy, raw=no.raw)
        if not task:
            raise self.client.stranger("/enter-maintenance-mode-precheck", "a precheck without a task")
        self.began(task)
        deadline = self.clock.monotonic() + PATIENCE.total_seconds()
        ended_without, pause = 0, 0.5
        while True:
            question: dict[str, Json] = {"where": {"task_id": task}}
            stops = await read.asked(self.client, _RESULT, question, translate.shutdown_list)
            if stops is not None:
                return TowerPrecheck(outcome=PrecheckOutcome.READY, task=task, shutdown=stops)
            seen = next((t for t in await read.tasks(self.client, {"id": task}) if t.id == task), None)
            if seen is not None and seen.has_ended:
                ended_without += 1
                if seen.status == "FAILED" or ended_without > LATE_ANSWERS:
                    return _ended_badly(seen)
            if self.clock.monotonic() >= deadline:
                return _too_late(task, PATIENCE, seen)
            await self.clock.sleep(min(pause, self.poll))
            pause *= 1.5


async def cluster_of(client: Client, host: TowerHost) -> tuple[TowerCluster | None, str]:
    """Its cluster, or why that could not be read: CloudTower's precheck looks at the same, so the plan goes on."""
    try:
        return await read.cluster(client, host.cluster_id), ""
    except CloudError as error:
        return None, error.sentence


def _may_ask(version: str, host: TowerHost, peers: tuple[TowerHost, ...]) -> bool:
    """Whether a precheck can tell anything new: not on a host that may not enter anyhow."""
    numbers = translate.version(version)
    return (
        numbers is not None
        and numbers >= MINIMUM_VERSION
        and host.mode == translate.IN_USE
        and host.status.startswith("CONNECTED_")
        and not any(p.mode in {translate.ENTERING, translate.IN_MAINTENANCE} for p in peers)
    )


def _ended_badly(task: TowerTask) -> TowerPrecheck:
    if task.status == "FAILED":
        sentence = f"The precheck failed: {translate.why_failed(task)}"
    else:
        sentence = "The precheck ended without saying that the host may enter maintenance."
    return TowerPrecheck(
        outcome=PrecheckOutcome.REFUSED,
        task=task.id,
        sentence=sentence,
        remedy="Open the host in CloudTower, run its maintenance check there and clear what it lists.",
        raw=task.error_message,
    )


def _too_late(task: str, patience: timedelta, seen: TowerTask | None) -> TowerPrecheck:
    minutes = max(1, int(patience.total_seconds() // 60))
    state = f"its task is {seen.status}" if seen else "its task is not listed"
    return TowerPrecheck(
        outcome=PrecheckOutcome.NO_ANSWER,
        task=task,
        sentence=f"The precheck was not done after {minutes} min ({state}).",
        remedy="Look at the task in CloudTower, then check again.",
    )
