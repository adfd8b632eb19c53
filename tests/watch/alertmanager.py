"""What an Alertmanager sends, and the door of the bot that takes it."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from bot.runtime.http_server import serve
from bot.watch.alerts import Alerts
from bot.web import webhooks
from bot.web.health import LARGEST_REQUEST
from bot.web.webhooks import Labels
from tests.watch.conftest import Post

TOKEN = "alert-token-1"
STARTS = "2026-11-21T11:59:00.123456789Z"


def alert(status: str = "firing", *, fingerprint: str = "f1", starts: str = STARTS, **labels: str) -> dict[str, Any]:
    return {
        "status": status,
        "labels": {"alertname": "HostDown", "severity": "critical", "instance": "host-3:9100", **labels},
        "annotations": {"summary": "host-3 does not answer"},
        "startsAt": starts,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus/graph",
        "fingerprint": fingerprint,
    }


def payload(*alerts: dict[str, Any], group: str = "{}:{alertname=HostDown}", **changes: Any) -> dict[str, Any]:
    told = alerts or (alert(),)
    return {"version": "4", "groupKey": group, "status": "firing", "receiver": "muster", "alerts": told, **changes}


@asynccontextmanager
async def door(post: Post, *, token: str = TOKEN, labels: Labels = Labels()) -> AsyncIterator[str]:  # noqa: B008
    app = web.Application(client_max_size=LARGEST_REQUEST)
    take = Alerts(archive=post.archive, clock=post.clock).take
    app.router.add_post(webhooks.PATH, webhooks.alertmanager(take, token=token, labels=labels))
    async with serve(app, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}{webhooks.PATH}"


async def send(url: str, body: Any, *, authorization: str = f"Bearer {TOKEN}") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": authorization} if authorization else {}
    async with aiohttp.ClientSession() as session:
        kind = {"data": io.BytesIO(body)} if isinstance(body, bytes) else {"json": body}
        async with session.post(url, headers=headers, **kind) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else {}
