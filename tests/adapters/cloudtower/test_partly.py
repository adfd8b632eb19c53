"""A look that loses one of its lists tells what the others prove, and never more than a whole look would."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing

import pytest

from adapters.cloudtower.cloud import CloudTowerCloud
from adapters.cloudtower.settings import CloudTowerSettings
from adapters.cloudtower.steps import course
from adapters.simulated.cloudtower.state import API_KEY
from adapters.simulated.faults import CallFault, Effect
from bot.domain.cloud import PartlySeen, Sighting, Unreachable
from bot.domain.plans.plan import Step
from bot.domain.settings.secret import Secret
from bot.domain.values import Action, StepKey
from tests.adapters.cloudtower.bench import Bench, Walk, bench
from tests.clocks import StandingStill
from tests.steps import steps_of

LISTS = {
    "tasks of receipts": ("/get-tasks", r'"where":\s*\{"id_in"'),
    "newest tasks": ("/get-tasks", "resource_id_in"),
    "vms of the steps": ("/get-vms", "local_id_in"),
    "vms on the host": ("/get-vms", r'"host":'),
}


def hurried(tower: Bench) -> CloudTowerCloud:
    """An adapter that repeats without waiting, so that nothing changes in between."""
    settings = CloudTowerSettings(name="tower", kind="cloudtower", url=tower.url, token_env=Secret(API_KEY))
    return CloudTowerCloud(settings, StandingStill(tower.clock))


async def looked(cloud: CloudTowerCloud, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
    """What a look tells, whole or not."""
    try:
        return await cloud.look(steps)
    except PartlySeen as partly:
        return partly.seen
    except Unreachable:
        return {}


@pytest.mark.parametrize("action", [Action.ENTER, pytest.param(Action.EXIT, marks=pytest.mark.long)])
async def test_a_look_without_one_of_its_lists_tells_a_part_of_what_a_whole_look_tells(action: Action) -> None:
    told: Counter[str] = Counter()
    async with bench() as tower:
        walk = Walk(bench=tower, plan=await tower.plan())
        if action is Action.EXIT:
            await walk.to_end()
            walk = Walk(bench=tower, plan=await tower.plan(action=action))
        async with aclosing(hurried(tower)) as cloud:
            while not all(record.has_ended for record in walk.records):
                steps = [record.step for record in walk.records]
                for name, (path, body) in LISTS.items():
                    whole = await cloud.look(steps)
                    tower.world.faults.order(CallFault(effect=Effect.ANSWER, path=path, body=body, times=None))
                    seen = await looked(cloud, steps)
                    tower.world.faults.clear()
                    assert seen == {key: whole[key] for key in seen}, name
                    told.update(f"{name}: {step.verb}" for step in steps if step.key in seen and len(seen) < len(steps))
                await walk.round()
    call = course.of(steps_of(walk.plan)[0]).verb
    assert told.keys() >= {
        f"tasks of receipts: {course.VERIFY_VM}",
        f"newest tasks: {course.VERIFY_VM}",
        f"vms of the steps: {call}",
    }


async def test_without_the_hosts_nothing_is_told(tower: Bench) -> None:
    plan = await tower.plan()
    tower.world.faults.order(CallFault(effect=Effect.ANSWER, path="/get-hosts", times=None))
    with pytest.raises(Unreachable) as failed:
        await tower.cloud.look(steps_of(plan))
    assert not isinstance(failed.value, PartlySeen)
