"""A simulated region like the real one, to be asked what the real one is asked."""

from collections.abc import Sequence

from adapters.simulated import datacentre
from adapters.simulated.world import World
from bot.clock import ManualClock


def twin(clock: ManualClock, *, on: str, servers: Sequence[str] = ("vm-1", "vm-2")) -> World:
    """Four computes, and servers on one of them that are like those that `Cloud.boot` boots."""
    world = World(clock.now)
    datacentre.bare_openstack(world, hosts=4)
    for name in servers:
        datacentre.add_server(world, name, world.host(on), project="demo", flavor="m1.small", from_image=True)
    return world
