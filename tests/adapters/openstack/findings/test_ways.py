"""Whichever way a VM is moved (evacuated, off a living host, back home), the same is asked about it, in words of that way."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.findings import refusals
from adapters.openstack.model.resources import Server, ServerGroup
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.steps.moves import ways
from adapters.openstack.steps.moves.cold import COLD
from adapters.openstack.steps.moves.evacuate import EVACUATE
from adapters.openstack.steps.moves.live import LIVE
from adapters.openstack.wire.versions import Microversion
from adapters.simulated.records import SimVm
from bot.domain.cloud import Left, Refused
from bot.domain.plans.plan import Disposition, Plan, Verdict
from bot.domain.values import VmId
from tests.adapters.openstack.build import (
    DEAD,
    altered,
    back,
    codes,
    configured,
    enter,
    finding,
    here,
    living,
    plan,
    room,
    server,
    survey,
    with_service,
)
from tests.contract.arena_openstack import OpenStackArena, openstack_arena, openstack_enter_arena
from tests.steps import steps_of

Way = Callable[..., Plan]
STOPPED = {"status": "SHUTOFF", "vm_state": "stopped"}
TURNS = configured(priority_metadata="turn")
NEWEST = Microversion((2, 104))


def evacuated(*servers: Server, settings: OpenStackSettings | None = None, **changes: Any) -> Plan:
    return plan(survey(*servers, **changes), settings=settings)


def emptied(*servers: Server, settings: OpenStackSettings | None = None, **changes: Any) -> Plan:
    return enter(living(*servers, **changes), settings=settings)


def brought_back(*servers: Server, settings: OpenStackSettings | None = None, **changes: Any) -> Plan:
    """The plan of a return when the VMs are on compute-2 and all of them are chosen."""
    away = tuple(replace(s, host="compute-2") for s in servers)
    ledger = tuple(Left(id=VmId(s.id), name=s.name, status=s.status, place="compute-2") for s in away)
    taken = living(server("there"), away=away, by_host={DEAD: room()}, **changes)
    taken = with_service(altered(taken, listed=here()), DEAD, is_enabled=False, disabled_reason="muster run=01RUN")
    return back(taken, ledger=ledger, settings=(settings or configured()).model_copy(update={"bring_back": "all"}))


WAYS = [evacuated, emptied, brought_back]
SPECIAL: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "amphora": ({"name": "amphora-6f1c"}, {}),
    "needs-device": ({"devices": ("a vGPU",)}, {}),
    "special-port": ({"ports": frozenset({"direct"})}, {}),
    "promised-bandwidth": ({"has_promised_bandwidth": True}, {}),
    "encrypted-volume": ({"volumes": frozenset({"v1"})}, {"encrypted": frozenset({"v1"})}),
    "aggregate-bound": ({"scope": {"ssd": "true"}}, {}),
    "priority-unreadable": ({"metadata": {"turn": "first"}}, {}),
    "ports-unknown": ({}, {"ports_known": False}),
    "shares-unknown": ({}, {"shares_known": False}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("state", [{}, STOPPED], ids=["running", "stopped"])
@pytest.mark.parametrize("code", SPECIAL)
def test_what_is_special_about_a_vm_is_said_on_every_way(way: Way, state: dict[str, Any], code: str) -> None:
    of_server, of_survey = SPECIAL[code]
    found = finding(way(replace(server("a", **state), **of_server), settings=TURNS, **of_survey), code)
    assert found is not None
    assert found.verdict is Verdict.WARNING
    assert found.remedy
    assert code not in codes(way(server("a", **state), settings=TURNS))


@pytest.mark.parametrize("way", WAYS)
def test_an_amphora_of_another_name_is_known_by_its_server_group(way: Way) -> None:
    group = ServerGroup(id="g", name="octavia-lb-1b2c", policy="anti-affinity", members=frozenset({"id-lb"}))
    assert "amphora" in codes(way(server("lb"), groups=(group,)))
    assert "amphora" not in codes(way(server("lb"), groups=(replace(group, name="web"),)))


def test_an_encrypted_volume_ends_differently_live_and_otherwise() -> None:
    said = [
        found.sentence
        for made in (
            evacuated(server("a", volumes=frozenset({"v"})), encrypted=frozenset({"v"})),
            emptied(server("a", volumes=frozenset({"v"})), encrypted=frozenset({"v"})),
            emptied(server("a", volumes=frozenset({"v"}), **STOPPED), encrypted=frozenset({"v"})),
        )
        if (found := finding(made, "encrypted-volume"))
    ]
    assert ["ends in ERROR" in one for one in said] == [True, False, True]


@pytest.mark.parametrize("way", [evacuated, emptied])
def test_a_group_that_must_stay_together_is_told_before_its_first_member_finds_no_host(way: Way) -> None:
    group = ServerGroup(id="g", name="pair", policy="affinity", members=frozenset({"id-a", "id-b"}))
    assert "must-stay-together" in codes(way(server("a"), server("b"), groups=(group,)))


def test_of_a_group_that_must_stay_together_nobody_comes_back_alone() -> None:
    group = ServerGroup(id="g", name="pair", policy="affinity", members=frozenset({"id-a", "id-b"}))
    made = brought_back(server("a"), groups=(group,))
    found = finding(made, "no-way-back")
    assert found is not None
    assert "server group pair, affinity" in found.sentence
    assert "no-way-back" not in codes(brought_back(server("a"), groups=(replace(group, members=frozenset({"id-a"})),)))


def test_the_metadata_tell_the_turn_on_every_way() -> None:
    servers = (server("first", metadata={"turn": "9"}), server("last", metadata={"turn": "-9"}), server("plain"))
    for way in WAYS:
        moves = [s for s in way(*servers, settings=TURNS).steps if s.verb in ways.MOVES]
        in_turn = sorted(moves, key=lambda s: -s.priority)
        assert [s.arguments["name"] for s in in_turn] == ["first", "plain", "last"]


def test_who_has_the_higher_turn_has_the_room_at_home() -> None:
    big = {"needs": {"MEMORY_MB": 60 * 1024}}
    made = brought_back(server("a", **big), server("b", metadata={"turn": "1"}, **big), settings=TURNS)
    assert {vm.name for vm in made.vms if vm.disposition is Disposition.MIGRATE_BACK} == {"b"}


def test_before_a_vm_comes_back_somebody_must_be_able_to_place_it() -> None:
    taken = survey()
    without = tuple(s for s in taken.computes.services if s.binary != "nova-scheduler")
    assert "no-scheduler" not in codes(brought_back(server("a")))
    control = tuple(replace(s, is_up=s.host != DEAD or s.is_up) for s in without)
    assert "no-scheduler" in codes(brought_back(server("a"), services=control))


# ---------------------------------------------------------------------- what Nova refuses

MADE_OF: dict[str, dict[str, Any]] = {
    "a Manila share attached": {"shares": frozenset({"s"})},
    "a port with an accelerator": {"ports": frozenset({"accelerator-direct-physical"})},
    "an accelerator": {"devices": ("an accelerator",)},
    "a vTPM": {"has_vtpm": True},
    "encrypted memory": {"has_encrypted_memory": True},
}
REFUSED: dict[str, tuple[bool, bool, bool]] = {  # evacuated, live, cold
    "a Manila share attached": (True, True, True),
    "a port with an accelerator": (True, True, True),
    "an accelerator": (False, True, True),
    "a vTPM": (True, True, False),
    "encrypted memory": (False, True, False),
}


@pytest.mark.parametrize("what", MADE_OF)
def test_what_nova_refuses_stays_by_name_and_reason_before_anybody_tries(what: str) -> None:
    of_server = MADE_OF[what]
    made = (
        evacuated(server("odd", **of_server), server("plain")),
        emptied(server("odd", **of_server), server("plain")),
        emptied(server("odd", **of_server, **STOPPED), server("plain")),
    )
    for one, is_refused in zip(made, REFUSED[what], strict=True):
        odd = next(vm for vm in one.vms if vm.name == "odd")
        assert (odd.disposition is Disposition.CANNOT) is is_refused
        assert (f"has {what}: Nova does not" in odd.note) is is_refused
        assert not one.is_blocked
    home = brought_back(server("odd", **of_server))
    assert ("stays-away" in codes(home)) is REFUSED[what][1]


def test_newer_releases_allow_more() -> None:
    vdpa, secret = server("a", ports=frozenset({"vdpa"})), server("a", has_vtpm=True, has_portable_vtpm=True)
    assert refusals.against(vdpa, LIVE, Microversion((2, 90)))
    assert not refusals.against(vdpa, LIVE, Microversion((2, 93)))
    assert refusals.against(secret, LIVE, Microversion((2, 100)))
    assert not refusals.against(secret, LIVE, NEWEST)
    assert refusals.against(server("a", devices=("an accelerator",)), EVACUATE, Microversion((2, 87)))


def share(vm: SimVm) -> None:
    vm.shares = ("share-1",)


def accelerated_port(vm: SimVm) -> None:
    vm.ports = ("accelerator-direct",)


def extra(**extra: str) -> Callable[[SimVm], None]:
    def give(vm: SimVm) -> None:
        assert vm.flavor is not None
        vm.flavor = replace(vm.flavor, extra=tuple((key.replace("__", ":"), value) for key, value in extra.items()))

    return give


GIVEN: dict[str, Callable[[SimVm], None]] = {
    "a Manila share attached": share,
    "a port with an accelerator": accelerated_port,
    "an accelerator": extra(accel__device_profile="fpga"),
    "a vTPM": extra(hw__tpm_version="2.0"),
    "encrypted memory": extra(hw__mem_encryption="true"),
}


async def refuses(arena: OpenStackArena, verb: str, what: str) -> bool:
    """Whether Nova refuses to move vm-1 once it is made of that."""
    step = next(s for s in steps_of(await arena.planned()) if s.verb == verb and s.arguments["name"] == "vm-1")
    GIVEN[what](arena.world.vm("vm-1"))
    with suppress(Refused):
        await arena.cloud.start(step)
        return False
    return True


@pytest.mark.parametrize("what", GIVEN)
async def test_nova_refuses_by_the_same_rules(what: str) -> None:
    async with openstack_arena(vms=1) as arena:
        await arena.pass_time(1)
        assert await refuses_dead(arena, what) is REFUSED[what][0]
    async with openstack_enter_arena(vms=1) as arena:
        assert await refuses(arena, LIVE, what) is REFUSED[what][1]
    async with openstack_enter_arena(vms=1) as arena:
        vm = arena.world.vm("vm-1")
        vm.state = "stopped"
        assert await refuses(arena, COLD, what) is REFUSED[what][2]


async def refuses_dead(arena: OpenStackArena, what: str) -> bool:
    arena.host.forced_down = True
    return await refuses(arena, EVACUATE, what)
