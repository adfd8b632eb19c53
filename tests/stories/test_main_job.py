"""The main job, as people see it: a command typed, a button clicked, a host emptied and verified."""

from adapters.simulated.records import Maintenance, Power
from tests.stories.stage import ALICE, BOB, INCIDENT, OPS, Stage


async def test_an_engineer_asks_a_lead_approves_and_the_dead_host_is_evacuated(stage: Stage) -> None:
    dead = stage.world.host("compute-2")
    lost = {vm.name for vm in stage.world.vms_on(dead)}
    stage.forks = False  # as the shell starts it
    await stage.start_bot()
    result = await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2 --reason 'no power'")
    assert not result.error
    await stage.until(stage.cards, seconds=3, what="a card within 3 s")
    await stage.card_says("Waiting for approval")
    assert stage.card.plain.startswith("Evacuate prod/compute-2: 12 VMs")
    assert all(name in stage.card.plain for name in lost)
    assert stage.mutations() == []

    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("12 of 12 done and verified")

    assert stage.world.vms_on(dead) == []
    assert sorted(stage.evacuated()) == sorted(vm.id for vm in stage.world.vms.values() if vm.name in lost)
    await stage.until(stage.files, what="the timeline, which comes last")
    story = "\n".join(stage.thread())
    for beat in ("<@U0BOB>", "Take the host out of service", "Evacuate", *lost):
        assert beat in story
    await stage.until(
        lambda: len(stage.workspace.channel_messages(INCIDENT)) == 3, what="request, start and end are told"
    )
    incident = [m.plain for m in stage.workspace.channel_messages(INCIDENT)]
    assert all(stage.link() in line for line in incident)
    assert [word for word in ("waits for approval", "Started", "Done") for line in incident if word in line] == [
        "waits for approval",
        "Started",
        "Done",
    ]
    (timeline,) = stage.files()
    for beat in ("Reason: no power", "Approved by Bob", "approved", *lost):
        assert beat in timeline


async def test_a_tower_host_enters_maintenance_with_exactly_the_approved_shutdown_list(stage: Stage) -> None:
    node = stage.world.host("node-1")
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter tower/node-1")
    await stage.until(stage.cards, seconds=3, what="a card within 3 s")
    await stage.card_says("Waiting for approval")
    assert stage.mutations() == []

    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("done and verified", seconds=100)

    assert node.maintenance is Maintenance.IN_MAINTENANCE
    assert [vm.name for vm in stage.world.vms_on(node) if vm.power is Power.RUNNING] == []
    (enter,) = [c for c in stage.world.mutations() if c.path.endswith("/enter-maintance-mode")]
    assert enter.status == 200
