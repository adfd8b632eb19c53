"""Setting VMs aside in a window, over a real Socket Mode connection: opened by a click, taken once, refused in words."""

from dataclasses import replace

from bot.demo.workspace.messages import PostedMessage
from bot.desk import deliveries
from bot.domain.operation import State
from bot.domain.plans.plan import digest_of
from bot.domain.ports import Delivery
from bot.domain.progress.steps import StepRecord
from bot.slack import app as slack_app
from bot.slack.inbound import vm_windows
from tests.slack.house import House
from tests.slack.views.examples import plan, records


async def short_of(house: House, *, vms: int = 6) -> PostedMessage:
    """A card of which every third VM failed."""
    await house.planned()
    (one,) = await house.operations()
    drawn = plan(vms)
    async with house.archive.unit() as unit:
        rows = [r for r in records(State.NEEDS_ATTENTION, drawn) if r.state.value != "skipped"]
        await unit.steps.lay_out(one.id, rows)
        await unit.commit()
    digest = digest_of(drawn, terms=house.rule.terms())
    await house.save(replace(one.with_plan(drawn, digest), state=State.NEEDS_ATTENTION))
    await house.workspace.until(lambda: "Skip" in house.cards()[0].buttons)
    return house.cards()[0]


async def aside(house: House) -> dict[str, StepRecord]:
    (one,) = await house.operations()
    _, rows = await house.desk.show(one.id)
    return {str(r.step.vm): r for r in rows if r.aside}


async def test_what_was_ticked_is_set_aside_with_its_reason_and_the_rest_can_be_retried(house: House) -> None:
    await house.window("U0ALICE", "Skip", card=await short_of(house))
    await house.workspace.submit("U0ALICE", values={"vms-0": ["id-0004"], "reason": "its <!here> owner"})
    await house.workspace.until(lambda: "1 set aside" in house.cards()[0].plain)
    (record,) = (await aside(house)).values()
    assert record.aside is not None
    assert (record.step.vm, record.aside.by, record.aside.reason) == ("id-0004", "U0ALICE", "its <!here> owner")
    card = house.cards()[0]
    assert "Reason: its &lt;!here&gt; owner" in card.plain
    assert {"Retry Failed", "Skip", "Cancel"} <= set(card.buttons)
    again = await house.window("U0ALICE", "Skip", card=card)
    assert "web-4" not in str(again.blocks)


async def test_when_the_last_one_is_set_aside_the_card_says_that_it_ended(house: House) -> None:
    card = await short_of(house)
    await house.window("U0BOB", "Skip", card=card)
    await house.workspace.submit("U0BOB", values={"vms-0": ["id-0001", "id-0004"]})
    await house.workspace.until(lambda: "2 of 4 VMs verified, 2 set aside" in house.cards()[0].plain)
    assert "Retry Failed" not in house.cards()[0].buttons
    await house.workspace.click("U0ALICE", card, label="Skip")
    assert "This operation has ended incomplete, so no VM was set aside" in await house.said_in_window("U0ALICE")


async def test_a_submission_delivered_five_times_counts_once_and_is_told_once(house: House) -> None:
    card = await short_of(house)
    await house.window("U0ALICE", "Skip", card=card)
    house.served.faults.duplicate(1, copies=5)
    await house.workspace.submit("U0ALICE", values={"vms-0": ["id-0001"]})

    def told() -> list[str]:
        return [m.plain for m in house.workspace.thread("C0OPS", card.ts) if "1 VM set aside by <@U0ALICE>" in m.plain]

    await house.workspace.until(told)
    await house.types("U0ALICE", "/muster list")
    await house.note_to("U0ALICE")
    assert len(told()) == 1
    assert len(house.workspace.ephemerals("U0ALICE")) == 1


async def test_of_two_windows_the_second_hears_who_was_first_and_changes_nothing(house: House) -> None:
    card = await short_of(house)
    await house.window("U0ALICE", "Skip", card=card)
    await house.window("U0BOB", "Skip", card=card)
    await house.workspace.submit("U0BOB", values={"vms-0": ["id-0001"], "reason": "first"})
    await house.workspace.until(lambda: "1 set aside" in house.cards()[0].plain)
    await house.workspace.submit("U0ALICE", values={"vms-0": ["id-0001", "id-0004"], "reason": "second"})
    assert "web-1 was set aside already by <@U0BOB>" in await house.note_to("U0ALICE")
    assert [(vm, r.aside.reason) for vm, r in (await aside(house)).items() if r.aside] == [("id-0001", "first")]


async def test_a_window_that_was_open_while_somebody_retried_changes_nothing(house: House) -> None:
    await house.window("U0ALICE", "Skip", card=await short_of(house))
    (one,) = await house.operations()
    await house.save(replace(one, state=State.RUNNING))
    async with house.archive.unit() as unit:
        await unit.steps.save(
            one.id, [(r.again(), None) for r in await unit.steps.of(one.id) if r.step.vm == "id-0001"]
        )
        await unit.commit()
    await house.workspace.submit("U0ALICE", values={"vms-0": ["id-0001"]})
    assert "is not among the failed VMs that can be set aside now" in await house.note_to("U0ALICE")
    assert await aside(house) == {}


async def test_nothing_ticked_is_answered_and_changes_nothing(house: House) -> None:
    await house.window("U0ALICE", "Skip", card=await short_of(house))
    await house.workspace.submit("U0ALICE", values={"vms-0": []})
    assert "No VM was chosen, so none was set aside" in await house.note_to("U0ALICE")
    assert await house.state() is State.NEEDS_ATTENTION


async def test_a_stranger_and_a_late_click_hear_why_and_see_no_window(house: House) -> None:
    card = await short_of(house)
    house.workspace.views.expire_next_triggers = 1
    await house.workspace.click("U0ALICE", card, label="Skip")
    assert "Press the button again" in await house.note_to("U0ALICE")
    await house.workspace.click("U0DAVE", card, label="Skip")
    assert "Only the requester and the approvers" in await house.said_in_window("U0DAVE")
    assert house.workspace.form("U0ALICE") is None
    assert house.workspace.form("U0DAVE") is None


async def test_what_was_recorded_before_a_crash_is_done_after_the_restart_and_only_by_who_may(house: House) -> None:
    await short_of(house)
    (one,) = await house.operations()
    for key, who in (("k1", "U0DAVE"), ("k2", "U0ALICE")):
        told = {"operation": one.id, "digest": one.digest, "user": who, "channel": "C0OPS", "vms": ["id-0001"]}
        left_over = Delivery(key=key, kind=vm_windows.SET_ASIDE.kind, payload=told, received_at=house.desk.clock.now())
        assert await deliveries.receive(house.desk, left_over)
    assert await slack_app.receive_at(house.desk, house.people).serve_left_over() == 2
    (record,) = (await aside(house)).values()
    assert record.aside is not None
    assert record.aside.by == "U0ALICE"
    assert "Only the requester and the approvers" in await house.note_to("U0DAVE")
