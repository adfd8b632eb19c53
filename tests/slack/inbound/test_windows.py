"""Windows: a rejection with its reason, and broken glass; opened by a click, sent in once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.desk import deliveries
from bot.domain.operation import State
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Rule
from bot.slack import app as slack_app
from bot.slack.inbound import clicks
from tests.slack.house import House, opened

RULE = Rule(requesters=("S0SRE",), approvers=("S0LEADS",), break_glass=("U0DAVE",), quorum=2)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, rule=RULE) as made:
        yield made


async def test_a_rejection_with_its_reason_stands_on_the_card_and_the_requester_reads_it(house: House) -> None:
    card = await house.planned()
    shown = await house.window("U0CAROL", "Reject", card=card)
    assert "toy/host-1" in str(shown.blocks)
    assert (await house.workspace.submit("U0CAROL", values={"reason": "Backups run till 4."})).error == ""
    await house.workspace.until(lambda: "Reason: Backups run till 4." in house.cards()[0].plain)
    await house.workspace.until(lambda: any("<@U0ALICE>, nothing was changed" in line for line in house.thread()))
    (line,) = [one for one in house.thread() if "Rejected by <@U0CAROL>" in one and "<@U0ALICE>, nothing" in one]
    assert "Reason: Backups run till 4." in line
    assert await house.state() is State.DENIED


async def test_nobody_has_to_say_why_they_reject(house: House) -> None:
    card = await house.planned()
    await house.window("U0CAROL", "Reject", card=card)
    await house.workspace.submit("U0CAROL")
    await house.workspace.until(lambda: "Rejected by <@U0CAROL>" in house.cards()[0].plain)


async def test_putting_the_window_away_decides_nothing(house: House) -> None:
    card = await house.planned()
    await house.window("U0CAROL", "Reject", card=card)
    await house.workspace.close_view("U0CAROL")
    assert await house.state() is State.AWAITING_APPROVAL
    await house.window("U0CAROL", "Reject", card=card)


@pytest.mark.parametrize(
    ("who", "label", "why"),
    [
        ("U0ALICE", "Reject", "not an approver"),
        ("U0BOB", "Break Glass…", "not among those who may break glass"),
        ("U0GUEST", "Break Glass…", "full members"),
    ],
)
async def test_who_may_not_reads_why_in_the_window(house: House, who: str, label: str, why: str) -> None:
    card = await house.planned()
    await house.workspace.click(who, card, label=label)
    assert why in await house.said_in_window(who)
    assert house.workspace.form(who) is None
    assert house.workspace.ephemerals(who) == []


async def test_a_click_whose_trigger_is_too_old_is_answered_by_a_private_note(house: House) -> None:
    card = await house.planned()
    house.workspace.views.expire_next_triggers = 1
    await house.workspace.click("U0CAROL", card, label="Reject")
    said = await house.note_to("U0CAROL")
    assert "(expired_trigger_id)" in said
    assert "Press the button again" in said
    assert await deliveries.unsettled(house.desk) == []
    await house.window("U0CAROL", "Reject", card=card)


async def test_a_click_delivered_five_times_opens_one_window_and_says_nothing(house: House) -> None:
    card = await house.planned()
    house.served.faults.duplicate(1, copies=5)
    await house.window("U0CAROL", "Reject", card=card)
    house.served.faults.duplicate(1, copies=5)
    await house.workspace.submit("U0CAROL", values={"reason": "No."})
    await house.workspace.until(lambda: "Rejected by <@U0CAROL>" in house.cards()[0].plain)
    await house.types("U0CAROL", "/muster list")
    await house.note_to("U0CAROL")
    assert len(house.workspace.ephemerals("U0CAROL")) == 1
    (one,) = await house.operations()
    assert len(one.votes) == 1


async def test_a_click_of_which_a_process_died_is_answered_by_the_next_one(house: House) -> None:
    card = await house.planned()
    asked, answers = asyncio.Event(), asyncio.Event()

    async def dies(*_: object, **__: object) -> None:
        asked.set()
        await answers.wait()

    object.__setattr__(house.desk, "check_may_vote", dies)  # the process stops here
    await house.workspace.click("U0CAROL", card, label="Reject")
    await asked.wait()
    next_process = slack_app.receive_at(replace(house.desk), house.people)
    assert await next_process.serve_left_over() == 0  # it may be in the hands of another process, for a moment
    await house.desk.clock.sleep(11)
    assert await next_process.serve_left_over() == 1
    assert "Press the button again" in await house.note_to("U0CAROL")


async def test_a_rejection_that_an_earlier_release_recorded_is_still_a_rejection(house: House) -> None:
    await house.planned()
    (shown,) = await house.operations()
    payload = {"action": "reject", "operation": shown.id, "digest": shown.digest, "user": "U0BOB", "channel": "C0OPS"}
    await deliveries.receive(
        house.desk, Delivery(key="earlier", kind=clicks.DECISION, payload=payload, received_at=house.desk.clock.now())
    )
    assert await slack_app.receive_at(house.desk, house.people).serve_left_over() == 1
    assert await house.state() is State.DENIED


async def test_a_window_sent_in_after_somebody_else_decided_is_answered_with_what_happened(house: House) -> None:
    card = await house.planned()
    await house.window("U0CAROL", "Reject", card=card)
    await house.window("U0DAVE", "Break Glass…", card=card)
    await house.workspace.submit("U0DAVE", values={"reason": "Leads asleep."})
    await house.workspace.until(lambda: "Glass broken" in house.cards()[0].plain)
    await house.workspace.submit("U0CAROL", values={"reason": "No."})
    assert "Already approved by <@U0DAVE>" in await house.note_to("U0CAROL")
    assert await house.state() is State.QUEUED


async def test_broken_glass_needs_a_reason_and_is_read_by_everybody(house: House) -> None:
    card = await house.planned()
    shown = await house.window("U0DAVE", "Break Glass…", card=card)
    assert "with 0 of 2 approvals" in str(shown.blocks)
    blank = await house.workspace.submit("U0DAVE", values={"reason": "   "})
    assert "reason" in blank.errors
    assert await house.state() is State.AWAITING_APPROVAL
    assert (await house.workspace.submit("U0DAVE", values={"reason": "Leads asleep."})).error == ""
    await house.workspace.until(
        lambda: "Glass broken by <@U0DAVE>" in house.cards()[0].plain and "Leads asleep." in house.cards()[0].plain
    )
    await house.workspace.until(lambda: any("Glass broken by <@U0DAVE>" in line for line in house.thread()))
    await house.workspace.until(
        lambda: any("Glass broken by <@U0DAVE>" in m.plain for m in house.workspace.channel_messages("C0INCIDENT"))
    )
    assert await house.state() is State.QUEUED


async def test_without_anybody_who_may_there_is_no_such_button(tmp_path: Path) -> None:
    async with opened(tmp_path) as ordinary:
        assert (await ordinary.planned()).buttons == ["Approve", "Reject", "Re-check", "Details", "Cancel"]
    (tmp_path / "other").mkdir()
    async with opened(tmp_path / "other", rule=RULE) as house:
        card = await house.planned()
        assert card.buttons == ["Approve", "Reject", "Break Glass…", "Re-check", "Details", "Cancel"]
        assert "May break glass: <@U0DAVE>" in card.plain
