"""What CloudTower's own high availability does about a failed host, as Muster tells it instead of evacuating."""

from adapters.simulated.cloudtower import ha
from adapters.simulated.cloudtower.ha import NOTICE_SECONDS, RESTART_SECONDS
from bot.domain.abilities import DoesItItself
from bot.domain.values import Action
from tests.adapters.cloudtower.bench import Bench


async def told(tower: Bench, host: str = "node-1") -> str:
    assert isinstance(tower.cloud, DoesItItself)
    instead = await tower.cloud.instead(Action.EVACUATE, host)
    assert instead is not None
    assert "high availability restarts the VMs of a failed host by itself" in instead.sentence
    return instead.seen


async def test_a_failed_host_is_told_with_what_ha_protects_and_what_it_restarts(tower: Bench) -> None:
    ha.fail_host(tower.tower, "node-1")
    assert await told(tower) == (
        "CloudTower shows node-1 as error with 4 VMs still listed on it; 3 of them have HA; "
        "without HA, so down until the host is back: gpu-1. No VM task is open."
    )
    await tower.clock.pass_time(NOTICE_SECONDS + 5)
    await told(tower)  # a new task is missing from the first list
    seen = await told(tower)
    assert "Open tasks on VMs of c1: " in seen
    assert "web-1 on node-1 (HA rebuild VM web-1 executing)" in seen
    await tower.clock.pass_time(RESTART_SECONDS + tower.tower.sync)
    tower.world.settle()
    assert {host.name for name in ("web-1", "web-2") if (host := tower.world.vm(name).host)} <= {"node-2", "node-3"}
    assert "with 2 VMs still listed on it; 1 of them have HA" in await told(tower)


async def test_a_living_host_is_pointed_to_maintenance(tower: Bench) -> None:
    assert await told(tower) == "node-1 has not failed: it is healthy. To empty it, use /maintenance enter."


async def test_a_host_that_nobody_knows_is_not_told_about(tower: Bench) -> None:
    assert await told(tower, "node-9") == ""
    assert await told(tower, "node") == ""


async def test_it_reads_only_and_a_few_times_however_many_vms_there_are(tower: Bench) -> None:
    for number in range(120):
        tower.world.add_vm(f"more-{number}", tower.host("node-1"), memory_mb=16)
    ha.fail_host(tower.tower, "node-1")
    await tower.clock.pass_time(NOTICE_SECONDS + 5)
    await told(tower)
    before = len(tower.world.calls)
    seen = await told(tower)
    assert len(tower.world.calls) - before <= 7
    assert tower.world.mutations() == []
    assert len(seen) <= 400
    assert "more" in seen


async def test_nothing_is_said_about_other_actions(tower: Bench) -> None:
    assert await tower.cloud.instead(Action.ENTER, "node-1") is None
