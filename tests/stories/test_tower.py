"""A host of CloudTower goes into maintenance and comes back, with people choosing what comes back."""

import asyncio

import pytest

from adapters.simulated.cloudtower import ha
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Maintenance, Power, SimVm
from tests.stories.stage import ALICE, BOB, DAVE, OPS, Stage


async def enter(stage: Stage, *, then: str = "") -> None:
    """Take node-1 with its 40 VMs into maintenance."""
    await stage.workspace.type_command(ALICE, OPS, f"/maintenance enter tower/node-1{then}")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("done and verified", seconds=100)


async def ask_to_exit(stage: Stage) -> None:
    cards = len(stage.cards())
    await stage.workspace.type_command(ALICE, OPS, "/maintenance exit tower/node-1")
    await stage.until(lambda: len(stage.cards()) > cards, what="a card for the exit")
    await stage.card_says("Waiting for approval")


def calls(stage: Stage, path: str) -> list[dict[str, object]]:
    return [dict(c.body or {}) for c in stage.world.mutations() if c.path.endswith(path)]


async def test_forty_vms_leave_and_only_the_chosen_come_back(stage: Stage) -> None:
    node, world = stage.world.host("node-1"), stage.world
    were_here = {vm.id: vm for vm in world.vms_on(node)}
    stopped = [vm for vm in were_here.values() if not vm.migratable]
    await stage.start_bot()
    await enter(stage)
    assert world.host("node-1").maintenance is Maintenance.IN_MAINTENANCE
    assert f"{len(stopped)} VMs shut down on node-1" in stage.card.plain.replace("`", "")
    kept = {vm.host.name for vm in were_here.values() if vm.name in {"test-4", "test-5"} and vm.host}
    (left,) = [line for line in stage.card.plain.splitlines() if "2 VMs left out of the move" in line]
    assert all(host in left for host in kept), "each VM's true place, and nothing by subtraction"
    assert "empty" not in stage.card.plain
    await stage.until(lambda: stage.thread_says("Done: everything"), what="the end")
    assert not stage.thread_says("→ `node-1`"), "nothing has moved to the host that is left"
    moved = next(vm for vm in were_here.values() if vm.name == "erp-1")
    world.relocate(moved, next(h for n in (2, 3, 4) if (h := world.host(f"node-{n}")) is not moved.host))

    await ask_to_exit(stage)
    shown = stage.card.plain
    assert f"*Power on*: {len(stopped)} of {len(stopped)} VMs" in shown
    assert "– `erp-1`" in shown  # moved since: not ticked by itself
    assert all(name in shown for name in names(list(were_here.values())))
    before = stage.card

    window = await stage.window(ALICE, "Choose VMs…")
    lists = {b["label"]["text"]: b for b in window.blocks if b["type"] == "input"}
    assert set(lists) == {"Live-migrate back", "Migrate back offline", "Power on"}
    back = [vm for vm in were_here.values() if vm.name in {"erp-1", "crm-2"}]
    await stage.workspace.submit(
        ALICE,
        window,
        {
            lists["Live-migrate back"]["block_id"]: [vm.id for vm in back],
            lists["Migrate back offline"]["block_id"]: [],
        },
    )
    await stage.until(lambda: stage.thread_says("chosen"), what="who chose is told")
    await stage.card_says(f"{2 + len(stopped)} of 40 VMs")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, before, label="Approve")  # the plan that nobody asks for any more
    await stage.hears(BOB, "plan has changed")

    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("done and verified", seconds=100)
    assert calls(stage, "/exit-maintance-mode") == [
        {
            "where": {"host_id": node.cuid},
            "data": {
                "poweron_vms": sorted(vm.id for vm in stopped),
                "live_migrate_back_vms": sorted(vm.id for vm in back),
            },
        }
    ]
    assert world.host("node-1").maintenance is Maintenance.IN_USE
    assert {vm.name for vm in world.vms_on(node) if vm.power is Power.RUNNING} == names([*back, *stopped])


def names(vms: list[SimVm]) -> set[str]:
    return {vm.name for vm in vms}


async def test_nobody_else_chooses_and_a_late_click_is_answered_privately(stage: Stage) -> None:
    await stage.start_bot()
    await enter(stage)
    await ask_to_exit(stage)
    await stage.workspace.click(DAVE, stage.card, label="Choose VMs…")
    await stage.hears(DAVE, "Only the requester and the approvers")
    assert stage.workspace.form(DAVE) is None
    stage.workspace.views.expire_next_triggers = 1
    await stage.workspace.click(ALICE, stage.card, label="Choose VMs…")
    await stage.hears(ALICE, "Press the button again")
    window = await stage.window(ALICE, "Choose VMs…")
    await stage.workspace.submit(ALICE, window, {})
    await stage.hears(ALICE, "what the plan does already")
    assert calls(stage, "/exit-maintance-mode") == []


async def test_an_enter_that_cloudtower_ends_with_an_error_is_told_at_once_in_its_words(stage: Stage) -> None:
    stage.world.faults.order(
        CallFault(
            effect=Effect.ANSWER, status=500, face="cloudtower", path="/enter-maintance-mode$", message="ELF_BUSY"
        )
    )
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter tower/node-1")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.until(lambda: stage.thread_says("tower could not answer (500)"), what="what CloudTower answered")
    for words in ("ELF_BUSY", "If it leaves no trace for 2 min, Muster makes the call again."):
        assert stage.thread_says(words)
    assert len(calls(stage, "/enter-maintance-mode")) == 1


async def test_a_host_is_powered_off_after_maintenance_when_that_was_approved(stage: Stage) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter tower/node-1 --then poweroff")
    await stage.card_says("power off node-1")
    for words in (
        "Open alert on node-1 (NOTICE): Fan 2 turns too slowly.",
        "labelled rack=B7",
        "`vdi-1` · it-desktops",
    ):
        assert words in stage.card.plain
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("Done and verified", seconds=100)
    assert not stage.world.host("node-1").alive
    assert [c.path.rpartition("/")[2] for c in stage.world.mutations()] == [
        "enter-maintance-mode",
        "operate-host-power",
    ]


async def test_a_vm_that_must_be_shut_down_since_the_approval_brings_the_plan_back(stage: Stage) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter tower/node-1")
    await stage.card_says("Waiting for approval")
    stage.world.vm("erp-1").migratable = False
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("erp-1: shut down instead of live-migrate")
    assert stage.mutations() == []


async def test_a_failed_host_of_the_tower_is_explained_with_what_its_own_ha_does(stage: Stage) -> None:
    await stage.start_bot()
    ha.fail_host(stage.tower, "node-1")
    for typed in ("tower/node-1", "node-1"):
        before = len(stage.notes(ALICE))
        await stage.workspace.type_command(ALICE, OPS, f"/evacuate {typed}")
        await stage.until(lambda: len(stage.notes(ALICE)) > before, what="an answer")  # noqa: B023
        answer = stage.notes(ALICE)[-1]
        assert "high availability restarts the VMs of a failed host" in answer
        assert "CloudTower shows node-1 as error" in answer
    assert stage.cards() == []


@pytest.mark.parametrize(
    "path", ["/enter-maintance-mode$", pytest.param("/operate-host-power$", marks=pytest.mark.long)]
)
async def test_a_bot_killed_while_it_asks_the_tower_finds_its_call_again_and_makes_it_once(
    stage: Stage, path: str
) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter tower/node-1 --then poweroff")
    await stage.card_says("Waiting for approval")
    hold = stage.world.faults.order(CallFault(effect=Effect.HOLD, face="cloudtower", method="POST", path=path))
    await stage.workspace.click(BOB, stage.card, label="Approve")
    async with asyncio.timeout(100):
        await hold.arrived.wait()
    await stage.kill_bot()
    hold.release()  # the call was on the wire: it takes effect though nobody hears the answer
    await stage.start_bot()
    await stage.card_says("Done and verified", seconds=150)
    assert [c.path.rpartition("/")[2] for c in stage.world.mutations()] == [
        "enter-maintance-mode",
        "operate-host-power",
    ]
    assert len(stage.cards()) == 1
