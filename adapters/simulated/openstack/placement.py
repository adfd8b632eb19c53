"""Placement of the simulated cloud: providers, inventories, usages, allocations, candidates. Admins only."""

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from adapters.simulated.openstack.http import ApiError, context, natural
from adapters.simulated.records import Platform, Resources, SimHost
from adapters.simulated.world import World

_CLASSES = {"VCPU": "vcpus", "MEMORY_MB": "memory_mb", "DISK_GB": "disk_gb"}
_TITLES = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable"}
_TRAITS = ["COMPUTE_NODE", "COMPUTE_TRUSTED_CERTS", "HW_CPU_X86_AVX2"]
_PROVIDERS = {"name", "uuid", "member_of", "resources", "in_tree", "required"}
_CANDIDATES = {"resources", "required", "member_of", "in_tree", "limit", "group_policy", "root_required"}
_NO_PATH = "The resource could not be found.\n\n   "
_DISABLED = "COMPUTE_STATUS_DISABLED"


def refusal(status: int, message: str, minor: int, request_id: str, *, highest: int = 39) -> web.Response:
    """An error as Placement words it; from 1.23 it has a code."""
    if status == 406:
        version = re.search(r"\d+\.\d+", message)
        message = (
            "The resource could not be generated that was acceptable to your browser (content of type"
            " application/json. \n\n Invalid microversion: Unacceptable version header:"
            f" {version.group() if version else ''}"
        )
    error: dict[str, Any] = {"status": status, "title": _TITLES.get(status, "Error"), "detail": message}
    if minor >= 23:
        error["code"] = "placement.undefined_code"
    error["request_id"] = request_id
    if status == 406:
        error |= {"max_version": f"1.{highest}", "min_version": "1.0"}
    return web.json_response({"errors": [error]}, status=status)


class Placement:
    """Handlers of the Placement API."""

    def __init__(self, world: World, *, highest: int = 39) -> None:
        self.world = world
        self.highest = highest  #: minor version

    def routes(self) -> list[web.RouteDef]:
        one = "/resource_providers/{id}"
        return [
            web.get("/", self._versions),
            web.get("/resource_providers", self._providers),
            web.get(one, self._provider),
            web.get(f"{one}/inventories", self._inventories),
            web.get(f"{one}/usages", self._usages),
            web.get(f"{one}/aggregates", self._aggregates),
            web.get(f"{one}/traits", self._traits),
            web.get(f"{one}/allocations", self._held_of),
            web.get("/allocations/{consumer}", self._allocations),
            web.get("/allocation_candidates", self._candidates),
            web.get("/usages", self._project_usages),
            web.get("/resource_classes", self._classes),
            web.get("/traits", self._all_traits),
        ]

    async def _versions(self, _request: web.Request) -> web.Response:
        version = {
            "id": "v1.0",
            "min_version": "1.0",
            "max_version": f"1.{self.highest}",
            "status": "CURRENT",
            "links": [{"rel": "self", "href": ""}],
        }
        return web.json_response({"versions": [version]})

    def _hosts(self) -> list[SimHost]:
        """Those whose provider has anything of what is told here: not those of bare metal."""
        return [h for h in self.world.hosts_of(Platform.OPENSTACK) if not h.nodes]

    def _admit(self, request: web.Request, policy: str) -> None:
        if not context(request).is_admin:
            raise ApiError(
                403,
                f"Access was denied to this resource.\n\n Policy does not allow placement:{policy} to be performed.  ",
            )

    def _named(self, request: web.Request, policy: str) -> SimHost:
        self._admit(request, policy)
        host = self.world.hosts.get(request.match_info["id"])
        if host is None or host.cluster.kind is not Platform.OPENSTACK:
            none = f"No resource provider with uuid {request.match_info['id']} found"
            said = none if policy == "resource_providers:show" else f"{none}: {none}"
            raise ApiError(404, f"The resource could not be found.\n\n {said}  ")
        return host

    # ------------------------------------------------------------------ providers

    async def _providers(self, request: web.Request) -> web.Response:
        self._admit(request, "resource_providers:list")
        _check_query(request, _PROVIDERS)
        minor, wanted = context(request).version, request.query
        needs = _amounts(wanted["resources"]) if "resources" in wanted else Resources()
        hosts = [
            h
            for h in self._hosts()
            if wanted.get("name") in {None, h.name}
            and wanted.get("uuid") in {None, h.id}
            and wanted.get("in_tree") in {None, h.id}
            and self._is_member(h, wanted.get("member_of"))
            and self._has_traits(h, wanted.get("required"))
            and ("resources" not in wanted or self.world.room(h).holds(needs))
        ]
        return web.json_response({"resource_providers": [self._show(h, minor) for h in hosts]})

    async def _provider(self, request: web.Request) -> web.Response:
        host = self._named(request, "resource_providers:show")
        return web.json_response(self._show(host, context(request).version))

    def _show(self, host: SimHost, minor: int) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "uuid": host.id,
            "name": host.name,
            "generation": self._generation(host),
            "links": [
                {"rel": rel, "href": f"/placement/resource_providers/{host.id}{path}"}
                for rel, path in (("self", ""), ("inventories", "/inventories"), ("usages", "/usages"))
            ],
        }
        if minor >= 14:
            shown |= {"parent_provider_uuid": None, "root_provider_uuid": host.id}
        return shown

    def _generation(self, host: SimHost) -> int:
        return 2 + sum(host.id in held for held in self.world.allocations.values())

    async def _inventories(self, request: web.Request) -> web.Response:
        host = self._named(request, "resource_providers:inventories:list")
        shown = {
            name: {
                "total": getattr(host.capacity, field),
                "reserved": 0,
                "min_unit": 1,
                "max_unit": getattr(host.capacity, field),
                "step_size": 1,
                "allocation_ratio": host.vcpu_ratio if name == "VCPU" else 1.0,
            }
            for name, field in _CLASSES.items()
        }
        return web.json_response({"inventories": shown, "resource_provider_generation": self._generation(host)})

    async def _usages(self, request: web.Request) -> web.Response:
        host = self._named(request, "resource_providers:usages")
        used = self.world.used(host)
        shown = {name: getattr(used, field) for name, field in _CLASSES.items()}
        return web.json_response({"usages": shown, "resource_provider_generation": self._generation(host)})

    async def _aggregates(self, request: web.Request) -> web.Response:
        host = self._named(request, "resource_providers:aggregates:list")
        if context(request).version < 1:
            raise ApiError(404, _NO_PATH)
        body: dict[str, Any] = {"aggregates": self._aggregates_of(host)}
        if context(request).version >= 19:
            body["resource_provider_generation"] = self._generation(host)
        return web.json_response(body)

    def _aggregates_of(self, host: SimHost) -> list[str]:
        return [a.uuid for a in self.world.aggregates.values() if host in a.hosts]

    async def _traits(self, request: web.Request) -> web.Response:
        host = self._named(request, "resource_providers:traits:list")
        if context(request).version < 6:
            raise ApiError(404, _NO_PATH)
        body = {"traits": _traits_of(host), "resource_provider_generation": self._generation(host)}
        return web.json_response(body)

    async def _held_of(self, request: web.Request) -> web.Response:
        host = self._named(request, "resource_providers:allocations:list")
        shown: dict[str, Any] = {}
        for consumer, held in self.world.allocations.items():
            if host.id in held:
                shown[consumer] = {"resources": _classes(held[host.id])}
                if context(request).version >= 28:
                    shown[consumer]["consumer_generation"] = 1
        return web.json_response({"allocations": shown, "resource_provider_generation": self._generation(host)})

    # ------------------------------------------------------------------ allocations, candidates

    async def _allocations(self, request: web.Request) -> web.Response:
        self._admit(request, "allocations:list")
        minor, consumer = context(request).version, request.match_info["consumer"]
        held = self.world.allocations.get(consumer, {})
        shown = {
            host: {"generation": self._generation(self.world.hosts[host]), "resources": _classes(amount)}
            for host, amount in held.items()
        }
        body: dict[str, Any] = {"allocations": shown}
        if held and minor >= 12:
            body |= {"project_id": self._project_of(consumer), "user_id": self._project_of(consumer)}
        if held and minor >= 28:
            body["consumer_generation"] = 1
        if held and minor >= 38:
            body["consumer_type"] = "INSTANCE" if consumer in self.world.vms else "MIGRATION"
        return web.json_response(body)

    def _project_of(self, consumer: str) -> str:
        vm = self.world.vms.get(consumer)
        if vm is None:
            vm = next((m.vm for m in self.world.moves if m.uuid == consumer), None)
        return vm.project.id if vm is not None and vm.project is not None else ""

    async def _candidates(self, request: web.Request) -> web.Response:
        minor, wanted = context(request).version, request.query
        if minor < 10:
            raise ApiError(404, _NO_PATH)
        self._admit(request, "allocation_candidates:list")
        _check_query(request, _CANDIDATES)
        if "resources" not in wanted:
            granular = "There must be at least one resources or resources[$S] parameter."
            required = "Invalid query string parameters: 'resources' is a required property"
            raise _malformed(granular if minor >= 25 else required)
        needs = _amounts(wanted["resources"])
        hosts = [
            h
            for h in self._hosts()
            if self.world.room(h).holds(needs)
            and self._is_member(h, wanted.get("member_of"))
            and self._has_traits(h, wanted.get("required"))
            and wanted.get("in_tree") in {None, h.id}
        ]
        hosts = hosts[: natural(request, "limit", 1000)]
        asked = _classes(needs)
        return web.json_response(
            {
                "allocation_requests": [_allocation_request(h, asked, minor) for h in hosts],
                "provider_summaries": {h.id: self._summary(h, asked, minor) for h in hosts},
            }
        )

    def _summary(self, host: SimHost, asked: Mapping[str, int], minor: int) -> dict[str, Any]:
        gives, used = host.gives, self.world.used(host)
        shown: dict[str, Any] = {
            "resources": {
                name: {"capacity": getattr(gives, field), "used": getattr(used, field)}
                for name, field in _CLASSES.items()
                if name in asked or minor >= 27
            }
        }
        if minor >= 17:
            shown["traits"] = _traits_of(host)
        if minor >= 29:
            shown |= {"parent_provider_uuid": None, "root_provider_uuid": host.id}
        return shown

    def _is_member(self, host: SimHost, wanted: str | None) -> bool:
        """`member_of=<uuid>` or `member_of=in:<uuid>,<uuid>`."""
        if wanted is None:
            return True
        return bool(set(wanted.removeprefix("in:").split(",")) & set(self._aggregates_of(host)))

    def _has_traits(self, host: SimHost, wanted: str | None) -> bool:
        """`required=A,!B`: has A and not B."""
        here = _traits_of(host)
        return all(
            (trait[1:] not in here) if trait.startswith("!") else trait in here
            for trait in (wanted.split(",") if wanted else ())
        )

    # ------------------------------------------------------------------ the rest

    async def _project_usages(self, request: web.Request) -> web.Response:
        self._admit(request, "usages")
        total: dict[str, int] = dict.fromkeys(_CLASSES, 0)
        consumers = 0
        for consumer, held in self.world.allocations.items():
            if held and self._project_of(consumer) == request.query.get("project_id"):
                consumers += 1
                for amount in held.values():
                    for name, field in _CLASSES.items():
                        total[name] += getattr(amount, field)
        if context(request).version >= 38:
            return web.json_response({"usages": {"INSTANCE": {"consumer_count": consumers, **total}}})
        return web.json_response({"usages": total})

    async def _classes(self, request: web.Request) -> web.Response:
        self._admit(request, "resource_classes:list")
        return web.json_response({"resource_classes": [{"name": n, "links": []} for n in _CLASSES]})

    async def _all_traits(self, request: web.Request) -> web.Response:
        self._admit(request, "traits:list")
        return web.json_response({"traits": [*_TRAITS, _DISABLED]})


def _allocation_request(host: SimHost, asked: Mapping[str, int], minor: int) -> dict[str, Any]:
    if minor < 12:
        provider = {"resource_provider": {"uuid": host.id}, "resources": dict(asked)}
        return {"allocations": [provider]}
    shown: dict[str, Any] = {"allocations": {host.id: {"resources": dict(asked)}}}
    if minor >= 34:
        shown["mappings"] = {"": [host.id]}
    return shown


def _traits_of(host: SimHost) -> list[str]:
    return [*_TRAITS, *([] if host.enabled and not host.forced_down else [_DISABLED])]


def _classes(amount: Resources) -> dict[str, int]:
    """An amount by resource class; nothing of a class is not written."""
    return {name: getattr(amount, field) for name, field in _CLASSES.items() if getattr(amount, field)}


def _malformed(why: str) -> ApiError:
    return ApiError(
        400,
        "The server could not comply with the request since it is either malformed or otherwise incorrect.\n\n"
        f" {why}  ",
    )


def _check_query(request: web.Request, allowed: set[str]) -> None:
    unknown = sorted(set(request.query) - allowed)
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        were = "was" if len(unknown) == 1 else "were"
        raise _malformed(
            f"Invalid query string parameters: Additional properties are not allowed ({names} {were} unexpected)"
        )


def _amounts(text: str) -> Resources:
    """`VCPU:1,MEMORY_MB:512`.

    Raises:
        ApiError: 400.
    """
    wanted: dict[str, int] = {}
    for part in text.split(","):
        name, _, amount = part.partition(":")
        if not amount.isdecimal() or not int(amount):
            raise _malformed(f"Badly formed resources parameter. Expected resources query string in form: {text}")
        if name not in _CLASSES:
            raise _malformed(f"Invalid resource class in resources parameter: No such resource class {name}.")
        wanted[_CLASSES[name]] = int(amount)
    return Resources(**wanted)
