"""Choosing VMs in a window, over a real Socket Mode connection: opened by a click, sent in once, answered privately."""

from dataclasses import replace

import pytest

from bot.demo.workspace.messages import PostedMessage
from bot.desk import deliveries
from bot.domain.operation import State
from bot.domain.plans.plan import Plan, digest_of
from bot.domain.ports import Delivery
from bot.domain.values import Action
from bot.slack import app as slack_app
from bot.slack.inbound import vm_windows
from tests.slack.house import House
from tests.slack.views.examples import plan


def choosy(vms: int) -> Plan:
    whole = plan(vms)
    return replace(whole, vms=tuple(replace(vm, chosen=n > 0, group="back") for n, vm in enumerate(whole.vms)))


async def planned(house: House, *, vms: int = 12) -> PostedMessage:
    """A card with so many VMs to choose from, the first of them not ticked."""
    await house.planned()
    (one,) = await house.operations()
    drawn = choosy(vms)
    await house.save(one.with_plan(drawn, digest_of(drawn, terms=house.rule.terms())))
    await house.workspace.until(lambda: "Choose VMs…" in house.cards()[0].buttons)
    return house.cards()[0]


async def rechecked(house: House) -> None:
    await house.workspace.until(lambda: "Muster reads the cloud" in house.cards()[0].plain)


@pytest.mark.parametrize("vms", [3, 12, 350])
async def test_a_choice_among_few_or_hundreds_is_taken_as_it_was_ticked(house: House, vms: int) -> None:
    shown = await house.window("U0ALICE", "Choose VMs…", card=await planned(house, vms=vms))
    fields = [block["block_id"] for block in shown.blocks if block["type"] == "input"]
    assert len(fields) == (vms + 99) // 100
    values: dict[str, list[str]] = {field: [] for field in fields} | {fields[0]: ["id-0000", "id-0002"]}
    assert (await house.workspace.submit("U0ALICE", values=values)).error == ""
    await rechecked(house)
    (one,) = await house.operations()
    assert (one.request.vms, one.request.is_choice) == (("id-0000", "id-0002"), True)


async def test_all_back_by_one_click_chooses_all_but_the_flagged_ones(house: House) -> None:
    await planned(house)
    (one,) = await house.operations()
    assert one.plan is not None
    first, *others = one.plan.vms
    made = replace(
        one.plan,
        action=Action.EXIT,
        vms=(replace(first, is_flagged=True), replace(others[0], chosen=False), *others[1:]),
    )
    await house.save(one.with_plan(made, digest_of(made, terms=house.rule.terms())))
    await house.workspace.until(lambda: "All Back" in house.cards()[0].buttons)
    await house.workspace.click("U0ALICE", house.cards()[0], label="All Back")
    await rechecked(house)
    (one,) = await house.operations()
    assert one.request.is_choice
    assert one.request.vms == tuple(vm.id for vm in others)


async def test_a_submission_delivered_five_times_counts_once_and_is_told_once(house: House) -> None:
    await house.window("U0ALICE", "Choose VMs…", card=await planned(house))
    house.served.faults.duplicate(1, copies=5)
    await house.workspace.submit("U0ALICE", values={"vms-0": ["id-0000"]})
    card = house.cards()[0]

    def told() -> list[str]:
        return [m.plain for m in house.workspace.thread("C0OPS", card.ts) if "1 VM chosen by <@U0ALICE>" in m.plain]

    await house.workspace.until(told)
    await house.types("U0ALICE", "/muster list")
    await house.note_to("U0ALICE")
    assert len(told()) == 1
    assert len(house.workspace.ephemerals("U0ALICE")) == 1


async def test_a_list_of_a_plan_that_changed_meanwhile_is_not_taken(house: House) -> None:
    await house.window("U0ALICE", "Choose VMs…", card=await planned(house))
    (one,) = await house.operations()
    grown = choosy(13)
    await house.save(one.with_plan(grown, digest_of(grown, terms=house.rule.terms())))
    await house.workspace.submit("U0ALICE", values={"vms-0": ["id-0000"]})
    assert "The plan has changed since you saw it" in await house.note_to("U0ALICE")
    assert await house.state() is State.AWAITING_APPROVAL


async def test_none_is_refused_where_nothing_would_be_done(house: House) -> None:
    await house.window("U0ALICE", "Choose VMs…", card=await planned(house))
    await house.workspace.submit("U0ALICE", values={"vms-0": []})
    assert "No VM was chosen" in await house.note_to("U0ALICE")


async def test_a_late_click_and_a_stranger_hear_why_and_see_no_window(house: House) -> None:
    card = await planned(house)
    house.workspace.views.expire_next_triggers = 1
    await house.workspace.click("U0ALICE", card, label="Choose VMs…")
    assert "Press the button again" in await house.note_to("U0ALICE")
    await house.workspace.click("U0DAVE", card, label="Choose VMs…")
    assert "Only the requester and the approvers" in await house.said_in_window("U0DAVE")
    assert house.workspace.form("U0ALICE") is None
    assert house.workspace.form("U0DAVE") is None


async def test_a_choice_recorded_before_a_crash_is_taken_after_the_restart(house: House) -> None:
    await planned(house)
    (one,) = await house.operations()
    told = {"operation": one.id, "digest": one.digest, "user": "U0ALICE", "channel": "C0OPS", "vms": ["id-0000"]}
    left_over = Delivery(key="k", kind=vm_windows.CHOICE.kind, payload=told, received_at=house.desk.clock.now())
    assert await deliveries.receive(house.desk, left_over)
    assert await slack_app.receive_at(house.desk, house.people).serve_left_over() == 1
    await rechecked(house)
