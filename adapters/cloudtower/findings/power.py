"""What speaks against switching the power of a host after its maintenance, or must be known before. Pure."""

from collections.abc import Iterator

from adapters.cloudtower.findings.host import finding
from adapters.cloudtower.survey.survey import CloudTowerSurvey
from adapters.cloudtower.wire.translate import TowerHost
from bot.domain.cloud import Request
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import Then


def findings(request: Request, survey: CloudTowerSurvey, host: TowerHost) -> Iterator[Finding]:
    """All findings about that; nothing when nobody asked for it."""
    if request.then is Then.NOTHING:
        return
    cluster = survey.cluster
    if cluster is None or not cluster.address or not host.address:
        sentence = f"Whether CloudTower is attached to its cluster through {host.name} could not be found out."
        remedy = "Check again when CloudTower shows the cluster, or ask again without --then."
        yield finding("power-attached", Verdict.UNKNOWN, Topic.HOST, sentence, remedy=remedy)
    elif cluster.address == host.address:
        sentence = f"CloudTower is attached to {cluster.name} through {host.name} ({host.address})."
        remedy = "Attach the cluster by its virtual address, or ask again without --then."
        yield finding("power-attached", Verdict.BLOCKER, Topic.HOST, sentence, remedy=remedy)
    if request.then is Then.POWER_OFF:
        sentence = f"Nothing in CloudTower can power {host.name} on again."
        remedy = "Make sure that somebody can reach its BMC or its power button."
        yield finding("power-on-by-hand", Verdict.WARNING, Topic.HOST, sentence, remedy=remedy)
