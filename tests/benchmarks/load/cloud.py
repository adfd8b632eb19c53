"""The cloud of the benchmark, in a process of its own: a simulated OpenStack with dead hosts full of VMs.

Prints one line of JSON once it answers: the address of Keystone, and each host's BMC. Ends with its standard input.
"""

import asyncio
import json
import sys
from datetime import timedelta

from adapters.simulated import openstack_api, redfish_api
from adapters.simulated.datacentre import add_server, bare_openstack
from adapters.simulated.world import World
from bot.runtime.clock import SystemClock

TARGETS = 20
SPAWN_SECONDS = 5.0


def build(*, hosts: int, vms: int, clock: SystemClock) -> World:
    """A region of `hosts` dead hosts of `vms` VMs each, and of targets with room for them all."""
    world = World(clock.now, sleep=clock.sleep)
    region = bare_openstack(world, hosts=0)
    assert not region
    (cluster,) = world.clusters.values()
    for number in range(TARGETS):
        roomy = world.add_host(f"target-{number + 1}", cluster, vcpus=4_000, memory_mb=8_000_000, disk_gb=400_000)
        roomy.knobs.spawn_seconds = SPAWN_SECONDS
    for number in range(hosts):
        dead = world.add_host(f"dead-{number + 1}", cluster, vcpus=4_000, memory_mb=8_000_000, disk_gb=400_000)
        for one in range(vms):
            add_server(world, f"vm-{number + 1}-{one + 1}", dead, flavor="m1.small")
        dead.alive = dead.powered = False
        dead.last_report = world.vms_on(dead)
        dead.last_beat = world.now - timedelta(minutes=3)
    return world


async def main(hosts: int, vms: int) -> None:
    """Serve it until the standard input ends."""
    clock = SystemClock()
    world = build(hosts=hosts, vms=vms, clock=clock)
    async with openstack_api.serve(world) as url, redfish_api.serve(world) as bmcs:
        told = {"auth_url": f"{url}/identity", "bmcs": dict(redfish_api.systems(world, bmcs))}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
