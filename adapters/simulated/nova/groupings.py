"""Aggregates, availability zones and server groups of the simulated Nova."""

from typing import Any

from aiohttp import web

from adapters.simulated.nova.moves import CONTROLLER
from adapters.simulated.nova.services import CONTROL_SERVICES
from adapters.simulated.openstack.http import ApiError, context, iso_micro, natural
from adapters.simulated.records import Aggregate, Platform, SimServerGroup
from adapters.simulated.world import World


class Groupings:
    """Handlers about what belongs together."""

    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v2.1/os-aggregates", self._aggregates),
            web.get("/v2.1/os-aggregates/{id}", self._aggregate),
            web.get("/v2.1/os-availability-zone", self._zones),
            web.get("/v2.1/os-availability-zone/detail", self._zones),
            web.get("/v2.1/os-server-groups", self._groups),
            web.get("/v2.1/os-server-groups/{id}", self._group),
        ]

    async def _aggregates(self, request: web.Request) -> web.Response:
        asked = context(request)
        asked.must_be_admin("os_compute_api:os-aggregates:index")
        shown = [_aggregate(a, asked.version) for a in self.world.aggregates.values()]
        return web.json_response({"aggregates": shown})

    async def _aggregate(self, request: web.Request) -> web.Response:
        asked, wanted = context(request), request.match_info["id"]
        asked.must_be_admin("os_compute_api:os-aggregates:show")
        if not wanted.isdecimal():
            raise ApiError(400, "Invalid input received: id must be an integer")
        for aggregate in self.world.aggregates.values():
            if str(aggregate.id) == wanted:
                return web.json_response({"aggregate": _aggregate(aggregate, asked.version)})
        raise ApiError(404, f"Aggregate {wanted} could not be found.")

    async def _zones(self, request: web.Request) -> web.Response:
        detail = request.path.endswith("/detail")
        if detail:
            context(request).must_be_admin("os_compute_api:os-availability-zone:detail")
        alive = {"available": True, "active": True, "updated_at": iso_micro(self.world.beat(self.world.born))}
        control = {binary: alive for binary, _ in CONTROL_SERVICES}
        zones: dict[str, dict[str, Any]] = {"internal": {CONTROLLER: control}} if detail else {}
        for host in self.world.hosts_of(Platform.OPENSTACK):
            active = {
                "available": self.world.is_up(host),
                "active": host.enabled,
                "updated_at": iso_micro(self.world.last_beat(host)),
            }
            zones.setdefault(host.zone, {})[host.name] = {"nova-compute": active}
        shown = [
            {"zoneName": name, "zoneState": {"available": True}, "hosts": hosts if detail else None}
            for name, hosts in zones.items()
        ]
        return web.json_response({"availabilityZoneInfo": shown})

    async def _groups(self, request: web.Request) -> web.Response:
        asked = context(request)
        groups = list(self.world.groups.values())
        if not (asked.is_admin and "all_projects" in request.query):  # measured: dropped silently for members
            groups = [g for g in groups if g.project is asked.login.project]
        rest = groups[natural(request, "offset", 0) :]
        shown = [_group(g, asked.version) for g in rest[: natural(request, "limit", 1000)]]
        return web.json_response({"server_groups": shown})

    async def _group(self, request: web.Request) -> web.Response:
        asked, wanted = context(request), request.match_info["id"]
        group = self.world.groups.get(wanted)
        if group is None or not (asked.is_admin or group.project is asked.login.project):
            raise ApiError(404, f"Instance group {wanted} could not be found.")
        return web.json_response({"server_group": _group(group, asked.version)})


def _aggregate(aggregate: Aggregate, minor: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": aggregate.id,
        "name": aggregate.name,
        "availability_zone": aggregate.zone,
        "hosts": [h.name for h in aggregate.hosts],
        "metadata": {**aggregate.metadata, **({"availability_zone": aggregate.zone} if aggregate.zone else {})},
        "created_at": iso_micro(aggregate.created_at),
        "updated_at": None,
        "deleted": False,
        "deleted_at": None,
    }
    return {**shown, "uuid": aggregate.uuid} if minor >= 41 else shown


def _group(group: SimServerGroup, minor: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": group.id,
        "name": group.name,
        "members": [v.id for v in group.members],
    }
    if minor >= 64:
        shown |= {"policy": group.policy, "rules": {}}
    else:
        shown |= {"policies": [group.policy], "metadata": {}}
    if minor >= 13:
        shown |= {"project_id": group.project.id, "user_id": group.project.id}
    return shown
