"""Keystone of the simulated cloud: password logins, tokens that expire, the catalog.

The expiry that a token shows is far away, because clients compare it with the machine's clock while the cloud
lives in simulated time: a token that is over shows itself by a 401, which every client must bear anyway.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from adapters.simulated.records import Project
from adapters.simulated.world import World

_DOMAIN = {"id": "default", "name": "Default"}
_PASSWORD = "muster-demo"  # noqa: S105 - it protects nothing: the cloud is simulated
_LIFETIME = timedelta(hours=1)  #: of a token
_EXPIRES = "2099-12-31T23:59:59.000000Z"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who made an API call."""

    user_id: str
    project_id: str
    request_id: str
    is_admin: bool


@dataclass(frozen=True, kw_only=True)
class KeystoneUser:
    """Somebody who may log in."""

    id: str
    name: str
    password: str
    project: str  #: name of the one project where the user has a role
    roles: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Login:
    """A token given out."""

    token: str
    user: KeystoneUser
    project: Project
    at: datetime

    @property
    def is_admin(self) -> bool:
        return "admin" in self.user.roles


class Keystone:
    """Users `admin` (admin), `demo` (member) and `reader`, all with one password; tokens in simulated time.

    Args:
        world: whose projects and clock count.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.users = {
            name: KeystoneUser(
                id=world.new_uuid().replace("-", ""),
                name=name,
                password=_PASSWORD,
                project=project,
                roles=roles,
            )
            for name, project, roles in (
                ("admin", "admin", ("admin", "member", "reader")),
                ("demo", "demo", ("member", "reader")),
                ("reader", "demo", ("reader",)),
            )
        }
        for name in ("admin", "demo"):
            if not any(p.name == name for p in world.projects.values()):
                project = Project(id=world.new_uuid().replace("-", ""), name=name)
                world.projects[project.id] = project
        self._logins: dict[str, Login] = {}

    def find(self, token: str) -> Login | None:
        """The login of a token that is still good."""
        login = self._logins.get(token)
        if login is None or self.world.now - login.at > _LIFETIME:
            return None
        return login

    def revoke_all(self) -> None:
        """Every token is over."""
        self._logins.clear()

    # ------------------------------------------------------------------ HTTP

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._versions),
            web.get("/v3", self._version),
            web.get("/v3/", self._version),
            web.post("/v3/auth/tokens", self._log_in),
            web.get("/v3/auth/tokens", self._validate),
            web.delete("/v3/auth/tokens", self._log_out),
            web.get("/v3/auth/catalog", self._catalog_of),
            web.get("/v3/auth/projects", self._list_projects),
            web.get("/v3/projects", self._list_projects),
            web.get("/v3/projects/{id}", self._show_project),
            web.get("/v3/users/{id}", self._show_user),
            web.get("/v3/domains/{id}", self._show_domain),
        ]

    def _document(self, request: web.Request) -> dict[str, Any]:
        href = f"{request.url.origin()}/identity/v3/"
        return {
            "id": "v3.14",
            "status": "stable",
            "updated": "2020-04-07T00:00:00Z",
            "links": [{"rel": "self", "href": href}],
            "media-types": [
                {
                    "base": "application/json",
                    "type": "application/vnd.openstack.identity-v3+json",
                }
            ],
        }

    async def _versions(self, request: web.Request) -> web.Response:
        return web.json_response({"versions": {"values": [self._document(request)]}}, status=300)

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response({"version": self._document(request)})

    async def _log_in(self, request: web.Request) -> web.Response:
        try:
            asked = (await request.json())["auth"]
            methods = asked["identity"]["methods"]
        except (ValueError, KeyError, TypeError):
            return _refusal(400, "Expecting to find auth in request body.", "Bad Request")
        user = None
        if methods == ["password"]:
            user = self._by_password(asked["identity"].get("password", {}).get("user", {}))
        elif methods == ["token"]:
            known = self.find(asked["identity"].get("token", {}).get("id", ""))
            user = known.user if known else None
        project = self._scope(asked, user) if user else None
        if user is None or project is None:
            return _unauthorized()
        token = self.world.new_uuid().replace("-", "")
        login = Login(token=token, user=user, project=project, at=self.world.now)
        self._logins[token] = login
        return web.json_response(self._describe(request, login), status=201, headers={"X-Subject-Token": token})

    def _by_password(self, named: dict[str, Any]) -> KeystoneUser | None:
        for user in self.users.values():
            if (named.get("name") == user.name or named.get("id") == user.id) and named.get(
                "password"
            ) == user.password:
                return user
        return None

    def _scope(self, asked: dict[str, Any], user: KeystoneUser) -> Project | None:
        """The project asked for, if the user has a role there."""
        scope = asked.get("scope") or {}
        wanted = scope.get("project") if isinstance(scope, dict) else None
        wanted = wanted or {"name": user.project}
        for project in self.world.projects.values():
            if project.name == user.project and (wanted.get("id") == project.id or wanted.get("name") == project.name):
                return project
        return None

    async def _validate(self, request: web.Request) -> web.Response:
        login = self.find(request.headers.get("X-Subject-Token", ""))
        if self.find(request.headers.get("X-Auth-Token", "")) is None:
            return _unauthorized()
        if login is None:
            return _refusal(404, "Could not find token.", "Not Found")
        return web.json_response(self._describe(request, login), headers={"X-Subject-Token": login.token})

    async def _log_out(self, request: web.Request) -> web.Response:
        if self.find(request.headers.get("X-Auth-Token", "")) is None:
            return _unauthorized()
        self._logins.pop(request.headers.get("X-Subject-Token", ""), None)
        return web.Response(status=204)

    async def _catalog_of(self, request: web.Request) -> web.Response:
        if self.find(request.headers.get("X-Auth-Token", "")) is None:
            return _unauthorized()
        return web.json_response({"catalog": catalog(str(request.url.origin()))})

    async def _list_projects(self, request: web.Request) -> web.Response:
        login = self.find(request.headers.get("X-Auth-Token", ""))
        if login is None:
            return _unauthorized()
        mine = request.path.endswith("/auth/projects")
        if not (mine or login.is_admin):
            return _forbidden("identity:list_projects")
        name = request.query.get("name")
        shown = [
            _project(p)
            for p in self.world.projects.values()
            if name in {None, p.name} and (not mine or p is login.project)
        ]
        return web.json_response({"projects": shown, "links": {"next": None}})

    async def _show_project(self, request: web.Request) -> web.Response:
        login = self.find(request.headers.get("X-Auth-Token", ""))
        if login is None:
            return _unauthorized()
        wanted = request.match_info["id"]
        if not login.is_admin and wanted != login.project.id:
            return _forbidden("identity:get_project")
        project = self.world.projects.get(wanted)
        if project is None:
            return _refusal(404, f"Could not find project: {wanted}.", "Not Found")
        return web.json_response({"project": _project(project)})

    async def _show_user(self, request: web.Request) -> web.Response:
        login = self.find(request.headers.get("X-Auth-Token", ""))
        if login is None:
            return _unauthorized()
        wanted = request.match_info["id"]
        if not login.is_admin and wanted != login.user.id:
            return _forbidden("identity:get_user")
        for user in self.users.values():
            if user.id == wanted:
                shown = {
                    "id": wanted,
                    "name": user.name,
                    "domain_id": "default",
                    "enabled": True,
                    "links": {},
                }
                return web.json_response({"user": shown})
        return _refusal(404, f"Could not find user: {wanted}.", "Not Found")

    async def _show_domain(self, request: web.Request) -> web.Response:
        if self.find(request.headers.get("X-Auth-Token", "")) is None:
            return _unauthorized()
        if request.match_info["id"] != "default":
            return _refusal(404, "Could not find domain.", "Not Found")
        return web.json_response({"domain": {**_DOMAIN, "enabled": True, "links": {}}})

    def _describe(self, request: web.Request, login: Login) -> dict[str, Any]:
        return {
            "token": {
                "methods": ["password"],
                "user": {
                    "id": login.user.id,
                    "name": login.user.name,
                    "domain": _DOMAIN,
                    "password_expires_at": None,
                },
                "project": {
                    "id": login.project.id,
                    "name": login.project.name,
                    "domain": _DOMAIN,
                },
                "is_domain": False,
                "roles": [{"id": f"role-{r}", "name": r} for r in login.user.roles],
                "catalog": catalog(str(request.url.origin())),
                "issued_at": login.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "expires_at": _EXPIRES,
                "audit_ids": [login.token[:22]],
            }
        }


def catalog(origin: str) -> list[dict[str, Any]]:
    """Where the services are: one port, one path prefix each."""
    return [
        {
            "id": f"service-{name}",
            "type": service,
            "name": name,
            "endpoints": [
                {
                    "id": f"endpoint-{name}-{interface}",
                    "interface": interface,
                    "region": "RegionOne",
                    "region_id": "RegionOne",
                    "url": f"{origin}{path}",
                }
                for interface in ("public", "internal", "admin")
            ],
        }
        for service, name, path in (
            ("identity", "keystone", "/identity"),
            ("compute", "nova", "/compute/v2.1"),
            ("placement", "placement", "/placement"),
            ("block-storage", "cinder", "/volume/v3"),
            ("volumev3", "cinderv3", "/volume/v3"),
            ("image", "glance", "/image"),
            ("network", "neutron", "/network"),
        )
    ]


def _project(project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "name": project.name,
        "domain_id": "default",
        "parent_id": "default",
        "is_domain": False,
        "enabled": True,
        "description": "",
        "tags": [],
        "options": {},
        "links": {},
    }


def _refusal(status: int, message: str, title: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message, "title": title}}, status=status)


def _unauthorized() -> web.Response:
    return _refusal(401, "The request you have made requires authentication.", "Unauthorized")


def _forbidden(policy: str) -> web.Response:
    return _refusal(403, f"You are not authorized to perform the requested action: {policy}.", "Forbidden")
