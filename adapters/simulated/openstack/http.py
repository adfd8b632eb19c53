"""What the simulated OpenStack services have in common on the wire: tokens, microversions, errors, paging."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, TypeAlias
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.simulated.openstack.identity import Caller, Keystone, Login

Refuse: TypeAlias = Callable[[int, str, int, str], web.Response]
"""An error in a service's words: from status, sentence, minor version and request id."""
MAX_LIMIT = 1000  #: `[api] max_limit`: a list never answers more at once


class ApiError(Exception):
    """A service refuses a call."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, kw_only=True)
class ServedMicroversions:
    """Which microversions a service speaks."""

    service: str  #: compute, placement or volume
    major: int
    lowest: int
    highest: int
    legacy_header: str = ""

    def asked(self, request: web.Request) -> int:
        """The minor version that a request asks for.

        Raises:
            ApiError: 400 for one that cannot be read, 406 for one that is not offered.
        """
        text = ""
        for part in request.headers.get("OpenStack-API-Version", "").split(","):
            name, _, version = part.strip().partition(" ")
            if name == self.service:
                text = version.strip()
        if not text and self.legacy_header:
            text = request.headers.get(self.legacy_header, "").strip()
        if not text:
            return self.lowest
        if text == "latest":
            return self.highest
        if not re.fullmatch(r"[1-9]\d*\.(0|[1-9]\d*)", text):
            raise ApiError(
                400,
                f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum.",
            )
        major, minor = (int(n) for n in text.split("."))
        if major != self.major or not self.lowest <= minor <= self.highest:
            raise ApiError(
                406,
                f"Version {text} is not supported by the API. Minimum is {self.text(self.lowest)}"
                f" and maximum is {self.text(self.highest)}.",
            )
        return minor

    def text(self, minor: int) -> str:
        return f"{self.major}.{minor}"


@dataclass(frozen=True, kw_only=True)
class Context:
    """Who asks, and at which microversion."""

    login: Login
    version: int
    request_id: str

    @property
    def is_admin(self) -> bool:
        return self.login.is_admin

    @property
    def caller(self) -> Caller:
        return Caller(
            user_id=self.login.user.id,
            project_id=self.login.project.id,
            request_id=self.request_id,
            is_admin=self.is_admin,
        )

    def must_be_admin(self, policy: str) -> None:
        """Refuse a member, in the words of oslo.policy.

        Raises:
            ApiError: 403.
        """
        if not self.is_admin:
            raise ApiError(403, f"Policy doesn't allow {policy} to be performed.")


_CONTEXT = web.RequestKey("context", Context)


def context(request: web.Request) -> Context:
    """What the service's middleware found out about a request."""
    return request[_CONTEXT]


def no_such_path(request: web.Request) -> web.Response:
    """What Nova and Cinder answer to a path or method that they never heard of: WebOb's words, not their own."""
    accept, said = request.headers.get("Accept", ""), "The resource could not be found."
    if "html" in accept or "*/*" in accept:
        body = f" <body>\n  <h1>404 Not Found</h1>\n  {said}<br /><br />\n\n\n\n </body>\n"
        page = f"<html>\n <head>\n  <title>404 Not Found</title>\n </head>\n{body}</html>"
        return web.Response(status=404, text=page, content_type="text/html")
    if "application/json" in accept:
        shown = {"message": f"{said}<br /><br />\n\n\n", "code": "404 Not Found", "title": "Not Found"}
        return web.json_response(shown, status=404)
    return web.Response(status=404, text=f"404 Not Found\n\n{said}\n\n   ")


def service(
    keystone: Keystone,
    refuse: Refuse,
    versions: ServedMicroversions | None,
    *,
    open_paths: set[str],
    refuse_path: Callable[[web.Request], web.Response] | None = None,
) -> Middleware:
    """The middleware of one service: token, microversion, errors in its own words.

    Args:
        keystone: who may come in.
        refuse: an error in this service's words.
        versions: the microversions it speaks; None: none.
        open_paths: paths that need no token: version documents.
        refuse_path: its answer to a path or method that it does not know; None: an ordinary 404.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        minor = versions.lowest if versions else 0
        request_id = f"req-{keystone.world.new_uuid()}"
        try:
            login = keystone.find(request.headers.get("X-Auth-Token", ""))
            if request.path not in open_paths:
                if login is None:
                    return unauthorized(str(request.url.origin()), request_id)
                minor = versions.asked(request) if versions else 0
                request[_CONTEXT] = Context(login=login, version=minor, request_id=request_id)
            response = await handler(request)
        except ApiError as error:
            response = refuse(error.status, error.message, minor, request_id)
        except (web.HTTPNotFound, web.HTTPMethodNotAllowed):
            if refuse_path is not None:
                response = refuse_path(request)
            else:
                response = refuse(404, "The resource could not be found.\n\n   ", minor, request_id)
        response.headers["x-openstack-request-id"] = request_id
        response.headers["Date"] = format_datetime(keystone.world.now, usegmt=True)
        if versions:
            response.headers["OpenStack-API-Version"] = f"{versions.service} {versions.text(minor)}"
            response.headers["Vary"] = "OpenStack-API-Version"
            if versions.legacy_header:
                response.headers[versions.legacy_header] = versions.text(minor)
        return response

    return middleware


def unauthorized(origin: str, request_id: str = "") -> web.Response:
    """What keystonemiddleware answers without a valid token."""
    response = web.json_response(
        {
            "error": {
                "code": 401,
                "title": "Unauthorized",
                "message": "The request you have made requires authentication.",
            }
        },
        status=401,
        headers={"WWW-Authenticate": f'Keystone uri="{origin}/identity"'},
    )
    if request_id:
        response.headers["x-openstack-request-id"] = request_id
    return response


_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


def nova_refusal(status: int, message: str, _minor: int = 0, _request_id: str = "") -> web.Response:
    """An error as Nova and Cinder word it."""
    name = _NAMES.get(status, "computeFault")
    return web.json_response({name: {"code": status, "message": message}}, status=status)


# ---------------------------------------------------------------------- bodies and queries


async def json_body(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        ApiError: when it is none.
    """
    try:
        body = await request.json()
    except ValueError:
        raise ApiError(400, "Malformed request body") from None
    if not isinstance(body, dict):
        raise ApiError(404, "The resource could not be found.")  # measured: no route takes a list
    return body


def page_size(request: web.Request) -> int:
    """How many entries this page holds at most.

    Raises:
        ApiError: 400 for a limit that is no natural number.
    """
    return min(natural(request, "limit", MAX_LIMIT) or MAX_LIMIT, MAX_LIMIT)


def page(
    request: web.Request, items: Sequence[dict[str, Any]], *, key: str = "id", missing: str = ""
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The page of `items` that a request asks for by marker and limit, and its `next` link if it is full.

    Raises:
        ApiError: 400 for a marker that is not in the list (`missing` says so, with `{}` for the marker).
    """
    size = page_size(request)
    marker = request.query.get("marker")
    start = 0
    if marker is not None:
        found = [n for n, item in enumerate(items) if str(item[key]) == marker]
        if not found:
            raise ApiError(400, (missing or "marker [{}] not found").format(marker))
        start = found[0] + 1
    shown = list(items[start : start + size])
    if len(shown) < size or not shown:
        return shown, []
    query = [(k, v) for k, v in request.query.items() if k != "marker"]
    query.append(("marker", str(shown[-1][key])))
    href = f"{request.url.origin()}{request.path}?{urlencode(query)}"
    return shown, [{"rel": "next", "href": href}]


def moment(request: web.Request, name: str) -> datetime | None:
    """The moment of a filter such as `changes-since`.

    Raises:
        ApiError: 400 for what is no time.
    """
    text = request.query.get(name)
    if text is None:
        return None
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise ApiError(
            400,
            f"Invalid input for query parameters {name}. Value: {text}. {text!r} is not a 'date-time'",
        ) from None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def natural(request: web.Request, name: str, default: int) -> int:
    """A natural number of the query.

    Raises:
        ApiError: 400 for anything else.
    """
    text = request.query.get(name, str(default))
    if not text.isdigit():
        raise ApiError(
            400,
            f"Invalid input for query parameters {name}. Value: {text}. {text!r} does not match '^[0-9]*$'",
        )
    return int(text)


def iso(moment: datetime) -> str:
    """`2026-01-01T00:00:00Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_micro(moment: datetime | None) -> str | None:
    """`2026-01-01T00:00:00.000000`, as the older parts of the APIs write it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") if moment else None
