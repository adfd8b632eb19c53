"""The simulated OpenStack against the real one: wherever both can be asked the same question, they answer alike."""

from adapters.simulated.datacentre import build
from tests.openstack.cloud import Cloud
from tests.openstack.lab.settings import PASSWORD
from tests.simulated import openstack_questions as questions
from tests.simulated import openstack_wire as wire


async def test_the_simulated_cloud_answers_as_the_real_one(cloud: Cloud) -> None:
    real = questions.Cloud(auth_url=cloud.auth_url, password=PASSWORD)
    async with wire.region(lambda clock: build(clock.now)) as region:
        simulated = questions.Cloud(auth_url=f"{region.url}/identity/v3", password=wire.PASSWORD)
        assert await questions.differences(simulated, real) == []
