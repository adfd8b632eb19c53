"""One arena per cloud and way of emptying a host or returning it. A new cloud adds its lines here."""

import pytest

from tests.contract.arena_cloudtower import cloudtower_arena, cloudtower_exit_arena
from tests.contract.arena_openstack import (
    openstack_arena,
    openstack_enter_arena,
    openstack_exit_arena,
    openstack_revival_arena,
)
from tests.contract.clouds import ArenaOf, ReturnOf

ARENAS: dict[str, ArenaOf] = {
    "cloudtower": cloudtower_arena,
    "openstack": openstack_arena,
    "openstack-enter": openstack_enter_arena,
}
RETURNS: dict[str, ReturnOf] = {
    "cloudtower-exit": cloudtower_exit_arena,
    "openstack-exit": openstack_exit_arena,
    "openstack-revival": openstack_revival_arena,
}


@pytest.fixture(params=sorted(ARENAS | RETURNS))
def arena_of(request: pytest.FixtureRequest) -> ArenaOf:
    """Opens fresh arenas of each cloud in turn."""
    return (ARENAS | RETURNS)[request.param]


@pytest.fixture(params=sorted(RETURNS))
def return_of(request: pytest.FixtureRequest) -> ReturnOf:
    """Opens fresh arenas of each cloud whose host is to return, in turn."""
    return RETURNS[request.param]
