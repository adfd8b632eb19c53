"""A simulated region like the real one, asked what the real one is asked."""

from collections.abc import Mapping, Sequence

from adapters.simulated import datacentre
from adapters.simulated.world import World
from tests.adapters.simulated import openstack_questions
from tests.adapters.simulated import openstack_wire as wire
from tests.adapters.simulated.openstack_questions import QUESTIONS, Question
from tests.clocks import ManualClock
from tests.openstack.cloud import Cloud
from tests.openstack.lab.settings import PASSWORD


def twin(clock: ManualClock, *, on: str, servers: Sequence[str] = ("vm-1", "vm-2")) -> World:
    """Four computes, and servers on one of them that are like those that `Cloud.boot` boots."""
    world = World(clock.now)
    datacentre.bare_openstack(world, hosts=4)
    for name in servers:
        datacentre.add_server(world, name, world.host(on), project="demo", flavor="m1.small", from_image=True)
    return world


async def differences(
    region: wire.Region, real: Cloud, servers: Mapping[str, str], *, questions: Sequence[Question] = QUESTIONS
) -> list[str]:
    """Every question that both clouds answer differently.

    Args:
        region: the simulated cloud.
        real: the real one.
        servers: ids of real servers, by the names of the simulated ones that the same has happened to.
        questions: asked of each of them.
    """
    found = []
    for name, server in servers.items():
        here = f"{region.url}/identity/v3"
        simulated = openstack_questions.Cloud(auth_url=here, password=wire.PASSWORD, server=region.world.vm(name).id)
        truth = openstack_questions.Cloud(auth_url=real.auth_url, password=PASSWORD, server=server)
        found += await openstack_questions.differences(simulated, truth, questions=questions)
    return found
