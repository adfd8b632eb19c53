"""Each verb has one family, and each family makes, begins and recognises what is its own."""

import ast
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from adapters.openstack import steps
from adapters.openstack.settings import CinderSettings, MigrationSettings
from adapters.openstack.steps import verbs
from adapters.redfish.power import PowerReading
from bot.domain.cloud import NotSupported
from bot.domain.plans.plan import By, Plan, Step
from tests.adapters.openstack.build import (
    CINDER_MANAGE,
    DEAD,
    WITH_FENCE,
    back,
    cinder,
    configured,
    enter,
    living,
    plan,
    server,
    survey,
    with_service,
)
from tests.contract.arena_openstack import openstack_arena

LATE = get_args(MigrationSettings.model_fields["late"].annotation)
ALL = [verb for family in verbs.FAMILIES for verb in family.starts]
OURS: dict[str, Any] = {"is_enabled": False, "disabled_reason": "muster run=01OLD: new memory", "is_forced_down": True}


def plans() -> list[Plan]:
    """Plans that have each verb between them."""
    off = server("off", vm_state="error", is_off=True)
    stopped = server("stopped", vm_state="stopped", status="SHUTOFF")
    dead = survey(off, storage=cinder(), power=PowerReading(state="On", host_name=DEAD))
    ours = CinderSettings(runner="local", command=CINDER_MANAGE)
    return [
        plan(dead, settings=configured(fencing=WITH_FENCE, lock_vms=True, cinder=ours)),
        *(
            enter(living(server("runs"), stopped), settings=configured(migration=MigrationSettings(late=late)))
            for late in LATE
        ),
        back(with_service(living(), DEAD, **OURS)),
    ]


def test_each_verb_has_one_family() -> None:
    assert [verb for verb, families in Counter(ALL).items() if families > 1] == []
    assert all(verbs.family_of(Step.of(made)).starts for one in plans() for made in one.steps)


def test_what_a_family_knows_is_made_and_what_is_made_a_family_knows() -> None:
    assert {made.verb for one in plans() for made in one.steps} == set(ALL)


def test_a_step_is_made_beside_the_call_that_begins_it() -> None:
    root = Path(str(steps.__file__)).parents[1]
    makers = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"PlannedStep", "Step"}
    }
    assert {maker.partition("/")[0] for maker in makers} == {"steps"}


def test_only_what_muster_brings_about_is_begun() -> None:
    made = {step.verb: step.by for one in plans() for step in one.steps}
    begun = {verb for family in verbs.FAMILIES for verb, start in family.starts.items() if start is not None}
    assert begun == {verb for verb, by in made.items() if by is By.MUSTER}


@pytest.mark.parametrize("verb", ["verify-empty", "hold", "reboot-the-sun"])
async def test_what_no_call_brings_about_is_refused_loudly(verb: str) -> None:
    async with openstack_arena(vms=1) as arena:
        step = replace(Step.of((await arena.planned()).steps[0]), verb=verb)
        with pytest.raises(NotSupported):
            await arena.cloud.start(step)
        assert arena.mutations() == []


async def test_a_verb_of_no_family_is_refused_before_anything_is_asked() -> None:
    async with openstack_arena(vms=1) as arena:
        step = Step.of((await arena.planned()).steps[0])
        asked = len(arena.calls())
        with pytest.raises(NotSupported, match="reboot-the-sun"):
            await arena.cloud.look([step, replace(step, verb="reboot-the-sun")])
        assert len(arena.calls()) == asked
