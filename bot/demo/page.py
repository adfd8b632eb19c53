"""The web page on which a person acts as any of the workspace's users, and the few addresses it talks to."""

import asyncio
import importlib.resources
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from bot.demo.workspace.acting import SLACKBOT, Where
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import Channel, Json
from bot.demo.workspace.view_stack import View
from bot.demo.workspace.workspace import Workspace

CONTENT_TYPES: Mapping[str, str] = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
SHOWN_PER_CHANNEL = 300
SHOWN_PUSHES = 20


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A button beside the channels that makes something happen in the simulated world."""

    name: str
    description: str
    run: Callable[[], Awaitable[None]]


class Page:
    """Files, state and verbs of the page. `/_page/...` is no part of Slack."""

    def __init__(self, ws: Workspace, scenarios: Sequence[Scenario]) -> None:
        self._ws = ws
        self._scenarios = {scenario.name: scenario for scenario in scenarios}
        self._watching: set[web.WebSocketResponse] = set()

    def add_routes(self, app: web.Application) -> None:
        """Put the page into the server."""
        app.router.add_get("/", self._file)
        app.router.add_get("/archives/{channel}/{message}", self._file)
        app.router.add_get("/_page/static/{name}", self._file)
        app.router.add_get("/_page/state", self._state)
        app.router.add_get("/_page/live", self._live)
        app.router.add_post("/_page/act/{verb}", self._act)
        app.router.add_post("/_page/scenario", self._scenario)

    async def close(self) -> None:
        """Let go of everybody who watches."""
        for watcher in list(self._watching):
            await watcher.close()

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name", "page.html")
        kind = CONTENT_TYPES.get(name.rpartition(".")[2])
        file = importlib.resources.files("bot.demo") / "static" / name
        if kind is None or "/" in name or not file.is_file():
            raise web.HTTPNotFound
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "default-src 'self'; img-src 'self' data: http: https:; connect-src 'self' ws:",
        }
        return web.Response(text=file.read_text(), content_type=kind, headers=headers)

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        """Tell the page whenever something has changed; it then asks for the state."""
        watcher = web.WebSocketResponse(heartbeat=30.0, timeout=1.0)
        await watcher.prepare(request)
        self._watching.add(watcher)
        telling = asyncio.ensure_future(self._tell(watcher))
        try:
            async for frame in watcher:
                if frame.type is WSMsgType.ERROR:
                    break
        finally:
            telling.cancel()
            self._watching.discard(watcher)
        return watcher

    async def _tell(self, watcher: web.WebSocketResponse) -> None:
        told = -1
        while not watcher.closed:
            if told == self._ws.revision:
                await self._ws.next_change()
            told = self._ws.revision
            await watcher.send_json({"revision": told})

    async def _state(self, request: web.Request) -> web.Response:
        user = request.query.get("user", "")
        if not self._ws.active_user(user):
            user = next(iter(self._ws.users))
        return web.json_response(self._seen_by(user))

    def _seen_by(self, user: str) -> Json:
        """Everything that the page shows to one user."""
        ws = self._ws
        account = ws.users[user]
        guest = account.is_restricted or account.is_ultra_restricted or not account.is_member_of(ws.team.id)
        channels = [c for c in ws.channels.values() if user in c.members or not (c.is_private or c.is_im or guest)]
        return {
            "revision": ws.revision,
            "now": ws.seconds(),
            "user": user,
            "team": {"name": ws.team.name, "domain": ws.team.domain},
            "app": {
                "name": ws.app.name,
                "bot_user": ws.app.bot_user,
                "home": ws.app.home_tab,
                "shortcuts": dict(ws.app.shortcuts),
            },
            "commands": [{"name": c.name, "hint": c.usage_hint, "about": c.description} for c in ws.app.commands],
            "people": [self._person(u) for u in ws.users],
            "groups": [{"id": g.id, "handle": g.handle, "users": list(g.users)} for g in ws.groups.values()],
            "channels": [self._channel(c, user) for c in channels],
            "modal": self._view(ws.views.top(user)),
            "home": self._view(ws.views.homes.get(user)),
            "scenarios": [{"name": s.name, "description": s.description} for s in self._scenarios.values()],
            "phones": [
                {"user": push.user, "channel": push.channel, "ts": push.ts, "thread": push.thread, "text": push.text}
                for push in reversed(ws.phones.pushes[-SHOWN_PUSHES:])
            ],
            "outage": ws.seconds() < ws.faults.outage_until,
        }

    def _person(self, user: str) -> Json:
        account = self._ws.users[user]
        return {
            "id": user,
            "name": account.name,
            "real_name": account.real_name,
            "title": account.title,
            "can_act": not account.deleted and not account.is_bot and user != SLACKBOT,
            "guest": account.is_restricted or account.is_ultra_restricted,
            "foreign": not account.is_member_of(self._ws.team.id),
            "bot": account.is_bot or user == SLACKBOT,
        }

    def _channel(self, channel: Channel, user: str) -> Json:
        seen = [m for m in self._ws.messages[channel.id] if m.visible_to in {None, user}]
        return {
            "id": channel.id,
            "name": channel.name,
            "topic": channel.topic,
            "private": channel.is_private,
            "im": channel.is_im,
            "members": sorted(channel.members),
            "joined": user in channel.members,
            "read_only": channel.is_im and self._ws.app.messages_read_only,
            "messages": [self._message(m) for m in seen[-SHOWN_PER_CHANNEL:]],
        }

    def _message(self, message: PostedMessage) -> Json:
        return {
            "ts": message.ts,
            "channel": message.channel,
            "author": message.author,
            "text": message.text,
            "blocks": message.blocks,
            "thread_ts": message.thread_ts,
            "reply": message.is_reply,
            "broadcast": message.broadcast,
            "ephemeral": message.is_ephemeral,
            "edited": message.edited,
            "reactions": message.body.get("reactions", []),
            "files": message.body.get("files", []),
            "reply_count": message.body.get("reply_count", 0),
            "reply_users": message.body.get("reply_users", []),
            "latest_reply": message.body.get("latest_reply"),
            "pinned": (message.channel, message.ts) in self._ws.pins,
        }

    def _view(self, view: View | None) -> Json | None:
        if view is None:
            return None
        shown: Json = {key: view.body[key] for key in ("id", "hash", "type", "title", "submit", "close", "blocks")}
        return shown | {"values": view.values, "errors": view.errors, "notice": view.notice}

    async def _act(self, request: web.Request) -> web.Response:
        """One verb of one user. The answer says only whether it could be done; the state tells the rest."""
        body = await _own_json(request)
        try:
            return web.json_response({"ok": True, **await self._do(request.match_info["verb"], body)})
        except (LookupError, PermissionError) as reason:
            return web.json_response({"ok": False, "error": str(reason)})

    async def _do(self, verb: str, body: Json) -> Json:
        ws, user = self._ws, str(body.get("user", ""))
        if verb == "command":
            result = await ws.type_command(user, body["channel"], body["line"], thread_ts=body.get("thread_ts"))
            return {"error": result.error}
        if verb == "say":
            return {"ts": (await ws.say(user, body["channel"], body["text"], thread_ts=body.get("thread_ts"))).ts}
        if verb == "reload":
            ws.reload(user)
        elif verb == "home":
            await ws.open_home(user)
        elif verb == "shortcut":
            return {"error": (await ws.run_shortcut(user, body["callback_id"])).error}
        elif verb == "submit":
            return {"error": (await ws.submit(user)).error}
        elif verb == "close":
            await ws.close_view(user)
        else:
            return await self._touch(verb, user, body)
        return {}

    async def _touch(self, verb: str, user: str, body: Json) -> Json:
        """click, choose or suggest, on an element of a message or view."""
        where = self._where(body)
        which: Any = {"action_id": body["action_id"], "block_id": body["block_id"]}
        if verb == "click":
            return {"error": (await self._ws.click(user, where, value=body.get("value"), **which)).error}
        if verb == "choose":
            return {"error": (await self._ws.choose(user, where, body["given"], **which)).error}
        if verb == "suggest":
            return {"options": await self._ws.suggest(user, where, str(body["typed"]), **which)}
        raise LookupError(f"no verb {verb}")

    def _where(self, body: Json) -> Where:
        if body.get("view_id"):
            return self._ws.views.find(view_id=str(body["view_id"]))
        message = self._ws.message(str(body["channel"]), str(body["ts"]))
        if message is None:
            raise LookupError("the message is gone")
        return message

    async def _scenario(self, request: web.Request) -> web.Response:
        body = await _own_json(request)
        scenario = self._scenarios.get(str(body.get("name")))
        if scenario is None:
            raise web.HTTPNotFound
        await scenario.run()
        self._ws.changed()
        return web.json_response({"ok": True})


async def _own_json(request: web.Request) -> Json:
    """The body, if it comes from our own page and not from another site's. Raises HTTPForbidden."""
    origin = request.headers.get("Origin", "")
    if request.content_type != "application/json" or origin not in {"", str(request.url.origin())}:
        raise web.HTTPForbidden
    body: Json = await request.json()
    return body
