"""What every call to the simulated CloudTower passes before it is answered: the right node, a known path, a token."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from adapters.simulated.cloudtower.state import Tower

PREFIX = "/v2/api"
_QUESTIONS = ("/get-", "/login", "/enter-maintenance-mode-precheck", "/enter-maintance-mode-precheck-result")
_OPEN = {f"{PREFIX}/login", f"{PREFIX}/get-version", "/api", "/api/", "/api/healthz"}


def is_login(request: web.Request) -> bool:
    return request.path == f"{PREFIX}/login"


def changes(request: web.Request) -> bool:
    path = request.path.removeprefix(PREFIX)
    return (
        request.method == "POST"
        and path not in {"/api", "/api/", "/exit-maintance-mode-precheck-result"}
        and not (path.startswith(_QUESTIONS))
    )


def error(request: web.Request, status: int, message: str) -> web.Response:
    """An `ErrorBody`; its path has no prefix, and its stack must never be repeated to anybody."""
    body = {
        "message": message,
        "status": status,
        "path": request.path.removeprefix(PREFIX),
        "stack": "Error: at /usr/share/tower/dist/secret-internals.js:42",
    }
    if "locked" in message:
        body["code"] = "ResourceLocked"
    return web.json_response(body, status=status)


def gate(tower: Tower) -> Middleware:
    """What every call passes: active node, known path, valid token; every reply carries a request id."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if tower.passive:
            response: web.StreamResponse = web.Response(status=307, headers={"Location": "https://10.255.255.1/"})
        elif request.match_info.http_exception is not None:
            response = error(request, 404, "Not Found")
        elif request.path not in _OPEN and not tower.admits(request.headers.get("Authorization", "")):
            response = error(request, 401, "Unauthorized")
        else:
            response = await handler(request)
        response.headers["x-tower-request-id"] = tower.world.new_uuid()
        return response

    return middleware
