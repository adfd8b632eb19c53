"""The Web API over HTTP: tokens, scopes, required arguments, rate limits and faults around every method."""

import functools
import importlib.resources
import json
import secrets
from collections.abc import Mapping

from aiohttp import web

from bot.demo.delivery.faults import ApiFault
from bot.demo.delivery.socket_mode import SocketMode
from bot.demo.web_api import methods_chat, methods_people, methods_views
from bot.demo.web_api.call import ApiCall, Handler, arguments_of
from bot.demo.web_api.errors import COMMON_ERRORS, ApiRefusal, RateLimited
from bot.demo.web_api.rates import Rates
from bot.demo.workspace.people import Json
from bot.demo.workspace.workspace import Workspace

CONNECT = "apps.connections.open"
HANDLERS: Mapping[str, Handler] = {**methods_chat.METHODS, **methods_people.METHODS, **methods_views.METHODS}
CHECKED_BY_THEMSELVES = frozenset({"token", "trigger_id"})


@functools.cache
def reference() -> Json:
    """Slack's own definitions of the methods: arguments, scopes, errors (slack_schemas/NOTICE.md)."""
    file = importlib.resources.files("bot.demo") / "slack_schemas" / "methods.json"
    loaded: Json = json.loads(file.read_text())
    return loaded


class WebApi:
    """`POST` and `GET` of `/api/{method}`."""

    def __init__(self, ws: Workspace, rates: Rates, sockets: SocketMode) -> None:
        self._ws = ws
        self._rates = rates
        self._sockets = sockets
        self.calls: list[tuple[str, Json]] = []
        """Every call that reached a method, with its arguments but not its token."""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        method = request.match_info["method"]
        if self._ws.seconds() < self._ws.faults.outage_until:
            return web.Response(status=503, text="upstream connect error")
        if self._ws.faults.latency:
            await self._ws.clock.sleep(self._ws.faults.latency)
        told = await _told_in(request)
        fault = self._ws.faults.take_api(method, told)
        if fault is not None and fault.harm == "late" and request.transport is not None:
            request.transport.abort()
        if fault is not None and fault.harm in {"delay", "late"}:
            await self._ws.clock.sleep(fault.seconds)
        early = self._harmed(fault, told)
        if early is not None:
            return early
        try:
            answer: Json = {"ok": True, **await self._answer(request, method)}
        except ApiRefusal as refusal:
            answer = {"ok": False, "error": self._listed(method, refusal.code), **refusal.extra}
        except RateLimited as limited:
            return self._too_many(limited.retry_after)
        if fault is not None and fault.harm == "lost_reply":
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=500)
        return web.json_response(answer, headers=self._headers(method))

    def _harmed(self, fault: ApiFault | None, args: Json) -> web.Response | None:
        if fault is None:
            return None
        if fault.harm == "rate_limited":
            return self._too_many(int(fault.seconds))
        if fault.harm == "server_error":
            return web.Response(status=fault.status, text="upstream connect error")
        if fault.harm == "refused":
            return web.json_response({"ok": False, "error": fault.error, **fault.named_in(args)})
        return None

    def _too_many(self, retry_after: int) -> web.Response:
        headers = {"Retry-After": str(retry_after)}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)

    def _headers(self, method: str) -> dict[str, str]:
        scopes = "connections:write" if method == CONNECT else ",".join(self._ws.app.scopes)
        return {"x-oauth-scopes": scopes, "x-slack-req-id": secrets.token_hex(16)}

    def _listed(self, method: str, code: str) -> str:
        """The error code, if the method's definition or the common list has it: anything else is our own mistake."""
        listed = reference().get(method, {}).get("errors", {})
        if code not in listed and code not in COMMON_ERRORS:
            raise RuntimeError(f"{method} never answers {code}")
        return code

    async def _answer(self, request: web.Request, method: str) -> Json:
        definition = reference().get(method)
        known = method == CONNECT or method in HANDLERS
        args = await arguments_of(request, json_accepted=bool((definition or {}).get("json_input_supported")))
        self._check_token(request, args, method)
        if definition is None or not known:
            raise ApiRefusal("unknown_method", req_method=method)
        self._rates.spend(method, channel=str(args.get("channel", "")))
        self._check_scope(definition)
        args.pop("token", None)
        self._check_required(definition, args)
        self.calls.append((method, args))
        if method == CONNECT:
            address = str(request.url.origin()).replace("http", "ws", 1)
            return {"url": f"{address}/link/?ticket={self._sockets.ticket()}&app_id={self._ws.app.id}"}
        return HANDLERS[method](ApiCall(ws=self._ws, method=method, args=args))

    def _check_token(self, request: web.Request, args: Json, method: str) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token if scheme.lower() == "bearer" else str(args.get("token", ""))
        app = self._ws.app
        if not token:
            raise ApiRefusal("not_authed")
        if token not in {app.bot_token, app.app_token}:
            raise ApiRefusal("invalid_auth")
        if (token == app.app_token) != (method == CONNECT):
            raise ApiRefusal("not_allowed_token_type")

    def _check_scope(self, definition: Json) -> None:
        """One of the listed scopes is enough here; which one a kind of channel needs, the methods check."""
        needed = (definition.get("scope") or {}).get("bot") or []
        if needed and not set(needed) & set(self._ws.app.scopes):
            raise ApiRefusal("missing_scope", needed=",".join(needed), provided=",".join(self._ws.app.scopes))

    def _check_required(self, definition: Json, args: Json) -> None:
        required = set(definition["args"].get("required") or []) - CHECKED_BY_THEMSELVES
        missing = sorted(name for name in required if args.get(name) in (None, ""))
        if missing:
            raise ApiRefusal.with_messages("invalid_arguments", [f"missing required field: {name}" for name in missing])


async def _told_in(request: web.Request) -> Json:
    """The arguments of a call, however wrong they may be, to tell whether a fault is meant for it."""
    try:
        return await arguments_of(request, json_accepted=True)
    except ApiRefusal:
        return {}
