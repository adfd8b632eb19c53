"""How many calls an adapter makes does not depend on how many VMs there are.

Not asked of the real services: it is the adapter's doing alone, and forty VMs take a while to boot there.
"""

from tests.contract.clouds import Arena, ArenaOf, carry_out
from tests.steps import steps_of


async def _calls_of_survey_and_look(arena: Arena) -> tuple[int, int]:
    """How many calls a survey and a look take once logged in and acquainted."""
    plan = await arena.planned()
    await arena.cloud.look(steps_of(plan))
    before = len(arena.calls())
    plan = await arena.planned()
    surveyed = len(arena.calls())
    await arena.cloud.look(steps_of(plan))
    return surveyed - before, len(arena.calls()) - surveyed


async def test_calls_of_a_survey_and_of_a_look_do_not_grow_with_the_vms(arena_of: ArenaOf) -> None:
    """A few VMs may be asked for one by one, where that costs the cloud less than a list."""
    async with arena_of(vms=2) as few, arena_of(vms=40) as many:
        of_few, of_many = await _calls_of_survey_and_look(few), await _calls_of_survey_and_look(many)
        assert all(more <= less for more, less in zip(of_many, of_few, strict=True)), (of_few, of_many)


async def test_calls_of_a_look_do_not_grow_with_the_vms_that_have_moved(arena_of: ArenaOf) -> None:
    counts = []
    for vms in (2, 12):
        async with arena_of(vms=vms) as arena:
            plan = await arena.planned()
            done = await carry_out(arena, plan)
            assert not done.bad()
            before = len(arena.calls())
            await arena.cloud.look([r.step for r in done.records.values()])
            counts.append(len(arena.calls()) - before)
    assert counts[1] <= counts[0]
