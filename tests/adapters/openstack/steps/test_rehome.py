"""Volumes and backups of a dead host get a new manager in the simulated cloud, over SSH and as a program here."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.settings import CinderSettings
from adapters.openstack.steps.rehome import PHASE
from adapters.openstack.wire.cinder_manage import CommandRunner, Local
from adapters.simulated import cinder_manage, datacentre, openstack_api
from adapters.simulated.world import World
from bot.domain.cloud import NotSupported, Refused, Seen, Sighting, Unreachable
from bot.domain.plans.plan import By, Plan, Receipt, Step
from bot.domain.values import Action
from tests.adapters.openstack.build import finding
from tests.adapters.openstack.controller import COMMAND, Controller, controller
from tests.clocks import ManualClock
from tests.contract.arena_openstack import OpenStackArena, adapter
from tests.contract.clouds import START, carry_out
from tests.steps import steps_of

OLD, NEW = "compute-2@ceph#ceph", "storage-1@ceph#ceph"


@dataclass(kw_only=True)
class Region:
    """A region whose dead compute-2 managed volumes and a backup, and its controller."""

    arena: OpenStackArena
    controller: Controller

    @property
    def world(self) -> World:
        return self.arena.world

    @property
    def cloud(self) -> OpenStackCloud:
        assert isinstance(self.arena.cloud, OpenStackCloud)
        return self.arena.cloud

    async def first(self) -> Step:
        """The first step: that of the volumes."""
        return next(s for s in steps_of(await self.arena.planned()) if s.phase == PHASE)

    async def look(self, step: Step) -> Sighting:
        return (await self.cloud.look([step]))[step.key]

    async def intended(self) -> Step:
        step = await self.first()
        return replace(step, before=(await self.look(step)).mark)

    def managers(self) -> set[str]:
        return {v.host for v in self.world.volumes.values() if v.host == OLD or v.service == "compute-2@ceph"}


@asynccontextmanager
async def region(folder: Path, *, by: By = By.MUSTER, runner: CommandRunner | None = None) -> AsyncIterator[Region]:
    clock = ManualClock(START)
    world = datacentre.build(clock.now, cinder_on=datacentre.DEAD)
    async with (
        openstack_api.serve(world) as url,
        controller(folder, lambda words: cinder_manage.ask(url, words)) as there,
        adapter(
            url,
            clock,
            cinder=CinderSettings(runner="manual" if by is By.PERSON else "local", command=COMMAND),
            runner=None if by is By.PERSON else runner or there.runner(),
        ) as cloud,
    ):
        arena = OpenStackArena(
            face="openstack",
            action=Action.EVACUATE,
            clock=clock,
            world=world,
            host=world.host(datacentre.DEAD),
            cloud=cloud,
            moves="/action$",
            address=url,
        )
        yield Region(arena=arena, controller=there)


@pytest.fixture
async def dead(tmp_path: Path) -> AsyncIterator[Region]:
    async with region(tmp_path) as one:
        yield one


def only_rehoming(plan: Plan) -> Plan:
    return replace(plan, steps=tuple(s for s in plan.steps if s.phase == PHASE))


# ---------------------------------------------------------------------- the whole of it


async def test_volumes_and_backups_are_rehomed_before_the_first_vm_moves_and_all_vms_come_up(dead: Region) -> None:
    plan = await dead.arena.planned()
    assert not plan.is_blocked, plan.sorted_findings
    done = await carry_out(dead.arena, plan)
    assert not done.bad()
    assert dead.world.vms_on(dead.arena.host) == []
    mine = [v for v in dead.world.volumes.values() if v.name.startswith(("payments-db", "shop-web-3"))]
    assert {(v.host, v.service) for v in mine} == {(NEW, "storage-1@ceph")}
    assert {b.host for b in dead.world.backups.values()} == {"storage-1"}
    paths = [c.path for c in dead.world.mutations()]
    assert paths[:3] == [cinder_manage.CONTROLLER_PATH] * 3
    assert cinder_manage.CONTROLLER_PATH not in paths[3:]


async def test_how_many_there_were_before_and_are_after_is_told(dead: Region) -> None:
    before = sum(1 for v in dead.world.volumes.values() if v.host == NEW)
    number = sum(1 for v in dead.world.volumes.values() if v.host == OLD)
    done = await carry_out(dead.arena, only_rehoming(await dead.arena.planned()))
    first = next(iter(done.records.values()))
    assert f"({before} before, {before + number} now)" in first.sentence
    assert first.step.receipt is not None
    assert first.step.receipt.facts["ran"] == dead.controller.ran[1]


async def test_a_program_on_this_machine_does_it_as_well(tmp_path: Path) -> None:
    async with region(tmp_path) as one:
        program = (sys.executable, "-m", "adapters.simulated.cinder_manage", one.arena.address)
        async with adapter(
            one.arena.address,
            one.arena.clock,
            cinder=CinderSettings(runner="local", command=program),
            runner=Local(command=program),
        ) as cloud:
            arena = replace(one.arena, cloud=cloud)
            assert not (await carry_out(arena, only_rehoming(await arena.planned()))).bad()
        assert one.managers() == set()
        assert one.controller.ran == []


async def test_a_living_host_costs_no_command(dead: Region) -> None:
    await dead.arena.planned(host="compute-3", host_name="compute-3")
    await dead.arena.planned(action=Action.ENTER)
    assert dead.controller.ran == []


async def test_check_tries_the_way_to_the_controller_and_names_what_is_wrong(tmp_path: Path) -> None:
    async with region(tmp_path) as one:
        assert await one.cloud.check() == []
        assert one.controller.ran == ["cinder-manage --config-file /etc/cinder/cinder.conf backup list"]
        (tmp_path / "known_hosts").write_text("")
        [complaint] = await one.cloud.check()
        assert "host key" in complaint
        assert "ssh-keyscan" in complaint
        assert one.world.mutations() == []


# ---------------------------------------------------------------------- what a look shows


async def test_a_connection_lost_after_the_act_is_found_done_and_before_it_never_started(dead: Region) -> None:
    step = await dead.intended()
    dead.controller.cut_before = True
    with pytest.raises(Unreachable):
        await dead.cloud.start(step)
    assert (await dead.look(step)).seen is Seen.NEVER_STARTED
    dead.controller.cut_before, dead.controller.cut_after = False, True
    with pytest.raises(Unreachable):
        await dead.cloud.start(step)
    assert (await dead.look(step)).seen is Seen.DONE


async def test_half_a_move_is_underway_and_a_new_attempt_moves_the_rest(dead: Region) -> None:
    step = await dead.intended()
    half = [v for v in dead.world.volumes.values() if v.host == OLD][:4]
    for volume in half:
        volume.host = NEW
    seen = await dead.look(step)
    assert (seen.seen, seen.progress) == (Seen.UNDERWAY, 4 / 10)
    again = replace(step, before=None)
    assert (await dead.look(again)).seen is Seen.NEVER_STARTED
    await dead.cloud.start(again)
    assert (await dead.look(again)).seen is Seen.DONE


async def test_a_command_that_ended_well_and_moved_nothing_is_not_believed(dead: Region) -> None:
    step = replace(await dead.intended(), receipt=Receipt())
    seen = await dead.look(step)
    assert seen.seen is Seen.UNDERWAY
    assert "ended well, yet 10 volumes are still with" in seen.sentence


async def test_volumes_that_were_not_approved_are_not_taken_along(dead: Region) -> None:
    step = await dead.first()
    project = next(iter(dead.world.projects.values()))
    dead.world.add_volume("newcomer", size_gb=1, host=OLD, project=project)
    seen = await dead.look(step)
    assert seen.seen is Seen.FAILED
    assert "newcomer" in seen.sentence


async def test_a_new_manager_that_died_meanwhile_gets_nothing(dead: Region) -> None:
    step = await dead.first()
    next(s for s in dead.world.cinder_services if s.host == "storage-1@ceph").died_at = dead.world.born
    await dead.arena.pass_time(60)
    seen = await dead.look(step)
    assert seen.seen is Seen.FAILED
    assert "not up and enabled" in seen.sentence


async def test_volumes_that_are_with_neither_are_for_a_person_to_judge(dead: Region) -> None:
    step = await dead.first()
    for volume in dead.world.volumes.values():
        volume.host = "storage-9@ceph#ceph" if volume.host == OLD else volume.host
    assert (await dead.look(step)).seen is Seen.UNCLEAR


async def test_records_of_volumes_that_still_name_the_old_service_are_seen(dead: Region) -> None:
    steps = [s for s in steps_of(await dead.arena.planned()) if s.phase == PHASE]
    await dead.cloud.start(steps[0])
    assert (await dead.look(steps[1])).seen is Seen.NEVER_STARTED
    assert (await dead.look(replace(steps[1], receipt=Receipt()))).seen is Seen.UNDERWAY
    await dead.cloud.start(steps[1])
    assert (await dead.look(steps[1])).seen is Seen.DONE


async def test_what_is_left_with_the_host_is_named(dead: Region) -> None:
    last = [s for s in steps_of(await dead.arena.planned()) if s.phase == PHASE][-1]
    seen = await dead.look(last)
    assert seen.seen is Seen.FAILED
    assert "10 volumes are with compute-2" in seen.sentence


# ---------------------------------------------------------------------- what is refused


async def test_a_command_that_fails_is_told_and_changes_nothing(dead: Region) -> None:
    step = await dead.intended()
    wrong = replace(step, arguments={**step.arguments, "command": ["cinder-manage", "--config-file", "/x", "version"]})
    with pytest.raises(Refused, match="no configuration file"):
        await dead.cloud.start(wrong)


async def test_a_runner_that_does_not_work_forbids_the_plan_before_anything_is_run(tmp_path: Path) -> None:
    async with region(tmp_path) as one:
        (tmp_path / "known_hosts").write_text("")
        plan = await one.arena.planned()
        assert plan.is_blocked
        found = finding(plan, "cannot-run-cinder-manage")
        assert found is not None
        assert "host key" in found.sentence
        assert one.world.mutations() == []


async def test_muster_does_not_run_what_is_a_persons_to_run(tmp_path: Path) -> None:
    async with region(tmp_path, by=By.PERSON) as one:
        step = await one.first()
        assert step.by is By.PERSON
        with pytest.raises(NotSupported):
            await one.cloud.start(step)


async def test_what_a_person_ran_is_seen_and_what_nobody_can_see_is_taken_on_their_word(tmp_path: Path) -> None:
    async with region(tmp_path, by=By.PERSON) as one:
        volumes, _, backups, _ = [s for s in steps_of(await one.arena.planned()) if s.phase == PHASE]
        said = replace(volumes, receipt=Receipt(facts={"by": "U0BOB"}))
        assert (await one.look(volumes)).seen is Seen.NEVER_STARTED
        wrong = await one.look(said)
        assert wrong.seen is Seen.NEVER_STARTED
        assert "said to be done, but 10 volumes are still with" in wrong.sentence
        command: Any = volumes.arguments["command"]
        cinder_manage.run(one.world, command[1:])
        assert (await one.look(volumes)).seen is Seen.DONE
        assert (await one.look(backups)).seen is Seen.NEVER_STARTED
        assert (await one.look(replace(backups, receipt=Receipt()))).seen is Seen.DONE
