"""The door for other people's monitoring: `POST /webhooks/alertmanager`, in Alertmanager's own words.

What comes in is believed only with the token, read strictly, and handed on as values. The payload is version 4 of
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config; Alertmanager repeats a call that was answered
5xx, and gives up one that was answered 4xx.
"""

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from bot.domain.ports import Stale, StoreFailed
from bot.domain.redaction import redact
from bot.runtime import http_server
from bot.runtime.log import logger
from bot.watch.alerts import AlertGroup, ToldAlert

log = logger(__name__)

PATH = "/webhooks/alertmanager"
TAKE_SECONDS = 5.0
"""How long a call waits until it is stored; whoever waits longer holds a connection that others need."""
_MOST_ALERTS = 1_000
_LONGEST = 1_000
"""Characters that are kept of any one text."""
_STATUSES = frozenset({"firing", "resolved"})


class BadPayload(ValueError):
    """What came in is not what Alertmanager sends."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Where an alert names its host and cloud."""

    host: str = "instance"
    cloud: str = "cloud"
    default_cloud: str = ""  #: when the label is not there; empty: whichever one cloud has such a host


def alertmanager(
    take: Callable[[AlertGroup], Awaitable[int]], *, token: str, labels: Labels
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The handler of the route.

    Args:
        take: stores what was told; answers how much of it was new.
        token: what the caller must bear; empty: nobody is let in.
        labels: how hosts and clouds are named.
    """
    is_told = False

    async def handle(request: web.Request) -> web.Response:
        nonlocal is_told
        if not token:
            return _no(404, "Alerts are not taken here: no token is configured in [alertmanager].")
        if not _bears(request.headers.get("Authorization", ""), token):
            log.warning("an alert without the right token was turned away", remote=request.remote)
            return _no(401, "The Authorization header does not carry the token.", **{"WWW-Authenticate": "Bearer"})
        try:
            group = parse(await http_server.body(request), labels=labels)
        except BadPayload as bad:
            log.warning("an alert could not be read", why=str(bad))
            return _no(400, str(bad))
        try:
            fresh = await _in_time(take(group))
        except (Stale, StoreFailed) as error:
            if not is_told:
                log.warning("alerts cannot be stored; whoever sends them is told to send them again", error=str(error))
            is_told = True
            return _no(503, "It could not be stored now; send it again.")
        is_told = False
        return web.json_response({"alerts": len(group.alerts), "new": fresh})

    return handle


async def _in_time(take: Awaitable[int]) -> int:
    """What it answers. It goes on where that takes too long: what is stored after all is known when it is sent again.

    Raises:
        StoreFailed: it is not stored, or not yet.
    """
    taking = asyncio.ensure_future(take)
    await asyncio.wait([taking], timeout=TAKE_SECONDS)
    if taking.done():
        return taking.result()
    taking.add_done_callback(_heard)
    raise StoreFailed(f"not within {TAKE_SECONDS:g} s")


def _heard(taken: asyncio.Future[int]) -> None:
    """An error that comes too late is heard by nobody, and no surprise."""
    if not taken.cancelled():
        taken.exception()


def parse(body: bytes, *, labels: Labels) -> AlertGroup:
    """Read what Alertmanager sent.

    Raises:
        BadPayload: says in a sentence what is not as it must be.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadPayload("The body is not JSON.") from error
    if not isinstance(told, dict):
        raise BadPayload("The body is not a JSON object.")
    if told.get("version") != "4":
        raise BadPayload('The version is not "4".')
    alerts = told.get("alerts")
    if not isinstance(alerts, list) or not alerts or len(alerts) > _MOST_ALERTS:
        raise BadPayload(f"alerts is not a list of 1 to {_MOST_ALERTS} of them.")
    return AlertGroup(
        key=_word(told, "groupKey", "groupKey"),
        alerts=tuple(_alert(alert, f"alerts[{place}]", labels) for place, alert in enumerate(alerts)),
    )


def _alert(told: object, at: str, labels: Labels) -> ToldAlert:
    if not isinstance(told, dict):
        raise BadPayload(f"{at} is not an object.")
    status = told.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise BadPayload(f'{at}.status is neither "firing" nor "resolved".')
    named = _texts(told, "labels", at)
    noted = _texts(told, "annotations", at)
    said = noted.get("summary") or noted.get("description") or noted.get("message") or ""
    name = named.get("alertname", "")
    severity = f" ({named['severity']})" if named.get("severity") else ""
    return ToldAlert(
        fingerprint=_word(told, "fingerprint", f"{at}.fingerprint"),
        starts_at=_moment(told.get("startsAt"), f"{at}.startsAt"),
        is_over=status == "resolved",
        summary=f"{name}{severity}: {said}" if name and said else (said or f"{name}{severity}" or "an alert"),
        host=named.get(labels.host, "").strip(),
        cloud=named.get(labels.cloud, "").strip() or labels.default_cloud,
    )


def _bears(header: str, token: str) -> bool:
    """Compared in constant time, so that the answer's delay tells nothing."""
    scheme, _, borne = header.partition(" ")
    is_right = hmac.compare_digest(borne.strip().encode(errors="surrogateescape"), token.encode())
    return is_right and scheme.casefold() == "bearer"


def _word(told: Mapping[str, Any], key: str, at: str) -> str:
    value = told.get(key)
    if not isinstance(value, str) or not value or len(value) > 10 * _LONGEST:
        raise BadPayload(f"{at} is not a text.")
    return value


def _texts(told: Mapping[str, Any], key: str, at: str) -> Mapping[str, str]:
    value = told.get(key)
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise BadPayload(f"{at}.{key} is not an object of texts.")
    return {name: redact(text)[:_LONGEST] for name, text in value.items()}


def _moment(value: object, at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            moment.astimezone(UTC)  # there are no moments before the year 1, nor after 9999
            return moment
    except (ValueError, OverflowError) as error:
        raise BadPayload(f"{at} is not a moment in RFC 3339.") from error
    raise BadPayload(f"{at} is not a moment in RFC 3339.")


def _no(status: int, sentence: str, **headers: str) -> web.Response:
    return web.json_response({"error": sentence}, status=status, headers=headers)
