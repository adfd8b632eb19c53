"""Answers that are none of the API's, whatever their status: nobody takes them for "nothing", and nobody stumbles."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from adapters.openstack.wire.documents import Document
from bot.domain.cloud import CloudError, Refused, Unreachable
from tests.adapters.openstack.bends import LOGIN_PAGE, Bend, bent, says
from tests.contract.arena_openstack import OpenStackArena, openstack_arena, planned_by
from tests.steps import steps_of

NEEDED = {
    "/compute/v2.1/os-services$": "services",
    "/servers/detail$": "servers",
    "/os-migrations$": "migrations",
    "/os-server-groups$": "server_groups",
    "/volume/v3/os-services$": "services",
    "/volume/v3/volumes/detail$": "volumes",
}
"""What no plan is made without, and the key of what is asked for."""


def strange(key: str) -> dict[str, Bend]:
    """What others than the API answer when a list is asked for."""

    def with_(value: Any) -> Bend:
        return lambda _request, body: {**body, key: value}

    return {
        "a login page": says(LOGIN_PAGE),
        "a gateway's JSON": says('{"status": "UP", "path": "/"}', kind="application/json"),
        "a gateway's refusal": says('{"message": "no Route matched with those values"}', status=404),
        "a proxy's refusal": says("<html><h1>403 Forbidden</h1></html>", status=403),
        "half a document": lambda _request, body: web.Response(text=json.dumps(body)[:-9]),
        "lists in lists without an end": says("[" * 100_000),
        "nothing": says(""),
        "a bare null": says("null"),
        "a list": says("[]"),
        "null for the list": with_(None),
        "an object for the list": with_({}),
        "a list of words": with_(["a"]),
        "a list of strangers": with_([{"hello": "world"}]),
        "a list of nulls in disguise": lambda _request, body: {
            **body,
            key: [_emptied(row) for row in body[key]] or None,
        },
        "too many requests": says('{"overLimit": {"message": "slow down"}}', status=413, Retry_After="9"),
        "an outage": says("<html>503</html>", status=503),
    }


def _emptied(row: dict[str, Any]) -> dict[str, Any]:
    return dict.fromkeys(row)


@pytest.mark.parametrize(("path", "key"), NEEDED.items())
async def test_whatever_else_answers_for_the_api_is_told_and_no_plan_is_made_of_it(path: str, key: str) -> None:
    async with openstack_arena(vms=2) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        volume(arena)
        for name, bend in strange(key).items():
            bends.clear()
            bends.on(path, bend)
            with pytest.raises(CloudError) as lost:
                await planned_by(arena, cloud)
            assert isinstance(lost.value, Unreachable), name
            assert "Nobody answers" not in lost.value.sentence, name
            assert lost.value.remedy, name
        bends.clear()
        assert not (await planned_by(arena, cloud)).is_blocked


def volume(arena: OpenStackArena) -> None:
    """Let one of the VMs have a volume that the dead host manages."""
    vm = arena.subjects()[0]
    assert vm.project is not None
    arena.world.add_volume("data-1", size_gb=1, host=f"{arena.host.name}@ceph#ceph", project=vm.project, vm=vm)


async def test_a_login_page_is_shown_by_its_beginning() -> None:
    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        bends.on("/servers/detail", says(f"{LOGIN_PAGE}{'x' * 9000} password=s3cret"))
        with pytest.raises(Unreachable) as lost:
            await planned_by(arena, cloud)
    said = lost.value
    assert (
        "Something answered when Nova was asked to list the servers on compute-1, but it was not the API"
        in said.sentence
    )
    assert "Please log in" in said.sentence
    assert "Please log in" in said.raw
    assert len(said.sentence) < 400
    assert "s3cret" not in f"{said} {said.raw}"


async def test_a_login_page_instead_of_a_token_is_no_outage_and_no_refusal() -> None:
    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        for answer in (LOGIN_PAGE, "{}", '{"token": {}}', '{"token": {"catalog": []}}', "null", ""):
            bends.on("/auth/tokens$", says(answer, kind="application/json"), method="POST")
            with pytest.raises(Unreachable) as lost:
                await planned_by(arena, cloud)
            assert "but it was not the API" in lost.value.sentence, answer
            bends.clear()
        assert not (await planned_by(arena, cloud)).is_blocked


@pytest.mark.parametrize(
    ("name", "bend", "told"),
    [
        ("region_id", lambda e: {**e, "region": "regionone", "region_id": "regionone"}, "public in regionone"),
        ("interface", lambda e: {**e, "interface": "internal"}, "internal in RegionOne"),
    ],
)
async def test_a_service_that_stands_elsewhere_in_the_catalog_is_told_as_that(
    name: str, bend: Callable[[dict[str, Any]], dict[str, Any]], told: str
) -> None:
    def moved(_request: web.Request, body: Any) -> Any:
        for one in body["token"]["catalog"]:
            if one["type"].startswith("volume") or one["type"] == "block-storage":
                one["endpoints"] = [bend(e) for e in one["endpoints"] if e["interface"] == "public"]
        return body

    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        bends.on("/auth/tokens$", moved, method="POST")
        with pytest.raises(Refused) as refused:
            await planned_by(arena, cloud)
        assert told in refused.value.sentence, name
        assert "not at public in RegionOne" in refused.value.sentence
        assert "region_name" in refused.value.remedy


async def test_a_404_of_a_proxy_does_not_prove_that_a_vm_was_deleted() -> None:
    async with openstack_arena(vms=1) as arena, bent(arena.world, arena.clock) as (cloud, bends, _):
        steps = [s for s in steps_of(await planned_by(arena, cloud)) if s.verb == "evacuate"]
        named = f"no route for /v2.1/servers/{arena.world.vms_on(arena.host)[0].id}"
        gateways = (
            {"error": {"code": 404, "message": named}},
            {"errors": [{"title": named}]},
            {"fault": {"message": named}},
        )
        for page in (LOGIN_PAGE, '{"message": "no Route matched"}', "", *map(json.dumps, gateways)):
            bends.on("/servers/[0-9a-f-]{36}$", says(page, status=404))
            with pytest.raises(Unreachable):
                await cloud.look(steps)


def test_a_document_complains_of_what_it_lacks() -> None:
    document = Document({"servers": [{"id": "a"}, {"id": "a"}, {}, {}]}, service="compute", doing="list servers")

    assert document.each("servers", lambda row: row.get("id")) == ["a", None, None]
    assert "servers" in document
    assert document.get("links") is None
    with pytest.raises(Unreachable):
        document["links"]
    with pytest.raises(Unreachable):
        document.one("servers", int)
