"""The CloudTower face of the World over HTTP: the paths, bodies and errors that the OpenAPI document 4.6.0 has.

Four of the five maintenance paths are misspelt in the real product, and here too; the right spelling is 404.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.simulated.cloudtower import leaving as leaving_host
from adapters.simulated.cloudtower import maintenance, query, rows, vms
from adapters.simulated.cloudtower.gate import PREFIX, changes, error, gate, is_login
from adapters.simulated.cloudtower.query import BadQuery, QueryTable
from adapters.simulated.cloudtower.state import Tower
from adapters.simulated.middleware import front, served
from adapters.simulated.records import SimHost, Task
from adapters.simulated.world import World

FACE = "cloudtower"
Answer: TypeAlias = Callable[[Tower, Any], Any]
"""From a parsed body to what will be the JSON of the reply."""


def app(world: World, *, tower: Tower | None = None) -> web.Application:
    """The face as an application."""
    state = tower or Tower(world=world)
    outer = front(world, face=FACE, changes=changes, is_login=is_login, refusal=error)
    application = web.Application(middlewares=[outer, gate(state)], client_max_size=2**22)
    application.router.add_get("/api/healthz", _healthz)
    for path in ("/api", "/api/"):
        application.router.add_post(path, _graphql)

    async def version(request: web.Request) -> web.StreamResponse:
        del request
        return web.json_response(state.version)

    application.router.add_get(f"{PREFIX}/get-version", version)
    for path, answer in _ANSWERS.items():
        application.router.add_post(PREFIX + path, _handler(state, answer))
    return application


@asynccontextmanager
async def serve(world: World, *, tower: Tower | None = None, port: int = 0) -> AsyncIterator[str]:
    """Serve the face on 127.0.0.1; yields the address of the API, ending with `/v2/api`."""
    async with served(app(world, tower=tower), port=port) as address:
        yield address + PREFIX


# ------------------------------------------------------------------ the wire


async def _healthz(request: web.Request) -> web.Response:
    del request
    return web.Response(text="ok")


async def _graphql(request: web.Request) -> web.Response:
    """Only the question that an LDAP login asks first; there is no LDAP here."""
    del request
    return web.json_response({"data": {"authnStrategies": []}})


def _handler(tower: Tower, answer: Answer) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            raw = await request.read()
            body = await request.json() if raw else None
        except ValueError:
            return error(request, 400, "the body is not JSON")
        try:
            return web.json_response(answer(tower, body))
        except BadQuery as bad:
            return error(request, 400, str(bad))
        except LookupError as missing:
            return error(request, 404, str(missing))

    return handle


# ------------------------------------------------------------------ parts of bodies


def _part(body: Any, key: str, *, allowed: set[str]) -> Mapping[str, Any]:
    """An object inside a body, with none but known keys."""
    part = body.get(key) if isinstance(body, Mapping) else None
    if not isinstance(part, Mapping):
        raise BadQuery(f"{key} is required")
    if unknown := set(part) - allowed:
        raise BadQuery(f"{key} has unknown keys: {', '.join(sorted(map(str, unknown)))}")
    return part


def _needed(part: Mapping[str, Any], key: str) -> str:
    value = part.get(key)
    if not isinstance(value, str) or not value:
        raise BadQuery(f"where.{key} is required")
    return value


def _strings(part: Mapping[str, Any], key: str) -> list[str]:
    value = part.get(key, [])
    if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
        raise BadQuery(f"data.{key} is not a list of strings")
    return value


def _host_of(tower: Tower, cuid: str) -> SimHost:
    """By `host_id`, which is the cuid and nothing else."""
    found = next((h for h in tower.hosts() if h.cuid == cuid), None)
    if found is None:
        raise LookupError(f"host {cuid} not found")
    return found


def _host_named(tower: Tower, body: Any) -> SimHost:
    """By `where.host_id`, and no other key."""
    return _host_of(tower, _needed(_part(body, "where", allowed={"host_id"}), "host_id"))


def _host_where(tower: Tower, body: Any) -> SimHost:
    """By a `HostWhereInput` that selects one host."""
    where = body.get("where") if isinstance(body, Mapping) else None
    if not isinstance(where, Mapping):
        raise BadQuery("where is required")
    found = query.select(rows.Tables(tower).hosts(), where)
    if len(found) != 1:
        raise BadQuery(f"where selects {len(found)} hosts")
    return _host_of(tower, found[0]["id"])


# ------------------------------------------------------------------ answers


def _login(tower: Tower, body: Any) -> Any:
    if not isinstance(body, Mapping) or not isinstance(body.get("username"), str):
        raise BadQuery("username is required")
    if body.get("source") not in {"LOCAL", "LDAP", "AUTHN"}:
        raise BadQuery("source is not a user source")
    token = tower.log_in(body["username"], str(body.get("password")))
    if token is None:
        raise BadQuery("username or password is wrong")
    return {"task_id": None, "data": {"token": token}}


def _list(table: Callable[[rows.Tables], QueryTable]) -> Answer:
    def answer(tower: Tower, body: Any) -> Any:
        if tower.most_rows is not None and isinstance(body, Mapping):
            body = {**body, "first": min(body.get("first") or tower.most_rows, tower.most_rows)}
        if tower.ignores_skip and isinstance(body, Mapping):
            body = {key: value for key, value in body.items() if key != "skip"}
        return query.page(table(rows.Tables(tower)), body)

    return answer


def _connection(table: Callable[[rows.Tables], QueryTable]) -> Answer:
    def answer(tower: Tower, body: Any) -> Any:
        found = query.page(table(rows.Tables(tower)), body)
        return {"aggregate": {"count": sum(1 for row in found if row["id"] not in tower.fresh)}}

    return answer


def _tasks(tower: Tower, body: Any) -> Any:
    """Tasks; one that nobody has been shown yet is missing once (sheet §6)."""
    found = _list(rows.Tables.tasks)(tower, body)
    shown = [row for row in found if row["id"] not in tower.fresh]
    tower.fresh -= {row["id"] for row in found}
    return shown


def _host_task(tower: Tower, host: SimHost, task: Task) -> Any:
    """One object, not a list; what it tells of the host is provisional."""
    return {"task_id": task.id, "data": rows.host_row(tower, host)}


def _precheck(tower: Tower, body: Any) -> Any:
    return {"task_id": maintenance.precheck(tower, _host_where(tower, body)).id}


def _precheck_result(tower: Tower, body: Any) -> Any:
    where = _part(body, "where", allowed={"task_id"})
    return maintenance.precheck_result(tower, _needed(where, "task_id"))


def _enter(tower: Tower, body: Any) -> Any:
    data = _part(body, "data", allowed={"shutdown_vms"})
    shutdown = _strings(data, "shutdown_vms")
    host = _host_named(tower, body)
    return _host_task(tower, host, maintenance.enter(tower, host, shutdown))


def _exit_precheck(tower: Tower, body: Any) -> Any:
    return leaving_host.exit_precheck(tower, _host_where(tower, body))


def _exit(tower: Tower, body: Any) -> Any:
    data = _part(body, "data", allowed={"poweron_vms", "live_migrate_back_vms", "offline_migrate_back_vms"})
    host = _host_named(tower, body)
    task = leaving_host.leave(
        tower,
        host,
        power_on=_strings(data, "poweron_vms"),
        live_back=_strings(data, "live_migrate_back_vms"),
        offline_back=_strings(data, "offline_migrate_back_vms"),
    )
    return _host_task(tower, host, task)


def _power(tower: Tower, body: Any) -> Any:
    data = _part(body, "data", allowed={"action", "force", "reason"})
    if not isinstance(data.get("force"), bool):
        raise BadQuery("data.force is required")
    host = _host_named(tower, body)
    return _host_task(
        tower, host, leaving_host.switch_power(tower, host, action=str(data.get("action")), force=data["force"])
    )


def _operation(operation: vms.Operation, *, needs_target: bool) -> Answer:
    def answer(tower: Tower, body: Any) -> Any:
        if not isinstance(body, Mapping) or not isinstance(body.get("where"), Mapping):
            raise BadQuery("where is required")
        found = query.select(rows.Tables(tower).vms(), body["where"])
        target = None
        if needs_target and body.get("data") is not None:
            target = _host_of(tower, _needed(_part(body, "data", allowed={"host_id"}), "host_id"))
        chosen = [tower.world.vm(row["id"]) for row in found]
        begun = vms.operate(tower, chosen, operation, target)
        return [{"task_id": task.id, "data": rows.vm_row(tower, vm)} for task, vm in begun]

    return answer


_ANSWERS: dict[str, Answer] = {
    "/login": _login,
    "/get-my-info": lambda tower, _: rows.user_row(tower),
    "/get-clusters": _list(rows.Tables.clusters),
    "/get-hosts": _list(rows.Tables.hosts),
    "/get-hosts-connection": _connection(rows.Tables.hosts),
    "/get-vms": _list(rows.Tables.vms),
    "/get-vms-connection": _connection(rows.Tables.vms),
    "/get-tasks": _tasks,
    "/get-tasks-connection": _connection(rows.Tables.tasks),
    "/get-alerts": _list(rows.Tables.alerts),
    "/get-labels": _list(rows.Tables.labels),
    "/enter-maintenance-mode-precheck": _precheck,
    "/enter-maintance-mode-precheck-result": _precheck_result,
    "/enter-maintance-mode": _enter,
    "/exit-maintance-mode-precheck-result": _exit_precheck,
    "/exit-maintance-mode": _exit,
    "/operate-host-power": _power,
    "/migrate-vm": _operation(vms.migrate, needs_target=True),
    "/shutdown-vm": _operation(vms.shut_down, needs_target=False),
    "/poweroff-vm": _operation(vms.power_off, needs_target=False),
    "/start-vm": _operation(vms.start, needs_target=True),
}
