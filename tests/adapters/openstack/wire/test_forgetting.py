"""Nothing that was learned in a failing moment is kept: once all is well, the wall says what a fresh process says."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.openstack.wire import endpoints
from adapters.simulated.openstack_api import Release
from bot.domain.cloud import CloudError
from tests.adapters.openstack.bends import LOGIN_PAGE, Bend, bent, says
from tests.contract.arena_openstack import adapter, openstack_arena, planned_by
from tests.tiers import examples


def _without_the_others(_request: web.Request, body: Any) -> Any:
    token = {**body["token"], "catalog": [one for one in body["token"]["catalog"] if one["type"] == "identity"]}
    return {**body, "token": token}


def _without_volumes(_request: web.Request, body: Any) -> Any:
    kept = [one for one in body["token"]["catalog"] if one["type"] not in {"block-storage", "volumev3", "placement"}]
    return {**body, "token": {**body["token"], "catalog": kept}}


def _nameless(_request: web.Request, body: Any) -> Any:
    """A document about versions that tells none."""
    if isinstance(body, dict) and "version" in body:
        return {"version": {**body["version"], "version": "", "min_version": ""}}
    return {"versions": []}


FAULTS: dict[str, Bend] = {
    "503": says("<html>503</html>", status=503),
    "429": says("", status=429),
    "404 of a proxy": says("<html>404</html>", status=404),
    "401": says('{"error": {"code": 401, "message": "no"}}', status=401, kind="application/json"),
    "login page": says(LOGIN_PAGE),
    "empty object": says("{}", kind="application/json"),
    "null": says("null", kind="application/json"),
    "no versions": _nameless,
}
PLACES = (
    *("^/compute/v2.1/?$", "^/placement/?$", "^/volume/v3/?$", "^/volume/?$", "^/network/", "^/identity/v3/projects$"),
    *("/os-services$", "/servers/detail$", "/allocation_candidates$", "/allocations$", "/os-hypervisors/detail$"),
)
LOGINS: dict[str, Bend] = {
    **{name: FAULTS[name] for name in ("503", "login page", "empty object", "null", "401")},
    "a catalog of one": _without_the_others,
    "a catalog without volumes": _without_volumes,
}
LOGIN = "/identity/v3/auth/tokens$"
faults = st.one_of(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(sorted(FAULTS))),
    st.tuples(st.just(LOGIN), st.sampled_from(sorted(LOGINS))),
)


async def _after(courses: Sequence[Sequence[tuple[str, str]]]) -> None:
    """Each course in turn: an adapter that learns in it, and then all is well."""
    async with openstack_arena(vms=2) as arena:
        for course in courses:
            async with bent(arena.world, arena.clock) as (cloud, bends, address):
                for path, name in course:
                    at_login = path == LOGIN
                    bends.on(path, (LOGINS if at_login else FAULTS)[name], method="POST" if at_login else "GET")
                    with suppress(CloudError):  # whatever is told; that it is nothing else
                        await planned_by(arena, cloud)
                    bends.clear()
                now = await planned_by(arena, cloud)
                async with adapter(address, arena.clock) as fresh:
                    assert now == await planned_by(arena, fresh), course


@settings(max_examples=examples(10), deadline=None)
@given(course=st.lists(faults, min_size=1, max_size=3))
def test_any_sequence_of_faults_and_then_health_gives_what_a_fresh_process_says(
    course: list[tuple[str, str]],
) -> None:
    asyncio.run(_after([course]))


@pytest.mark.parametrize("place", ["^/compute/v2.1/?$", "^/placement/?$", "^/volume/v3/?$", LOGIN])
def test_each_fault_at_the_first_call_is_forgotten(place: str) -> None:
    asyncio.run(_after([[(place, name)] for name in (LOGINS if place == LOGIN else FAULTS)]))


async def test_what_a_cloud_speaks_is_asked_anew_after_ten_minutes() -> None:
    now = 0.0
    async with openstack_arena(vms=1, release=Release(nova=52)) as arena, adapter(arena.address, arena.clock) as cloud:
        cloud._session._endpoints._monotonic = lambda: now
        await planned_by(arena, cloud)
        began = len(arena.calls())
        now = endpoints.AGE - 1
        await planned_by(arena, cloud)
        assert not any(c.path.endswith("/compute/v2.1") for c in arena.calls()[began:])
        now = endpoints.AGE + 1
        await planned_by(arena, cloud)
        assert any(c.path.rstrip("/").endswith("/compute/v2.1") for c in arena.calls()[began:])
