"""What is asked about a host whichever way it goes, and the one maker of findings about CloudTower. Pure."""

from collections.abc import Iterator

from adapters.cloudtower.survey.survey import MINIMUM_VERSION
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.translate import TowerCluster, TowerHost, TowerVm
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import VmId

_LEAST = ".".join(map(str, MINIMUM_VERSION))


def gone(name: str) -> Finding:
    """That CloudTower lists no host of this name."""
    sentence = f"CloudTower does not list {name} any more."
    remedy = "Look for it in CloudTower: it was removed, or Muster's user may not see it any more."
    return finding("host-gone", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy)


def of_version(version: str, by_hand: str) -> Iterator[Finding]:
    """Whether this CloudTower has maintenance mode in its API.

    Args:
        version: as it calls it.
        by_hand: what a person can do in CloudTower itself, as a phrase.
    """
    numbers = translate.version(version)
    if numbers is None:
        sentence = f"CloudTower calls its version {version!r}, which says nothing about maintenance mode."
        remedy = f"Check again, or {by_hand} in CloudTower itself. Muster needs {_LEAST} or newer."
        yield finding("version", Verdict.UNKNOWN, Topic.VERSION, sentence, remedy=remedy)
    elif numbers < MINIMUM_VERSION:
        sentence = f"CloudTower is {version}: maintenance mode needs {_LEAST}."
        remedy = f"Upgrade CloudTower, or {by_hand} by hand."
        yield finding("version", Verdict.BLOCKER, Topic.VERSION, sentence, remedy=remedy)
    else:
        yield finding("version", Verdict.OK, Topic.VERSION, f"CloudTower is {version}.")


def of_work(host: TowerHost) -> Iterator[Finding]:
    """Whether CloudTower is at work on the host itself."""
    if host.busy:
        yield finding(
            "host-busy",
            Verdict.BLOCKER,
            Topic.HOST,
            f"CloudTower is {host.busy.lower()} {host.name} just now.",
            remedy="Wait until that task has ended, then check again.",
        )


def of_cluster(cluster: TowerCluster | None, host: TowerHost, *, silence: str) -> Iterator[Finding]:
    """Whether CloudTower hears the cluster of the host.

    Args:
        cluster: None: it could not be read.
        host: of it.
        silence: why, as a sentence; empty: CloudTower does not show it.
    """
    if cluster is None:
        why = silence or "CloudTower does not show it to Muster's user."
        sentence = f"The cluster {host.cluster} could not be read, so whether it is recovering data is left to "
        sentence += f"CloudTower's own check: {why}"
        remedy = "Give Muster's user the right to see it, or look there for data recovery before you approve."
        yield finding("cluster", Verdict.WARNING, Topic.HOST, sentence, remedy=remedy)
    elif cluster.connection != "CONNECTED":
        sentence = (
            f"Cluster {cluster.name} is {cluster.connection or 'of unknown state'}: what CloudTower shows is old."
        )
        remedy = "Connect the cluster with CloudTower again, then check again."
        yield finding("cluster", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy)


def of_work_on(vm: TowerVm) -> Iterator[Finding]:
    """Whether CloudTower is at work on a VM."""
    if vm.busy:
        sentence = f"CloudTower is {vm.busy.lower()} {vm.name} just now: it may be locked."
        together = f"may be locked: CloudTower is {vm.busy.lower()} them just now."
        yield finding("vm-busy", Verdict.WARNING, Topic.VMS, sentence, together=together, vm=VmId(vm.uuid))


def finding(
    code: str,
    verdict: Verdict,
    topic: Topic,
    sentence: str,
    *,
    together: str = "",
    remedy: str = "",
    raw: str = "",
    vm: VmId | None = None,
) -> Finding:
    """A finding, with the words that each has."""
    return Finding(
        code=code,
        verdict=verdict,
        topic=topic,
        sentence=sentence,
        together=together,
        remedy=remedy,
        raw=raw,
        vm=vm,
    )
