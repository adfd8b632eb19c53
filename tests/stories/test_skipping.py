"""VMs that will not move today are set aside by people, and nothing touches them or says "done" over them."""

import asyncio
from collections.abc import Sequence

from adapters.simulated.faults import Break, MoveFault
from adapters.simulated.records import SimVm
from bot.demo.workspace.view_stack import View
from tests.stories.stage import ALICE, BOB, DAVE, INCIDENT, OPS, Stage

WHY = "its owner moves it <!channel>"


async def short_of(stage: Stage, count: int) -> Sequence[SimVm]:
    """compute-1 on its way into maintenance, short of so many VMs whose migration failed."""
    vms = sorted(stage.world.vms_on(stage.world.host("compute-1")), key=lambda vm: vm.name)[:count]
    for vm in vms:
        stage.world.faults.order_move(MoveFault(how=Break.SPAWN, vm=vm.name))
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("Needs a person", seconds=120)
    return vms


async def skip(stage: Stage, user: str, window: View, *vms: SimVm, reason: str = "") -> None:
    (listed,) = [b for b in window.blocks if b.get("block_id", "").startswith("vms-")]
    why = {"reason": reason} if reason else {}
    await stage.workspace.submit(user, window, {listed["block_id"]: [vm.id for vm in vms], **why})


def migrations_of(stage: Stage, vm: SimVm) -> int:
    calls = [c for c in stage.world.mutations() if c.path.endswith(f"/servers/{vm.id}/action")]
    return sum("os-migrateLive" in (c.body or {}) for c in calls)


async def test_one_is_set_aside_the_other_is_retried_and_the_host_is_not_called_empty(stage: Stage) -> None:
    aside, other = await short_of(stage, 2)
    await stage.until(lambda: stage.thread_says("*Retry Failed*, *Skip* or *Cancel*"), what="the buttons are named")
    assert stage.card.buttons == ["Retry Failed", "Skip", "Details", "Cancel"]
    before = len(stage.mutations())
    await stage.workspace.click(DAVE, stage.card, label="Skip")
    await stage.hears(DAVE, "Only the requester and the approvers can do this")

    early, window = await stage.window(ALICE, "Skip"), await stage.window(BOB, "Skip")
    assert all(vm.name in str(window.blocks) for vm in (aside, other))
    await skip(stage, BOB, window, aside, reason=WHY)
    await stage.card_says("1 set aside")
    assert "its owner moves it" in stage.card.plain
    await skip(stage, ALICE, early, aside, other)
    said = await stage.hears(ALICE, f"{aside.name} was set aside already by <@U0BOB>")
    assert "Nothing was changed" in said
    assert len(stage.mutations()) == before

    await stage.workspace.click(BOB, stage.card, label="Retry Failed")
    await stage.card_says("6 of 7 VMs verified, 1 set aside", seconds=120)
    assert "Do not power it off" in stage.card.plain
    assert "Retry Failed" not in stage.card.plain
    assert stage.world.vms_on(stage.world.host("compute-1")) == [aside]
    assert (migrations_of(stage, aside), migrations_of(stage, other)) == (1, 2)

    await stage.until(stage.files, what="the timeline, which comes last")
    assert not stage.thread_says("safe to power off")
    assert not stage.thread_says("Done:")
    (end,) = stage.thread_says("Ended incomplete")
    for said in (end, stage.card.plain):
        assert "*Set aside* by <@U0BOB>" in said
        assert aside.name in said
        assert "Reason: its owner moves it &lt;!channel&gt;" in said
    (timeline,) = stage.files()
    assert "set aside by Bob" in timeline
    assert "(U0BOB) (reason: its owner moves it" in timeline
    told = [m.plain for m in stage.workspace.channel_messages(INCIDENT)]
    assert any("6 of 7 VMs verified, 1 set aside" in line for line in told)


async def test_when_all_that_failed_is_set_aside_it_ends_though_the_bot_dies_over_it_and_the_host_is_free(
    stage: Stage,
) -> None:
    vms = await short_of(stage, 2)
    before = len(stage.mutations())
    window = await stage.window(BOB, "Skip")
    submitted = asyncio.create_task(skip(stage, BOB, window, *vms))
    await stage.until(lambda: stage.workspace.form(BOB) is None, what="the window is closed")
    await stage.kill_bot()
    await submitted
    await stage.start_bot()
    await stage.card_says("5 of 7 VMs verified, 2 set aside")
    assert len(stage.mutations()) == before
    await stage.until(stage.files, what="the timeline, which comes last")
    assert len(stage.thread_says("2 VMs set aside by")) == 1

    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1")
    await stage.until(lambda: len(stage.cards()) == 2, what="a second card")
    await stage.card_says("Waiting for approval")
    assert all(vm.name in stage.card.plain for vm in vms)
