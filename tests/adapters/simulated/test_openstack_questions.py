"""The questions by which a simulated OpenStack is compared with a real one are harmless, and find a difference."""

from adapters.simulated.datacentre import build
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Fault
from tests.adapters.simulated.openstack_questions import NOBODY, OF_A_RETURNED_HOST, Cloud, differences
from tests.adapters.simulated.openstack_wire import PASSWORD, Region, region


def place(one: Region, *, server: str = NOBODY) -> Cloud:
    return Cloud(auth_url=f"{one.url}/identity/v3", password=PASSWORD, server=server)


def state(one: Region) -> str:
    world = one.world
    hosts = [(h.name, h.enabled, h.disabled_reason, h.forced_down) for h in world.hosts.values()]
    vms = [(v.name, v.state, v.task, v.locked_by, v.host.name if v.host else "") for v in world.vms.values()]
    return repr((hosts, vms, world.moves, [v.host for v in world.volumes.values()]))


async def test_two_simulated_clouds_answer_alike_and_nothing_is_changed_by_asking() -> None:
    async with region(lambda clock: build(clock.now)) as one, region(lambda clock: build(clock.now)) as other:
        before = state(one)
        here, there = (place(each, server=each.world.vm("demo-vm-1").id) for each in (one, other))
        assert await differences(here, there) == []
        assert state(one) == before


async def test_another_status_another_sentence_and_another_key_are_found() -> None:
    async with region(lambda clock: build(clock.now)) as one, region(lambda clock: build(clock.now)) as other:
        other.world.faults.order(CallFault(effect=Effect.ANSWER, path="/os-aggregates$", status=500))
        other.world.faults.order(CallFault(effect=Effect.ANSWER, path="/os-server-groups/0", status=404))
        broken = other.world.set_vm_state("demo-vm-1", "error")
        broken.fault = Fault(code=500, message="disk", at=other.world.now)
        found = await differences(place(one), place(other))
        assert len(found) == 4
        assert "GET /os-aggregates: 200 '' instead of 500" in found[0]
        assert "instead of 'ordered by a fault'" in found[1]
        assert all("'.servers[].fault.message'] missing" in difference for difference in found[2:])


async def test_another_value_is_found_where_a_question_names_its_key() -> None:
    async with region(lambda clock: build(clock.now)) as one, region(lambda clock: build(clock.now)) as other:
        here, there = (place(each, server=each.world.vm("demo-vm-1").id) for each in (one, other))
        left = other.world.vm("demo-vm-1").host
        assert left is not None
        other.world.relocate(other.world.vm("demo-vm-1"), other.world.host("compute-5"))
        found = await differences(here, there, questions=OF_A_RETURNED_HOST)
        assert f"OS-EXT-SRV-ATTR:host ['{left.name}'] instead of ['compute-5']" in found[0]
