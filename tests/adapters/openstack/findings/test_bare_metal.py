"""Compute services of Ironic: they are offered nothing, take nothing, and are called what they are."""

import pytest

from adapters.openstack.model import translate
from bot.domain.plans.plan import Disposition, Verdict
from bot.domain.values import Action
from tests.adapters.openstack.build import DEAD, altered, codes, enter, finding, living, plan, server, survey
from tests.contract.arena_openstack import OpenStackArena, openstack_arena, openstack_enter_arena

NODES = ("36a26c3b-f8e1-465d-9fce-c4afbe019b51", "bab0a652-2260-467d-b2cf-b760053a3257")


@pytest.mark.parametrize("action", [Action.EVACUATE, Action.ENTER])
async def test_a_host_of_ironic_is_offered_nothing(action: Action) -> None:
    async with openstack_arena() if action is Action.EVACUATE else openstack_enter_arena() as arena:
        arena.host.nodes = NODES
        made = await arena.planned(action=action)
        told = finding(made, "bare-metal")
        assert told is not None
        assert told.verdict is Verdict.BLOCKER
        assert "compute service of Ironic" in told.sentence
        assert made.steps == ()
        assert {vm.disposition for vm in made.vms} == {Disposition.CANNOT}


async def test_the_list_of_hosts_says_so_and_counts_its_machines() -> None:
    async with openstack_enter_arena(vms=0) as arena:
        arena.host.nodes = NODES
        (shown,) = await arena.cloud.hosts(DEAD, limit=1)
        assert "bare metal (Ironic, 2 machines)" in shown.note
        assert "vCPU" not in shown.note


async def test_a_host_of_ironic_is_no_place_for_vms() -> None:
    async with openstack_arena(vms=2) as arena:
        assert isinstance(arena, OpenStackArena)
        arena.world.host("compute-2").nodes = NODES
        assert "target-is-bare-metal" in codes(await arena.planned(to="compute-2"))
        for host in ("compute-3", "compute-4"):
            arena.world.host(host).enabled = False
        assert "no-survivors" in codes(await arena.planned())


def test_a_dead_host_of_ironic_is_known_by_its_machines_though_others_have_taken_them_over() -> None:
    machine = server("web-1", node=NODES[0])
    others = [{"hypervisor_type": "ironic", "hypervisor_hostname": NODES[0], "service": {"host": "compute-2"}}]
    taken = survey(machine, bare_metal=translate.bare_metal(others, host=DEAD, servers=[machine]))
    assert "bare-metal" in codes(plan(taken))
    alive = altered(living(machine), bare_metal=taken.computes.bare_metal)
    assert enter(alive).vms[0].disposition is Disposition.CANNOT
