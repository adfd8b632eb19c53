"""A live migration that takes too long, as people see it: aborted by the plan they approved, or put before them."""

import asyncio

import pytest

from adapters.simulated.faults import Break, CallFault, Effect, MoveFault
from adapters.simulated.records import MoveKind
from tests.stories.stage import ALICE, BOB, OPS, Stage


async def approved(stage: Stage, late: str, *, is_first: bool = False) -> str:
    """compute-1 on its way into maintenance, with one VM whose memory changes faster than it is copied; its name.

    It is the first of the list; or the first that goes, whichever that is.
    """
    name = stage.world.vms_on(stage.world.host("compute-1"))[0].name
    stage.world.faults.order_move(MoveFault(how=Break.HANG, kind=MoveKind.LIVE, vm="" if is_first else name))
    terms = f'\n[clouds.migration]\ndeadline = "3s"\nlate = "{late}"\n\n[clouds.fencing.redfish]'
    stage.config.write_text(stage.config.read_text().replace("\n[clouds.fencing.redfish]", terms, 1))
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    return name


def aborts(stage: Stage) -> int:
    return sum(call.startswith("DELETE") and "/migrations/" in call for call in stage.mutations())


async def test_it_is_aborted_once_though_the_bot_dies_over_it_and_goes_when_it_is_retried(stage: Stage) -> None:
    hold = stage.world.faults.order(
        CallFault(effect=Effect.HOLD, face="openstack", method="DELETE", path="/migrations/")
    )
    name = await approved(stage, "abort")
    async with asyncio.timeout(60):
        await hold.arrived.wait()
    await stage.kill_bot()
    hold.release()  # the call was on the wire: it takes effect though nobody hears the answer
    await stage.start_bot()
    await stage.card_says("Needs a person", seconds=120)

    vm = stage.world.vm(name)
    assert aborts(stage) == 1
    assert stage.world.vms_on(stage.world.host("compute-1")) == [vm]
    await stage.until(lambda: stage.thread_says(f"{name} was not live-migrated"), what="the thread says why")
    (why,) = stage.thread_says(f"{name} was not live-migrated")
    assert "aborted" in why
    assert "It is still on compute-1, ACTIVE" in why
    assert f"abort the live migration of {name}" not in stage.card.plain, "what relieves is no trouble of its own"

    await stage.workspace.click(BOB, stage.card, label="Retry Failed")
    await stage.card_says("7 of 7 done and verified", seconds=120)
    assert aborts(stage) == 1


@pytest.mark.long
async def test_it_lets_the_others_go_first_though_the_bot_dies_over_it_and_goes_after_them(stage: Stage) -> None:
    hold = stage.world.faults.order(
        CallFault(effect=Effect.HOLD, face="openstack", method="DELETE", path="/migrations/")
    )
    stage.world.host("compute-1").knobs.live_slots = 1
    await approved(stage, "requeue", is_first=True)
    async with asyncio.timeout(60):
        await hold.arrived.wait()
    name = next(m.vm.name for m in stage.world.moves if m.kind is MoveKind.LIVE)
    await stage.kill_bot()
    hold.release()  # the call was on the wire: it takes effect though nobody hears the answer
    await stage.start_bot()
    await stage.card_says("7 of 7 done and verified", seconds=120)
    assert aborts(stage) == 1
    moves = [m for m in stage.world.moves if m.kind is MoveKind.LIVE]
    assert [m.status for m in moves if m.vm.name == name] == ["cancelled", "completed"]
    assert moves[-1].vm.name == name
    await stage.until(lambda: stage.thread_says(f"let others go before {name}"), what="the thread says so")
    (said,) = stage.thread_says(f"let others go before {name}")
    assert f"{name} still runs on compute-1 and is tried again after the others" in said


async def test_people_are_told_how_far_it_is_and_what_they_can_do_about_it(stage: Stage) -> None:
    name = await approved(stage, "hold")
    await stage.card_says(f"decide about the live migration of {name}")
    await stage.until(lambda: stage.thread_says("decide about the live migration"), what="the thread says it too")
    (said,) = stage.thread_says("decide about the live migration")
    assert f"{name} has been migrating for longer than 3 s" in said
    assert "openstack server migration abort" in said
    assert "GiB left" in said
    await stage.card_says("6/7")
    assert "under way 80%" in stage.card.plain
    assert aborts(stage) == 0
