"""Each no is said privately, with what to do; and nothing changes anywhere."""

from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Power
from tests.stories.stage import ALICE, BOB, CAROL, DAVE, GUEST, OPS, Stage


async def test_who_may_not_decide_hears_why_and_changes_nothing(stage: Stage) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(BOB, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    card = await stage.card_says("<!subteam^S0LEADS>")  # it is named by an edit, which rings nowhere
    shown = card.plain
    for user, why in [
        (BOB, "asked for this yourself"),
        (DAVE, "not an approver"),
        (GUEST, "full members"),
    ]:
        stage.workspace.channels[OPS].members.add(user)
        await stage.workspace.click(user, stage.card, label="Approve")
        await stage.hears(user, why)
    assert stage.card.plain == shown
    assert stage.mutations() == []
    assert stage.thread_says("asked for this yourself") == []


async def test_a_second_request_for_the_same_host_is_refused_with_a_link_to_the_first(stage: Stage) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    await stage.workspace.type_command(BOB, OPS, "/evacuate compute-2")
    note = await stage.hears(BOB, "compute-2")
    assert stage.link() in note
    assert len(stage.cards()) == 1


async def test_a_vm_added_between_approval_and_start_brings_the_plan_back_and_old_clicks_die(stage: Stage) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    old_card = stage.card
    survey = stage.world.faults.order(CallFault(effect=Effect.HOLD, method="GET", path="/servers/detail"))
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await survey.arrived.wait()
    stage.world.add_vm("late-arrival", stage.world.host("compute-2"), memory_mb=1024)
    survey.release()
    await stage.card_says("late-arrival")
    await stage.card_says("Waiting for approval")
    await stage.until(lambda: stage.thread_says("late-arrival"), what="the thread tells the difference")
    assert stage.mutations() == []

    await stage.workspace.click(CAROL, old_card, label="Approve")
    await stage.hears(CAROL, "plan has changed")
    assert stage.mutations() == []

    await stage.workspace.click(CAROL, stage.card, label="Approve")
    await stage.card_says("13 of 13 done and verified")


SENSELESS = [
    ("/evacuate prod/compute-22", "no host named exactly compute-22", "compute-2"),
    ("/evacuate prod/compute", "no host named exactly compute", "prod/compute-1"),
    ("/evacuate prod/comptue-2", "no host named exactly comptue-2", "Did you mean prod/compute-2"),
    ("/evacuate compute2", "host named exactly compute2", "prod/compute-2"),
    ("/evacuate `prod/compute-2` --to comptue-4", "no compute service on comptue-4", "Did you mean compute-4"),
    (
        "/evacuate prod/compute-2 --vm payment-db-1",
        "compute-2 has no VM called payment-db-1",
        "Did you mean payments-db-1",
    ),
    ("/evacuate prod/compute-2 --to compute-2", "the host that is to be emptied", "Name another target"),
    ("/evacuate prod/compute-2 --help", "Muster empties a hypervisor safely", "/maintenance"),
    ("/evacuate nowhere/compute-2", "no cloud named nowhere", "prod"),
    ("/evacuate", "/evacuate", "host"),
    ("/evacuate prod/compute-2 --froce", "--froce", "--"),
    ("/evacuate prod/compute-2 “unclosed", "", "/evacuate"),
    ("/maintenance enter", "host", "/maintenance"),
    ("/maintenance leave tower/node-1", "leave", "enter"),
    ("/evacuate tower/node-1", "tower", "high availability"),
    ("/muster shwo", "shwo", "show"),
    ("/muster show NOTTHERE", "NOTTHERE", ""),
]


async def test_commands_that_make_no_sense_are_answered_to_their_sender_alone(stage: Stage) -> None:
    await stage.start_bot()
    for command, says, remedy in SENSELESS:
        before = len(stage.notes(ALICE))
        result = await stage.workspace.type_command(ALICE, OPS, command)
        assert not result.error
        await stage.until(lambda: len(stage.notes(ALICE)) > before, what=f"an answer to {command}")  # noqa: B023
        answer = stage.notes(ALICE)[-1]
        assert says in answer, command
        assert remedy in answer, command
    assert stage.cards() == []
    assert stage.mutations() == []


async def test_an_unreachable_cloud_and_expired_credentials_are_told_with_what_to_do(stage: Stage) -> None:
    await stage.start_bot()
    faults = stage.world.faults
    faults.order(CallFault(effect=Effect.CUT, face="openstack", times=None))
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.hears(ALICE, "prod")
    faults.clear()
    faults.order(CallFault(effect=Effect.ANSWER, status=401, face="openstack", times=None))
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    note = await stage.hears(ALICE, "credentials")
    assert "clouds.yaml" in note
    assert stage.cards() == []
    assert stage.mutations() == []


async def test_a_user_of_another_workspace_cannot_ask(stage: Stage) -> None:
    await stage.start_bot()
    stage.workspace.channels[OPS].members.add("U0OTHER")
    await stage.workspace.type_command("U0OTHER", OPS, "/evacuate prod/compute-2")
    await stage.hears("U0OTHER", "another workspace")
    assert stage.cards() == []


async def test_a_living_host_is_not_evacuated(stage: Stage) -> None:
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-1")
    card = await stage.card_says("Blocked")
    assert "/maintenance enter" in card.plain
    assert all(vm.power is Power.RUNNING for vm in stage.world.vms_on(stage.world.host("compute-1")))
    assert stage.mutations() == []
