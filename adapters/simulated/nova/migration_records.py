"""Migration records of the simulated Nova, and live migrations in progress: listed, aborted, forced to complete."""

from aiohttp import web

from adapters.simulated.nova import views
from adapters.simulated.nova.migrations import Migrations
from adapters.simulated.nova.moves import Conductor
from adapters.simulated.nova.schemas import check_query, check_shape
from adapters.simulated.nova.servers import ServersApi
from adapters.simulated.openstack.http import ApiError, context, json_body, moment, page, page_size
from adapters.simulated.records import Move, MoveKind, SimVm


class MigrationRecords:
    """Handlers about migrations."""

    def __init__(self, servers: ServersApi, conductor: Conductor, migrations: Migrations) -> None:
        self._servers = servers
        self._world = servers.world
        self._conductor = conductor
        self._migrations = migrations

    def routes(self) -> list[web.RouteDef]:
        one = "/v2.1/servers/{id}/migrations/{migration}"
        return [
            web.get("/v2.1/os-migrations", self._records),
            web.get("/v2.1/servers/{id}/migrations", self._list_migrations),
            web.get(one, self._show_migration),
            web.delete(one, self._abort),
            web.post(f"{one}/action", self._force_complete),
        ]

    async def _records(self, request: web.Request) -> web.Response:
        asked, minor = context(request), context(request).version
        if minor >= 59:
            check_query(request, _migration_filters(minor))
            page_size(request)
            moment(request, "changes-since")
        asked.must_be_admin("os_compute_api:os-migrations:index")
        if minor < 59 and self._world.faults.silent:  # nova/compute/api.py, get_migrations: cell by cell, all or none
            raise ApiError(500, "Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/")
        wanted, since = request.query, moment(request, "changes-since") if minor >= 59 else None
        found = [
            m
            for m in self._world.moves
            if m.source.name not in self._world.faults.silent
            and (since is None or (m.updated_at is not None and m.updated_at >= since))
            and wanted.get("instance_uuid") in {None, m.vm.id}
            and wanted.get("source_compute") in {None, m.source.name}
            and wanted.get("status") in {None, m.status}
            and wanted.get("migration_type") in {None, m.kind.value}
            and wanted.get("host") in {None, m.source.name, m.dest.name if m.dest else ""}
            and (minor < 80 or wanted.get("user_id") in {None, m.user_id})
            and (minor < 80 or wanted.get("project_id") in {None, m.project_id})
        ]
        base = f"{request.url.origin()}/compute"
        if minor < 59:
            return web.json_response({"migrations": [views.migration(m, minor, base) for m in found]})
        found.sort(key=lambda m: (m.created_at, m.id), reverse=True)
        shown, links = page(
            request,
            [views.migration(m, minor, base) for m in found],
            key="uuid",
            missing="Marker {} could not be found.",
        )
        return web.json_response({"migrations": shown, **({"migrations_links": links} if links else {})})

    # ------------------------------------------------------------------ live migrations in progress

    def _server(self, request: web.Request, since: int, rule: str) -> SimVm:
        """The server that the path names, for whom the policy's rule `servers:migrations:…` allows it."""
        asked = context(request)
        if asked.version < since:
            raise ApiError(404, "The resource could not be found.")
        vm = self._servers.find(request)
        asked.must_be_admin(f"os_compute_api:servers:migrations:{rule}")
        return vm

    def _live_migrations(self, vm: SimVm) -> list[Move]:
        return [m for m in self._world.moves if m.vm is vm and m.kind is MoveKind.LIVE]

    def _one(
        self,
        request: web.Request,
        vm: SimVm,
        *,
        status: int = 404,
        missing: str = "Migration {} not found for instance {}",
    ) -> Move:
        """The migration that the path names; calls differ in how they say that there is none.

        Read in nova/api/openstack/compute/server_migrations.py, and asked of Nova 34 by `tests/openstack`.
        """
        wanted = request.match_info["migration"]
        for move in self._live_migrations(vm):
            if str(move.id) == wanted:
                return move
        raise ApiError(status, missing.format(wanted, vm.id))

    async def _list_migrations(self, request: web.Request) -> web.Response:
        shown = [
            views.live_migration(m, context(request).version)
            for m in self._live_migrations(self._server(request, 23, "index"))
            if m.status in views.LIVE_IN_PROGRESS
        ]
        return web.json_response({"migrations": shown})

    async def _show_migration(self, request: web.Request) -> web.Response:
        missing = "In-progress live migration {} is not found for server {}."
        move, asked = self._one(request, self._server(request, 23, "show"), missing=missing), context(request)
        if move.status not in views.LIVE_IN_PROGRESS:
            raise ApiError(404, f"Live migration {move.id} for server {move.vm.id} is not in progress.")
        return web.json_response({"migration": views.live_migration(move, asked.version)})

    async def _abort(self, request: web.Request) -> web.Response:
        vm, asked = self._server(request, 24, "delete"), context(request)
        _must_be_migrating(vm, "abort live migration")
        move = self._one(request, vm)
        allowed = {"running"} if asked.version < 65 else {"running", "queued", "preparing"}
        _must_have_status(move, allowed, "abort live migration")
        self._conductor.act(move.vm, "live_migration_cancel", asked.caller)
        self._migrations.abort(move)
        return web.Response(status=202)

    async def _force_complete(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        check_shape(body, {"force_complete"}, required=["force_complete"])
        vm = self._server(request, 22, "force_complete")
        _must_be_active(vm, "force_complete")
        _must_be_migrating(vm, "force_complete")
        move = self._one(request, vm, status=400)
        _must_have_status(move, {"running"}, "force complete")
        self._conductor.act(move.vm, "live_migration_force_complete", context(request).caller)
        self._migrations.force_complete(move)
        return web.Response(status=202)


def _migration_filters(minor: int) -> set[str]:
    allowed = {"hidden", "host", "instance_uuid", "source_compute", "status", "migration_type"}
    allowed |= {"limit", "marker", "changes-since"}
    allowed |= {"changes-before"} if minor >= 66 else set()
    return allowed | ({"user_id", "project_id"} if minor >= 80 else set())


def _must_be_active(vm: SimVm, action: str) -> None:
    if vm.state != "active":
        raise ApiError(409, f"Cannot '{action}' instance {vm.id} while it is in vm_state {vm.state}")


def _must_be_migrating(vm: SimVm, action: str) -> None:
    if vm.task is None:  # a state that is null has no name: nova/api/openstack/common.py
        raise ApiError(409, f"Instance {vm.id} is in an invalid state for '{action}'")
    if vm.task != "migrating":
        raise ApiError(409, f"Cannot '{action}' instance {vm.id} while it is in task_state {vm.task}")


def _must_have_status(move: Move, allowed: set[str], method: str) -> None:
    if move.status not in allowed:
        raise ApiError(
            400,
            f"Migration {move.id} state of instance {move.vm.id} is {move.status}."
            f" Cannot {method} while the migration is in this state.",
        )
