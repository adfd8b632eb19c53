"""A yes that takes more than a click, as people see it: windows, their complaints, the card, and a second person."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bot.desk import deliveries
from bot.domain.operation import State
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Rule
from bot.slack import app as slack_app
from bot.slack.inbound import clicks
from tests.slack.house import House, opened

RULE = Rule(requesters=("S0SRE",), approvers=("S0LEADS",), break_glass=("U0DAVE",))
TICKED = [{"value": "yes"}]
CONFIRMED = {"host": "host-1", "vouch-0": TICKED}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, rule=RULE) as made:
        yield made


async def sends_in(house: House, who: str, values: dict[str, Any] = CONFIRMED) -> Mapping[str, str]:
    """What the window complains of."""
    result = await house.workspace.submit(who, values=values)
    assert result.error == ""
    return result.errors


async def test_a_lead_approves_and_the_requester_vouches_with_the_hosts_name_typed(house: House) -> None:
    card = await house.planned(losing=2)
    assert card.buttons == ["Approve", "Vouch", "Reject", "Break Glass…", "Re-check", "Details", "Cancel"]
    assert "0 of 2 vouched for" in card.plain
    shown = await house.window("U0CAROL", "Approve")
    assert "The local disks of 2 VMs on host-1 are lost for good: web-0, web-1" in str(shown.blocks)
    assert await sends_in(house, "U0CAROL") == {}
    await house.workspace.until(lambda: "1 of 2 vouched for" in house.cards()[0].plain)
    assert await house.state() is State.AWAITING_APPROVAL
    await house.window("U0ALICE", "Vouch")
    assert await sends_in(house, "U0ALICE") == {}
    await house.workspace.until(lambda: "Approved by <@U0CAROL>" in house.cards()[0].plain)
    assert "Approved by <@U0ALICE>" not in house.cards()[0].plain
    assert await house.state() is State.QUEUED
    await house.workspace.until(lambda: any("Vouched by <@U0ALICE>, 2 of 2 people" in line for line in house.thread()))


@pytest.mark.parametrize(
    ("values", "complained"),
    [
        ({"host": "host-10", "vouch-0": TICKED}, {"host"}),
        ({"host": "HOST-1", "vouch-0": TICKED}, {"host"}),
        ({"host": "host-1"}, {"vouch-0"}),
        ({}, {"host", "vouch-0"}),
    ],
)
async def test_a_wrong_name_or_a_sentence_without_its_tick_is_said_in_the_window_and_nothing_is_counted(
    house: House, values: dict[str, Any], complained: set[str]
) -> None:
    await house.planned(losing=1)
    await house.window("U0CAROL", "Approve")
    assert set(await sends_in(house, "U0CAROL", values)) == complained
    assert house.workspace.form("U0CAROL") is not None
    (one,) = await house.operations()
    assert one.votes == ()
    assert await sends_in(house, "U0CAROL") == {}
    await house.workspace.until(lambda: "1 of 2 vouched for" in house.cards()[0].plain)


async def test_a_forged_click_that_passes_the_window_by_is_refused_by_the_desk(house: House) -> None:
    await house.planned(losing=1)
    (one,) = await house.operations()
    payload = {"action": "approve", "operation": one.id, "digest": one.digest, "user": "U0BOB", "channel": "C0OPS"}
    forged = Delivery(key="forged", kind=clicks.DECISION, payload=payload, received_at=house.desk.clock.now())
    await deliveries.receive(house.desk, forged)
    await slack_app.receive_at(house.desk, house.people).serve_left_over()
    assert "was not typed exactly as host-1" in await house.note_to("U0BOB")
    (one,) = await house.operations()
    assert (one.votes, one.state) == ((), State.AWAITING_APPROVAL)


@pytest.mark.parametrize(
    ("who", "label", "why"),
    [
        ("U0BOB", "Vouch", "Only the requester vouches"),
        ("U0ALICE", "Approve", "not an approver"),
        ("U0GUEST", "Vouch", "full members"),
        ("U0DAVE", "Break Glass…", "nobody else has yet"),
    ],
)
async def test_who_may_not_reads_why_in_the_window(house: House, who: str, label: str, why: str) -> None:
    card = await house.planned(losing=1)
    await house.workspace.click(who, card, label=label)
    assert why in await house.said_in_window(who)
    assert house.workspace.form(who) is None
    assert house.workspace.ephemerals(who) == []


async def test_broken_glass_takes_a_second_person_and_the_name_and_the_ticks(house: House) -> None:
    await house.planned(losing=1)
    await house.window("U0ALICE", "Vouch")
    await sends_in(house, "U0ALICE")
    await house.workspace.until(lambda: "1 of 2 vouched for" in house.cards()[0].plain)
    assert "Vouch" not in house.cards()[0].buttons
    await house.window("U0DAVE", "Break Glass…")
    assert set(await sends_in(house, "U0DAVE", {"reason": "Asleep.", "host": "host-2"})) == {"vouch-0"}
    assert set(await sends_in(house, "U0DAVE", {"reason": " ", "host": "host-2", "vouch-0": TICKED})) == {
        "reason",
        "host",
    }
    assert await house.state() is State.AWAITING_APPROVAL
    assert await sends_in(house, "U0DAVE", {"reason": "Asleep.", **CONFIRMED}) == {}
    await house.workspace.until(lambda: "Glass broken by <@U0DAVE>" in house.cards()[0].plain)


async def test_a_window_delivered_five_times_counts_once(house: House) -> None:
    await house.planned(losing=1)
    await house.window("U0CAROL", "Approve")
    house.served.faults.duplicate(1, copies=5)
    await sends_in(house, "U0CAROL")
    await house.workspace.until(lambda: "1 of 2 vouched for" in house.cards()[0].plain)
    (one,) = await house.operations()
    assert len(one.votes) == 1


async def test_where_policy_wants_the_name_typed_approve_opens_a_window_on_every_plan(tmp_path: Path) -> None:
    typed = Rule(requesters=("S0SRE",), approvers=("S0LEADS",), typed_confirmation=True)
    async with opened(tmp_path, rule=typed) as house:
        assert "Vouch" not in (await house.planned()).buttons
        await house.window("U0CAROL", "Approve")
        assert set(await sends_in(house, "U0CAROL", {"host": "host-2"})) == {"host"}
        assert await sends_in(house, "U0CAROL", {"host": "host-1"}) == {}
        await house.workspace.until(lambda: "Approved by <@U0CAROL>" in house.cards()[0].plain)
