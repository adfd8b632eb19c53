"""The open alerts of a host: one question, however many there are.

Severity is free text in the OpenAPI document; CRITICAL, NOTICE and INFO are what CloudTower writes.
"""

from dataclasses import dataclass

from adapters.cloudtower.survey.read import asked
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import Reply, TowerHost
from bot.domain.cloud import CloudError
from bot.domain.redaction import redact
from bot.domain.values import Json

MOST_ASKED = 50  #: alerts asked for
RANKS = ("CRITICAL", "NOTICE", "INFO")


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
        return RANKS.index(self.severity) if self.severity in RANKS else 1


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
        found = await asked(
            client, "/get-alerts", body, lambda reply: [_alert(row) for row in translate.rows(reply, "id")]
        )
    except CloudError as error:
        return OpenAlerts(refusal=error.sentence)
    return OpenAlerts(alerts=tuple(sorted(found, key=lambda alert: (alert.rank, alert.message, alert.id))))


def _alert(reply: Reply) -> TowerAlert:
    said = {name: redact(str(reply.get(name) or "")).strip() for name in ("id", "severity", "message", "solution")}
    return TowerAlert(**said)
