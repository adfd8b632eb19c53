"""The open alerts of a host and its labels, as findings: what an approver should know before anybody touches it.

An unknown word for a severity counts as a warning.
"""

from collections.abc import Iterator, Sequence

from adapters.cloudtower.survey.alerts import MOST_ASKED, RANKS, OpenAlerts, TowerAlert
from adapters.cloudtower.wire.translate import TowerHost
from bot.domain.counting import counted
from bot.domain.plans.plan import Finding, Topic, Verdict

MOST_TOLD = 5  #: alerts told one by one


def findings(host: TowerHost, seen: OpenAlerts) -> Iterator[Finding]:
    """A warning for each alert that may bear on the decision, and what the host is labelled as."""
    if seen.refusal:
        sentence = f"The alerts of {host.name} could not be read. {seen.refusal}"
        yield Finding(code="alerts", verdict=Verdict.WARNING, topic=Topic.HOST, sentence=sentence)
    grave = [alert for alert in seen.alerts if alert.rank < RANKS.index("INFO")]
    for alert in grave[:MOST_TOLD]:
        yield Finding(
            code=f"alert:{alert.id}",
            verdict=Verdict.WARNING,
            topic=Topic.HOST,
            sentence=f"Open alert on {host.name} ({alert.severity or 'no severity'}): {alert.words}.",
            remedy=alert.solution,
        )
    yield from _others(host, grave[MOST_TOLD:], is_all=len(seen.alerts) < MOST_ASKED)
    mild = len(seen.alerts) - len(grave)
    if mild:
        sentence = (
            f"{counted(mild, 'open alert')} of severity INFO on {host.name}."
            if mild > 1
            else f"An INFO alert: {seen.alerts[-1].words}."
        )
        yield Finding(code="alerts-info", verdict=Verdict.OK, topic=Topic.HOST, sentence=sentence)
    if host.labels:
        sentence = f"{host.name} is labelled {', '.join(host.labels)}."
        yield Finding(code="labels", verdict=Verdict.OK, topic=Topic.HOST, sentence=sentence)


def _others(host: TowerHost, more: Sequence[TowerAlert], *, is_all: bool) -> Iterator[Finding]:
    if more:
        sentence = f"{'' if is_all else 'At least '}{len(more)} more open alerts on {host.name}."
        remedy = "Read them in CloudTower."
        yield Finding(code="alerts-more", verdict=Verdict.WARNING, topic=Topic.HOST, sentence=sentence, remedy=remedy)
