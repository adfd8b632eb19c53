"""A host that was taken out of service comes back, by the button on the card that took it out."""

import asyncio
import re
from collections.abc import Sequence

import pytest

from adapters.simulated.faults import Break, CallFault, Effect, MoveFault
from adapters.simulated.records import Power, SimHost, SimVm
from tests.stories.stage import ALICE, BOB, DAVE, OPS, Stage


async def emptied(stage: Stage) -> tuple[SimHost, Sequence[SimVm]]:
    """compute-1 in maintenance, and the seven VMs that were on it, one of them stopped."""
    host = stage.world.host("compute-1")
    stage.world.set_power(stage.world.vm("etl-1"), Power.STOPPED)
    vms = stage.world.vms_on(host)
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1 --reason 'new memory'")
    await stage.card_says("Waiting for approval")
    assert "'/maintenance exit compute-1' returns it to service." in stage.card.plain, "a consequence is read whole"
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("7 of 7 done and verified", seconds=120)
    assert stage.world.vms_on(host) == []
    return host, vms


async def asked_back(stage: Stage) -> None:
    """Click the way back on the newest card, and wait for the card of the return."""
    cards = len(stage.cards())
    await stage.workspace.click(ALICE, stage.card, label="Exit Maintenance")
    await stage.until(lambda: len(stage.cards()) > cards, what="a card for its return")
    await stage.card_says("Waiting for approval")


def calls_of_the_return(stage: Stage, who: str) -> list[str]:
    """How that phone rang for an approval of the return."""
    rung = stage.workspace.phones.of(who)
    return [one for one in rung if one.startswith("Approval wanted") and "Exit maintenance on" in one]


async def test_the_list_of_hosts_says_who_took_each_out_of_service_and_why_and_how_full_it_is(stage: Stage) -> None:
    await emptied(stage)
    theirs = stage.world.host("compute-5")
    theirs.enabled, theirs.disabled_reason, theirs.forced_down = False, "bob: disk alarm", True
    await stage.workspace.type_command(ALICE, OPS, "/muster hosts prod compute")
    answer = await stage.hears(ALICE, "5 hosts")
    ours, dead, well, *_, closed = answer.splitlines()[1:]
    assert "up, disabled · az-1 · 0 VMs · disabled by Muster for operation " in ours
    assert ": new memory, 0 vCPU on " in ours
    assert "down · az-1 · 12 VMs" in dead
    assert re.search(r"up · az-1 · \d+ VMs · \d+ vCPU on \d+ cores, \d+ of \d+ GiB taken$", well)
    assert "down, forced down, disabled" in closed
    assert "disabled by somebody else: bob: disk alarm" in closed


async def test_all_vms_come_back_with_their_host_by_one_click_and_one_approval(stage: Stage) -> None:
    host, vms = await emptied(stage)
    powers = [vm.power for vm in vms]
    await asked_back(stage)
    before = stage.card
    assert "0 of 7 VMs" in before.plain
    assert "The approvers are called when somebody has chosen which VMs come back." in before.plain
    assert not calls_of_the_return(stage, BOB), "one look is enough, at the plan that is meant"
    await stage.until(lambda: any("Choose which" in one for one in stage.workspace.phones.of(ALICE)), what="her turn")
    assert "compute-1 was disabled by Muster" in before.plain
    assert "it will be enabled." in before.plain
    assert "it is enabled" not in before.plain
    assert all(vm.name in before.plain for vm in vms)
    await stage.workspace.click(DAVE, before, label="All Back")
    await stage.hears(DAVE, "Only the requester and the approvers")
    await stage.workspace.click(ALICE, before, label="All Back")
    await stage.card_says("6 of 6 VMs")
    await stage.card_says("Waiting for approval")
    await stage.until(lambda: calls_of_the_return(stage, BOB), what="his turn")
    await stage.workspace.click(BOB, before, label="Approve")  # the plan that brought none back
    await stage.hears(BOB, "plan has changed")
    assert not stage.world.host("compute-1").enabled

    moved = len(stage.world.mutations())
    assert len(calls_of_the_return(stage, BOB)) == 1
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("7 of 7 done and verified", seconds=120)
    assert stage.world.host("compute-1").enabled
    assert set(map(id, stage.world.vms_on(host))) == set(map(id, vms))
    assert [vm.power for vm in vms] == powers
    asked = [c.body for c in stage.world.mutations()[moved:] if c.path.endswith("/action")]
    assert [b for b in asked if b and "os-migrateLive" in b] == [
        {"os-migrateLive": {"host": "compute-1", "block_migration": "auto"}}
    ] * 6
    assert {"migrate": {"host": "compute-1"}} in asked


async def test_vms_that_stay_are_left_by_one_click_and_the_approvers_are_called_then(stage: Stage) -> None:
    host, vms = await emptied(stage)
    await asked_back(stage)
    assert {"All Back", "Choose VMs…", "Leave All"} < set(stage.card.buttons)
    await stage.workspace.click(ALICE, stage.card, label="Leave All")
    await stage.until(lambda: calls_of_the_return(stage, BOB), what="his turn")
    assert stage.thread_says("No VM chosen by <@U0ALICE>: ")
    assert "Leave All" not in stage.card.buttons
    assert "The approvers are called when" not in stage.card.plain
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("done and verified", seconds=120)
    assert host.enabled
    assert stage.world.vms_on(host) == []
    assert len(vms) == 7


async def test_only_the_chosen_come_back_and_who_was_moved_on_is_flagged(stage: Stage) -> None:
    host, vms = await emptied(stage)
    by_name = {vm.name: vm for vm in vms}
    moved_on = by_name["dns-1"]
    stage.world.relocate(
        moved_on, next(h for n in (3, 4, 5) if (h := stage.world.host(f"compute-{n}")) is not moved_on.host)
    )
    stage.world.delete_vm(by_name["kafka-1"].id)
    stage.world.set_vm_state("shop-web-1", "error")
    places = {vm.name: vm.host for vm in vms}
    await asked_back(stage)
    shown = stage.card.plain
    assert "deleted since: kafka-1" in shown
    assert "shop-web-1 stays on" in shown
    assert "moved since: Muster left it on" in shown

    window = await stage.window(ALICE, "Choose VMs…")
    lists = {b["label"]["text"]: b for b in window.blocks if b["type"] == "input"}
    assert set(lists) == {"Live-migrate back", "Migrate back offline"}
    await stage.workspace.submit(
        ALICE, window, {lists["Live-migrate back"]["block_id"]: [by_name["shop-api-1"].id, moved_on.id]}
    )
    await stage.card_says("2 of 6 VMs")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("2 of 2 done and verified", seconds=120)
    assert {vm.name for vm in stage.world.vms_on(host)} == {"shop-api-1", "dns-1"}
    others = set(by_name) - {"shop-api-1", "dns-1", "kafka-1"}
    assert {name: by_name[name].host for name in others} == {name: places[name] for name in others}


async def test_a_vm_that_does_not_come_back_needs_a_person_while_the_host_and_the_others_are_back(stage: Stage) -> None:
    host, vms = await emptied(stage)
    await asked_back(stage)
    await stage.workspace.click(ALICE, stage.card, label="All Back")
    await stage.card_says("6 of 6 VMs")
    await stage.card_says("Waiting for approval")
    stays = stage.world.vm("prometheus-1")
    stage.world.faults.order_move(MoveFault(how=Break.PRECHECK, vm=stays.name, reason="CPU incompatible"))
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("Needs a person", seconds=120)
    assert "CPU incompatible" in stage.card.plain
    assert host.enabled
    assert stage.world.vms_on(host) == [vm for vm in vms if vm is not stays]
    await stage.workspace.click(BOB, stage.card, label="Retry Failed")
    await stage.card_says("7 of 7 done and verified", seconds=120)
    assert stays.host is host


@pytest.mark.long
@pytest.mark.parametrize("action", ["migrate", "os-migrateLive"])
async def test_killed_while_a_vm_comes_back_it_ends_what_it_began_and_nothing_twice(stage: Stage, action: str) -> None:
    host, vms = await emptied(stage)
    await asked_back(stage)
    await stage.workspace.click(ALICE, stage.card, label="All Back")
    await stage.card_says("6 of 6 VMs")
    await stage.card_says("Waiting for approval")
    begun = len(stage.world.mutations())
    hold = stage.world.faults.order(
        CallFault(effect=Effect.HOLD, face="openstack", method="POST", path="/action$", body=action)
    )
    await stage.workspace.click(BOB, stage.card, label="Approve")
    async with asyncio.timeout(60):
        await hold.arrived.wait()
    await stage.kill_bot()
    hold.release()  # the call was on the wire: it takes effect though nobody hears the answer
    await stage.start_bot()
    await stage.card_says("7 of 7 done and verified", seconds=150)
    assert set(map(id, stage.world.vms_on(host))) == set(map(id, vms))
    asked = [(c.path, str(c.body)) for c in stage.world.mutations()[begun:] if c.path.endswith("/action")]
    assert len(asked) == len(set(asked)) == 8


async def test_cancelled_right_after_the_host_was_disabled_it_says_so_and_one_click_asks_for_its_return(
    stage: Stage,
) -> None:
    host = stage.world.host("compute-1")
    vms = stage.world.vms_on(host)
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1")
    await stage.card_says("Waiting for approval")
    hold = stage.world.faults.order(CallFault(effect=Effect.HOLD, face="openstack", method="PUT", path="/os-services/"))
    await stage.workspace.click(BOB, stage.card, label="Approve")
    async with asyncio.timeout(30):
        await hold.arrived.wait()
    await stage.workspace.click(ALICE, stage.card, label="Cancel")
    await stage.card_says("Stopping")
    hold.release()
    ended = await stage.card_says("Ended incomplete")
    said = "In effect and not undone: disable compute-1."
    assert said in ended.plain
    await stage.until(lambda: stage.thread_says(said), what="the thread says it too")
    assert stage.world.vms_on(host) == vms
    assert not stage.world.host("compute-1").enabled

    await stage.workspace.click(DAVE, ended, label="Exit Maintenance")
    await stage.hears(DAVE, "not among those who may ask")
    await stage.workspace.click(ALICE, ended, label="Exit Maintenance")
    await stage.until(lambda: len(stage.cards()) == 2, what="a card for its return")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("done and verified")
    assert stage.world.host("compute-1").enabled
    assert stage.world.vms_on(host) == vms
