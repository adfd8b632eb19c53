"""The open alerts of a host and its labels, as findings: what an approver should know before anybody touches it.

One question, however many alerts there are. Severity is free text in the OpenAPI document; CRITICAL, NOTICE and INFO
are what CloudTower writes, and an unknown word counts as a warning.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.cloudtower.survey import read as read_rows
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import Reply, TowerHost
from bot.domain.cloud import CloudError
from bot.domain.counting import counted
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import Json

MOST_ASKED = 50  #: alerts asked for
MOST_TOLD = 5  #: of them told one by one
_RANKS = ("CRITICAL", "NOTICE", "INFO")


@dataclass(frozen=True, kw_only=True)
class TowerAlert:
    """An alert that has not ended."""

    id: str
    severity: str
    message: str
    solution: str

    @property
    def words(self) -> str:
        """What it says, without the full stop."""
        return self.message.rstrip(".。") or "no words"

    @property
    def rank(self) -> int:
        """0 is the worst; an unknown severity ranks as NOTICE."""
        return _RANKS.index(self.severity) if self.severity in _RANKS else 1


@dataclass(frozen=True, kw_only=True)
class OpenAlerts:
    """What CloudTower complains about on one host."""

    alerts: tuple[TowerAlert, ...] = ()  #: the worst first
    refusal: str = ""  #: why they could not be read


async def read(client: Client, host: TowerHost) -> OpenAlerts:
    """The open alerts of a host, or why they could not be read: they cost accuracy, never the plan."""
    body: dict[str, Json] = {
        "where": {"ended": False, "host": {"id": host.id}},
        "first": MOST_ASKED,
        "orderBy": "severity_ASC",
    }
    try:
        found = await read_rows.asked(
            client, "/get-alerts", body, lambda reply: [_alert(row) for row in translate.rows(reply, "id")]
        )
    except CloudError as error:
        return OpenAlerts(refusal=error.sentence)
    return OpenAlerts(alerts=tuple(sorted(found, key=lambda alert: (alert.rank, alert.message, alert.id))))


def _alert(reply: Reply) -> TowerAlert:
    said = {name: str(reply.get(name) or "").strip() for name in ("id", "severity", "message", "solution")}
    return TowerAlert(**said)


def findings(host: TowerHost, seen: OpenAlerts) -> Iterator[Finding]:
    """A warning for each alert that may bear on the decision, and what the host is labelled as."""
    if seen.refusal:
        sentence = f"The alerts of {host.name} could not be read. {seen.refusal}"
        yield Finding(code="alerts", verdict=Verdict.WARNING, topic=Topic.HOST, sentence=sentence)
    grave = [alert for alert in seen.alerts if alert.rank < _RANKS.index("INFO")]
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
