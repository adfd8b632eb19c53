"""Judges a survey for "enter maintenance": one function per question, each answering with findings. Pure.

The rules are CloudTower's own (sheet §8: what its precheck checks, which its reply does not list) and those that an
operator needs before signing: an answer that could not be had is `unknown` and blocks.
"""

from collections.abc import Callable, Iterator, Sequence

from adapters.cloudtower.findings import alerts
from adapters.cloudtower.findings.host import finding, of_cluster, of_version, of_work, of_work_on
from adapters.cloudtower.survey.survey import CloudTowerSurvey, PrecheckOutcome
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.translate import GIB, TowerCluster, TowerHost, TowerVm
from bot.domain.counting import counted, gib
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import VmId

MOST_VMS = 150
"""How many VMs a host that enters may carry, the recycle bin included (ACOS 6.2.0 manual, page 118)."""
_IN_MAINTENANCE = {translate.ENTERING: "is entering maintenance", translate.IN_MAINTENANCE: "is in maintenance"}
_SETTLED_STATES = {"RUNNING", "STOPPED"}


def findings(survey: CloudTowerSurvey, host: TowerHost) -> tuple[Finding, ...]:
    """All findings about entering maintenance with `host`."""
    found = [*of_version(survey.version, "put the host into maintenance")]
    for question in (_connected, _mode, _peers, _tower_vms, _vm_states, _count, _room, _precheck, _listed):
        found += question(survey, host)
    found += of_cluster(survey.cluster, host, silence=survey.silence)
    found += _recovery(survey.cluster)
    found += alerts.findings(host, survey.alerts)
    return tuple(found)


def must_stop(survey: CloudTowerSurvey) -> Callable[[TowerVm], str]:
    """A function from a VM to its name in the shutdown list, or an empty text."""
    listed = set(survey.precheck.shutdown)
    return lambda vm: next((uuid for uuid in (vm.local_id, vm.id) if uuid in listed), "")


def _connected(survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    del survey
    remedy = (
        "Maintenance mode moves VMs off a living host: bring the host back, or let CloudTower's HA restart its VMs."
    )
    said = translate.said(host.status)
    if host.connection == "DISCONNECTED" or host.merged == "DISCONNECTED":
        yield finding("host-status", Verdict.BLOCKER, Topic.HOST, f"{host.name} is disconnected.", remedy=remedy)
    elif host.status == "CONNECTED_HEALTHY":
        yield finding("host-status", Verdict.OK, Topic.HOST, f"{host.name} is connected and healthy.")
    elif host.status == "CONNECTED_WARNING":
        yield finding("host-status", Verdict.WARNING, Topic.HOST, f"{host.name} is connected, with warnings.")
    elif host.status in {"CONNECTED_ERROR", "CONNECTING", "INITIALIZING", "SESSION_EXPIRED"}:
        yield finding("host-status", Verdict.BLOCKER, Topic.HOST, f"{host.name} is {said}.", remedy=remedy)
    else:
        sentence = f"{host.name} is {said}: not a state Muster knows."
        remedy = "Look at the host in CloudTower; when it shows as connected and healthy, check again."
        yield finding("host-status", Verdict.UNKNOWN, Topic.HOST, sentence, remedy=remedy)


def _mode(survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    del survey
    if "REMOVING" in {host.mode, host.state}:
        sentence = f"{host.name} is being removed from its cluster."
        remedy = "There is no way through while it is removed: CloudTower moves its VMs and its data away by itself."
        yield finding("host-state", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy)
    elif host.mode in _IN_MAINTENANCE:
        sentence = f"{host.name} {_IN_MAINTENANCE[host.mode]} already."
        remedy = f"Nothing is left to do; `/maintenance exit {host.name}` returns it to service."
        yield finding("host-state", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy)
    elif host.mode != translate.IN_USE:
        sentence = f"{host.name} is {translate.mode_said(host.mode)}: not a state Muster knows."
        remedy = "Look at the host in CloudTower; when it shows as in use, check again."
        yield finding("host-state", Verdict.UNKNOWN, Topic.HOST, sentence, remedy=remedy)
    yield from of_work(host)


def _peers(survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    for peer in survey.peers:
        if peer.mode in _IN_MAINTENANCE:
            yield finding(
                "peer-in-maintenance",
                Verdict.BLOCKER,
                Topic.HOST,
                f"{peer.name} of the same cluster {_IN_MAINTENANCE[peer.mode]}: only one host of a cluster may be.",
                remedy=f"Return {peer.name} to service first.",
            )
    if not _usable(survey.peers):
        sentence = f"No other host of {host.cluster or 'the cluster'} can take VMs."
        remedy = "Bring another host of the cluster into service, then check again."
        yield finding("last-host", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy)


def _recovery(cluster: TowerCluster | None) -> Iterator[Finding]:
    if cluster is not None and cluster.recovering > 0:
        yield finding(
            "data-recovery",
            Verdict.BLOCKER,
            Topic.STORAGE,
            f"Cluster {cluster.name} is recovering data ({gib(cluster.recovering / GIB)} left).",
            remedy="Wait until the recovery has ended: the data on this host may be the only replica.",
        )


def _tower_vms(survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    for vm in survey.vms:
        if vm.usage.startswith("CLOUDTOWER"):
            yield finding(
                "cloudtower-here",
                Verdict.BLOCKER,
                Topic.VMS,
                f"{vm.name} on {host.name} is CloudTower itself ({vm.usage}).",
                together=f"on {host.name} are CloudTower itself.",
                remedy="Migrate it to another host first.",
                vm=VmId(vm.uuid),
            )


def _vm_states(survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    del host
    for vm in survey.vms:
        if vm.status == "SUSPENDED":
            yield finding(
                "vm-suspended",
                Verdict.BLOCKER,
                Topic.VMS,
                f"{vm.name} is suspended: CloudTower does not enter maintenance with a suspended VM.",
                together="are suspended: CloudTower does not enter maintenance with a suspended VM.",
                remedy="Resume it, or power it off.",
                vm=VmId(vm.uuid),
            )
        elif vm.status not in _SETTLED_STATES:
            yield finding(
                "vm-state-unknown",
                Verdict.BLOCKER,
                Topic.VMS,
                f"{vm.name} is {vm.status}: CloudTower does not enter maintenance with a VM in unknown state.",
                together=f"are {vm.status}: CloudTower does not enter maintenance with a VM in unknown state.",
                remedy="Look at it in CloudTower and bring it to a known state.",
                vm=VmId(vm.uuid),
            )
        yield from of_work_on(vm)


def _count(survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    if len(survey.vms) > MOST_VMS:
        yield finding(
            "too-many-vms",
            Verdict.BLOCKER,
            Topic.VMS,
            f"{host.name} has {counted(len(survey.vms), 'VM')}, the recycle bin included; "
            f"CloudTower enters maintenance with at most {MOST_VMS}.",
            remedy="Empty the recycle bin or migrate VMs away first.",
        )


def _room(survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    """Memory on the other hosts for what must move. CloudTower's own check decides; this says how close it is."""
    stops = must_stop(survey)
    need = sorted((vm.memory for vm in survey.vms if vm.status == "RUNNING" and not stops(vm)), reverse=True)
    free = [peer.free_memory for peer in _usable(survey.peers)]
    if not need or not free:
        return
    told = f"{gib(sum(need) / GIB)} must move, {gib(sum(free) / GIB)} are free on {counted(len(free), 'other host')}"
    if sum(need) > sum(free) or need[0] > max(free):
        remedy = "Free memory on the other hosts, or shut VMs down first."
        sentence = f"The VMs of {host.name} do not fit elsewhere: {told}."
        yield finding("room", Verdict.BLOCKER, Topic.ROOM, sentence, remedy=remedy)
    elif not _fit(need, free):
        yield finding("room", Verdict.WARNING, Topic.ROOM, f"It will be tight, biggest VM first: {told}.")
    else:
        yield finding("room", Verdict.OK, Topic.ROOM, f"{told}.")


def _precheck(survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    precheck = survey.precheck
    if precheck.outcome is PrecheckOutcome.READY:
        count = len(precheck.shutdown)
        stops = f"{counted(count, 'VM')} must be shut down" if count else "no VM must be shut down"
        yield finding("precheck", Verdict.OK, Topic.HOST, f"CloudTower's precheck lets {host.name} enter: {stops}.")
    elif precheck.outcome is PrecheckOutcome.REFUSED:
        sentence = f"CloudTower's precheck says no. {precheck.sentence}"
        remedy = precheck.remedy or "Run the host's maintenance check in CloudTower and clear what it lists."
        yield finding("precheck", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy, raw=precheck.raw)
    elif precheck.outcome is PrecheckOutcome.NO_ANSWER:
        remedy = precheck.remedy or "Look at the task in CloudTower, then check again."
        yield finding("precheck", Verdict.UNKNOWN, Topic.HOST, precheck.sentence, remedy=remedy)


def _listed(survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    """The shutdown list against the VMs that can be seen."""
    del host
    stops = must_stop(survey)
    here = {stops(vm) for vm in survey.vms}
    elsewhere = {stops(vm): vm for vm in survey.elsewhere}
    for vm in survey.vms:
        if stops(vm) and vm.usage and not vm.usage.startswith("CLOUDTOWER"):
            sentence = f"{vm.name}, which would be shut down, runs a service of the platform ({vm.usage})."
            together = f"would be shut down and run a service of the platform ({vm.usage})."
            yield finding("service-vm-stops", Verdict.WARNING, Topic.VMS, sentence, together=together, vm=VmId(vm.uuid))
    for uuid in survey.precheck.shutdown:
        if uuid in here:
            continue
        if uuid in elsewhere:
            yield Finding(
                code="shutdown-elsewhere",
                verdict=Verdict.UNKNOWN,
                topic=Topic.VMS,
                sentence=f"{elsewhere[uuid].name} would be shut down, but CloudTower shows it on another host.",
                together="would be shut down, but CloudTower shows them on another host.",
                remedy="Check again in a minute, when CloudTower has caught up with the cluster.",
                vm=VmId(uuid),
            )
        else:
            yield Finding(
                code="shutdown-unseen",
                verdict=Verdict.WARNING,
                topic=Topic.VMS,
                sentence=f"VM {uuid} would be shut down, but CloudTower does not show it to Muster's user.",
                together="would be shut down, but CloudTower does not show them to Muster's user.",
                remedy="Find out in CloudTower which VM this is, or give Muster's user the right to see it.",
                vm=VmId(uuid),
            )


def _usable(peers: Sequence[TowerHost]) -> list[TowerHost]:
    """Hosts that can take VMs, by the vendor's own rule (CAPE util.go)."""
    return [
        p
        for p in peers
        if p.status not in {"CONNECTED_ERROR", "SESSION_EXPIRED", "INITIALIZING"}
        and p.mode == translate.IN_USE
        and p.connection != "DISCONNECTED"
    ]


def _fit(need: Sequence[int], free: Sequence[int]) -> bool:
    """Whether everything can be placed, the biggest first onto the emptiest host."""
    left = list(free)
    for amount in need:
        place = max(range(len(left)), key=left.__getitem__)
        if left[place] < amount:
            return False
        left[place] -= amount
    return True
