"""A card can be had where people are: typed for, or moved by itself when its channel is gone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.demo.workspace.messages import PostedMessage
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.values import OperationId
from tests.news import news_of
from tests.slack.house import House


def cards(house: House, channel: str) -> list[PostedMessage]:
    return [m for m in house.workspace.channel_messages(channel) if m.author == "U0MUSTER" and m.buttons]


async def line(house: House, of: OperationId, words: str) -> None:
    async with house.archive.unit() as unit:
        await unit.outbox.tell(news_of(Kind.PHASE, {"phase": words}, operation=of))
        await unit.commit()


async def test_show_posts_a_live_card_where_it_is_typed_and_its_buttons_work(house: House) -> None:
    await house.planned()
    (shown,) = await house.operations()
    await house.types("U0BOB", f"/muster show {shown.id}", channel="G0LEADS")
    await house.workspace.until(lambda: cards(house, "G0LEADS"))
    assert "the thread of this operation hangs at its card in <#C0OPS>" in cards(house, "G0LEADS")[0].plain
    await house.workspace.click("U0BOB", cards(house, "G0LEADS")[0], label="Approve")
    await house.workspace.until(lambda: "Approved by <@U0BOB>" in cards(house, "G0LEADS")[0].plain)
    await house.workspace.until(lambda: "Approved by <@U0BOB>" in house.cards()[0].plain)
    await house.types("U0BOB", f"/muster show {shown.id}", channel="G0LEADS")
    await house.note_to("U0BOB", number=2)
    assert len(cards(house, "G0LEADS")) == 1


async def test_where_the_card_stands_already_show_answers_privately_alone(house: House) -> None:
    await house.planned()
    (shown,) = await house.operations()
    await house.types("U0BOB", f"/muster show {shown.id}")
    assert "Votes: none" in await house.note_to("U0BOB")
    assert len(house.cards()) == 1


async def test_a_channel_that_is_archived_while_nothing_changes_loses_its_card_to_another_one(house: House) -> None:
    await house.planned()
    house.workspace.archive("C0OPS")
    await house.workspace.until(lambda: cards(house, "C0INCIDENT"))
    moved = cards(house, "C0INCIDENT")[0]
    assert "cannot post in <#C0OPS> (Slack: is_inactive)" in moved.plain
    await house.workspace.click("U0BOB", moved, label="Approve")
    await house.workspace.until(lambda: "Approved by <@U0BOB>" in cards(house, "C0INCIDENT")[0].plain)
    assert await house.state() is State.QUEUED


async def test_a_card_that_somebody_deleted_is_brought_back_by_show_and_its_thread_goes_on_there(house: House) -> None:
    await house.planned()
    (shown,) = await house.operations()
    await line(house, shown.id, "one")
    await house.workspace.until(lambda: house.workspace.thread("C0OPS", house.cards()[0].ts))
    gone = house.workspace.message("C0OPS", house.cards()[0].ts)
    assert gone is not None
    house.workspace.remove_message(gone)  # with replies: a tombstone stays, and takes more of them
    assert house.cards() == []
    await house.types("U0BOB", f"/muster show {shown.id}")
    await house.workspace.until(lambda: "Approve" in (house.cards()[0].buttons if house.cards() else ()))
    await line(house, shown.id, "two")
    await house.workspace.until(lambda: house.workspace.thread("C0OPS", house.cards()[0].ts))


@pytest.mark.parametrize("label", ["Approve", "Reject", "Details", "Cancel", "Re-check"])
async def test_a_click_on_a_card_that_stayed_behind_does_nothing_and_is_told_where_the_living_card_is(
    house: House, label: str
) -> None:
    old = (await house.planned()).copied()
    house.served.faults.refuse("edit_window_closed", method="chat.update", channel="C0OPS")
    (shown,) = await house.operations()
    await house.save(replace(shown, changed_at=shown.changed_at + timedelta(seconds=1)))
    await house.workspace.until(lambda: len(house.cards()) == 2)
    await house.workspace.until(lambda: "Approve" in house.cards()[1].buttons)
    await house.workspace.click("U0BOB", old, label=label)
    opens_a_window = label in {"Reject", "Details"}
    told = await (house.said_in_window("U0BOB") if opens_a_window else house.note_to("U0BOB"))
    assert "That card is an old one: Muster cannot change it any more, and its buttons do nothing." in told
    assert "The card stands in <#C0OPS> now." in told
    assert opens_a_window or "|Open the card>" in told
    assert await house.state() is State.AWAITING_APPROVAL
    await house.workspace.click("U0BOB", house.cards()[1], label="Approve")
    await house.workspace.until(lambda: "Approved by <@U0BOB>" in house.cards()[1].plain)


async def test_who_clicks_where_muster_was_thrown_out_is_told_by_direct_message(house: House) -> None:
    await house.types("U0BOB", "/evacuate toy/host-1", channel="G0LEADS")
    await house.workspace.until(lambda: cards(house, "G0LEADS"))
    (old,) = cards(house, "G0LEADS")
    house.workspace.kick("G0LEADS", "U0MUSTER")
    await house.workspace.until(lambda: cards(house, "C0INCIDENT"))
    await house.workspace.click("U0BOB", old, label="Cancel")
    direct = house.workspace.direct_channel("U0BOB").id
    await house.workspace.until(lambda: house.workspace.channel_messages(direct))
    (told,) = house.workspace.channel_messages(direct)
    assert "The card stands in <#C0INCIDENT> now." in told.plain
    assert await house.state() is State.CHECKING
