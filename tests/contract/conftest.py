"""One arena per cloud and way of emptying a host. A new cloud adds one line here."""

import pytest

from tests.contract.arena_cloudtower import cloudtower_arena
from tests.contract.arena_openstack import openstack_arena, openstack_enter_arena
from tests.contract.clouds import ArenaOf

ARENAS: dict[str, ArenaOf] = {
    "cloudtower": cloudtower_arena,
    "openstack": openstack_arena,
    "openstack-enter": openstack_enter_arena,
}


@pytest.fixture(params=sorted(ARENAS))
def arena_of(request: pytest.FixtureRequest) -> ArenaOf:
    """Opens fresh arenas of each cloud in turn."""
    return ARENAS[request.param]
