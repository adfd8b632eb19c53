"""A host with a thousand VMs costs as many calls as one with ten, but for the pages of its lists."""

from collections.abc import Sequence
from dataclasses import replace

from adapters.openstack.survey.servers import FEW
from adapters.simulated.records import LoggedCall
from bot.domain.plans.plan import Step
from tests.contract.arena_openstack import OpenStackArena, openstack_arena
from tests.steps import steps_of

MANY = (10, 100, 1000)


def asked(calls: Sequence[LoggedCall]) -> list[str]:
    """What was asked for, each list once however many pages it has."""
    return sorted(f"{c.method} {c.path}" for c in calls if "marker=" not in c.query)


async def cost(arena: OpenStackArena, steps: Sequence[Step]) -> list[str]:
    """What one look costs."""
    began = len(arena.calls())
    seen = await arena.cloud.look(steps)
    assert len(seen) == len(steps)
    return asked(arena.calls()[began:])


async def costs(vms: int) -> dict[str, list[str]]:
    """What the survey costs, and looks at different times of an evacuation."""
    async with openstack_arena(vms=1) as arena:
        world = arena.world
        await arena.planned()  # logs in and learns the versions
        for number in range(vms - 1):
            world.add_vm(f"vm-{number + 2}", arena.host, vcpus=0, memory_mb=0)
        began = len(arena.calls())
        plan = await arena.planned()
        found = {"survey": asked(arena.calls()[began:])}
        moves = [s for s in steps_of(plan) if s.verb == "evacuate"]
        assert len(moves) == vms
        first = await arena.cloud.look(moves)
        moves = [replace(s, before=first[s.key].mark) for s in moves]
        found["before"] = await cost(arena, moves)
        world.host("compute-1").forced_down = True
        receipts = {s.key: await arena.cloud.start(s) for s in moves[: vms // 10 * 9]}
        moves = [replace(s, receipt=receipts.get(s.key)) for s in moves]
        found["under way"] = await cost(arena, moves)
        await arena.pass_time(600)
        assert len(world.vms_on(arena.host)) == vms - len(receipts)
        found["nearly all elsewhere"] = await cost(arena, moves)
        return found


async def test_the_number_of_calls_does_not_grow_with_the_number_of_vms() -> None:
    few, more, most = [await costs(vms) for vms in MANY]
    assert few.keys() == {"survey", "before", "under way", "nearly all elsewhere"}
    assert more == most
    for when, calls in few.items():
        assert len(calls) <= len(most[when]) + FEW, when
    assert max(map(len, most.values())) <= 16
