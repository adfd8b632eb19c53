"""Planned work on a living OpenStack host: emptied from Slack, called safe to power off, and returned to service."""

import asyncio

import pytest

from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Power
from tests.stories.stage import ALICE, BOB, OPS, Stage


async def test_a_living_compute_is_emptied_for_maintenance_and_returned_to_service(stage: Stage) -> None:
    host = stage.world.host("compute-1")
    stage.world.set_power(stage.world.vm("etl-1"), Power.STOPPED)
    vms = stage.world.vms_on(host)
    powers = {vm.name: vm.power for vm in vms}
    assert len(vms) == 7
    await stage.start_bot()

    # into maintenance
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1 --reason 'new memory'")
    await stage.card_says("Waiting for approval")
    assert "7 VMs" in stage.card.plain
    assert all(name in stage.card.plain for name in powers)
    assert "live-migrate" in stage.card.plain
    assert "cold-migrate" in stage.card.plain
    assert stage.mutations() == []
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("7 of 7 done and verified", seconds=120)

    assert stage.world.vms_on(host) == []
    assert {vm.name: vm.power for vm in vms} == powers
    assert (host.enabled, host.alive) == (False, True)
    assert (host.disabled_reason or "").startswith("muster run=")
    asked = [next(iter(c.body or {})) for c in stage.world.mutations() if c.path.endswith("/action")]
    assert sorted(asked) == ["confirmResize", "migrate", *["os-migrateLive"] * 6]
    await stage.until(lambda: stage.thread_says("safe to power off"), what="it is called safe")

    # and back
    places = [vm.host for vm in vms]
    changed = len(stage.mutations())
    await stage.workspace.type_command(ALICE, OPS, "/maintenance exit prod/compute-1")
    await stage.until(lambda: len(stage.cards()) == 2, what="a second card")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("done and verified")

    assert (host.enabled, host.disabled_reason) == (True, None)
    assert len(stage.mutations()) == changed + 1
    assert [vm.host for vm in vms] == places


@pytest.mark.parametrize(
    "action",
    ["os-migrateLive", *(pytest.param(action, marks=pytest.mark.long) for action in ("migrate", "confirmResize"))],
)
async def test_killed_in_the_middle_of_a_move_it_ends_what_it_began_and_nothing_twice(
    stage: Stage, action: str
) -> None:
    host = stage.world.host("compute-1")
    stage.world.set_power(stage.world.vm("etl-1"), Power.STOPPED)
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter prod/compute-1")
    await stage.card_says("Waiting for approval")
    hold = stage.world.faults.order(
        CallFault(effect=Effect.HOLD, face="openstack", method="POST", path="/action$", body=action)
    )
    await stage.workspace.click(BOB, stage.card, label="Approve")
    async with asyncio.timeout(30):
        await hold.arrived.wait()
    await stage.kill_bot()
    hold.release()  # the call was on the wire: it takes effect though nobody hears the answer
    await stage.start_bot()
    await stage.card_says("7 of 7 done and verified", seconds=150)

    assert stage.world.vms_on(host) == []
    asked = [(c.path, next(iter(c.body or {}))) for c in stage.world.mutations() if c.path.endswith("/action")]
    assert len(asked) == len(set(asked)) == 8
