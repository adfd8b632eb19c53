"""Commands and clicks, over a real Socket Mode connection: what people type and press, and what comes of it."""

import asyncio
from collections.abc import Sequence

import pytest
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.signature import SignatureVerifier

from bot.domain.operation import State
from bot.domain.plans.plan import digest_of
from bot.runtime.clock import SystemClock
from bot.slack import app as slack_app
from bot.slack.wire import connect
from tests.slack.house import RULE, House
from tests.slack.views.examples import plan


async def test_a_command_is_answered_by_silence_and_then_by_a_card(house: House) -> None:
    assert await house.types("U0ALICE", "/evacuate toy/host-1 --reason DIMM failed") == ""
    begun = await house.begun()
    assert (begun.request.host_name, begun.request.reason, begun.channel) == ("host-1", "DIMM failed", "C0OPS")
    assert begun.requested_by == "U0ALICE"
    assert "Evacuate toy/host-1" in house.cards()[0].plain


async def test_what_cannot_be_understood_is_answered_at_once_with_the_usage_line(house: House) -> None:
    said = await house.types("U0ALICE", "/evacuate toy/host-1 --too host-2")
    assert "There is no flag --too here. Did you mean --to?" in said
    assert "Usage: `/evacuate [check]" in said
    assert await house.operations() == []


async def test_a_bare_command_answers_with_its_usage(house: House) -> None:
    assert "Usage: `/evacuate" in await house.types("U0ALICE", "/evacuate")
    assert "Usage: `/maintenance enter|exit" in await house.types("U0ALICE", "/maintenance")


async def test_help_lists_the_commands(house: House) -> None:
    said = await house.types("U0ALICE", "/muster help")
    for command in ("/evacuate", "/maintenance", "/muster list"):
        assert command in said


@pytest.mark.parametrize(
    ("who", "line", "why"),
    [
        ("U0ALICE", "/evacuate toy/host-3", "has no host named exactly host-3"),
        ("U0ALICE", "/evacuate elsewhere/host-1", "There is no cloud named elsewhere."),
        ("U0ALICE", "/maintenance enter toy/host-1", "not something Muster can do on toy"),
        ("U0DAVE", "/evacuate toy/host-1", "You are not among those who may ask for this. Ask <!subteam^S0SRE>."),
        ("U0GUEST", "/evacuate toy/host-1", "only from full members"),
        ("U0OTHER", "/evacuate toy/host-1", "only from full members"),
        ("U0GUEST", "/muster list", "answers only full members"),
        ("U0ALICE", "/muster show NOSUCHID", "No operation has the id NOSUCHID."),
    ],
)
async def test_a_refusal_says_privately_why_and_changes_nothing(house: House, who: str, line: str, why: str) -> None:
    assert await house.types(who, line) == ""
    assert why in await house.note_to(who)
    assert await house.operations() == []
    assert house.cards() == []


async def test_a_second_request_for_the_same_host_is_refused_with_a_link_to_the_first(house: House) -> None:
    await house.types("U0ALICE", "/evacuate toy/host-1")
    await house.begun()
    await house.types("U0BOB", "/evacuate host-1")
    assert house.workspace.permalink(house.cards()[0]) in await house.note_to("U0BOB")
    assert len(await house.operations()) == 1


async def test_a_lead_approves_the_plan_that_the_card_shows(house: House) -> None:
    card = await house.planned()
    assert (await house.workspace.click("U0BOB", card, label="Approve")).error == ""
    await house.workspace.until(lambda: "Approved by <@U0BOB>" in house.cards()[0].plain)
    assert await house.state() is State.QUEUED
    assert house.cards()[0].buttons == ["Details", "Cancel"]


async def test_a_lead_rejects_it(house: House) -> None:
    card = await house.planned()
    await house.workspace.click("U0CAROL", card, label="Reject")
    await house.workspace.until(lambda: house.workspace.form("U0CAROL"))
    await house.workspace.submit("U0CAROL")
    await house.workspace.until(lambda: "Rejected by <@U0CAROL>" in house.cards()[0].plain)
    assert house.cards()[0].buttons == ["Details", "Ask Again"]


@pytest.mark.parametrize(
    ("who", "why"),
    [("U0ALICE", "You are not an approver for this."), ("U0DAVE", "not an approver"), ("U0GUEST", "full members")],
)
async def test_nobody_else_approves_it(house: House, who: str, why: str) -> None:
    card = await house.planned()
    await house.workspace.click(who, card, label="Approve")
    assert why in await house.note_to(who)
    assert await house.state() is State.AWAITING_APPROVAL


async def test_a_click_on_a_plan_that_was_superseded_is_refused(house: House) -> None:
    stale = await house.planned()
    (shown,) = await house.operations()
    grown = plan(4)
    await house.save(shown.with_plan(grown, digest_of(grown, terms=RULE.terms())))
    await house.workspace.click("U0BOB", stale, label="Approve")
    assert "The plan has changed since this button was drawn" in await house.note_to("U0BOB")
    assert await house.state() is State.AWAITING_APPROVAL


async def test_a_dead_button_answers_who_settled_it(house: House) -> None:
    card = await house.planned()
    await house.workspace.click("U0BOB", card, label="Approve")
    await house.workspace.until(lambda: "Approved by" in house.cards()[0].plain)
    await house.workspace.click("U0CAROL", card, label="Reject")
    assert "Already approved by <@U0BOB> at" in await house.said_in_window("U0CAROL")


async def test_the_requester_cancels(house: House) -> None:
    card = await house.planned()
    await house.workspace.click("U0ALICE", card, label="Cancel")
    await house.workspace.until(lambda: "Cancelled" in house.cards()[0].plain)


async def test_a_button_of_another_age_is_answered_and_does_nothing(house: House) -> None:
    odd = house.workspace.add_message(
        "C0OPS",
        author="U0MUSTER",
        text="old",
        blocks=[
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "action_id": "explode",
                        "value": "not json",
                        "text": {"type": "plain_text", "text": "Explode"},
                    }
                ],
            }
        ],
    )
    assert (await house.workspace.click("U0BOB", odd, label="Explode")).error == ""
    assert "not one of Muster's any more" in await house.note_to("U0BOB")


@pytest.mark.parametrize(
    ("value", "said"), [("null", "This belongs to no operation"), ('{"op": "x"}', "No operation has the id x.")]
)
async def test_a_button_whose_value_is_not_ours_is_answered_in_a_sentence(house: House, value: str, said: str) -> None:
    button = {"type": "button", "action_id": "approve", "text": {"type": "plain_text", "text": "Yes"}, "value": value}
    blocks = [{"type": "actions", "elements": [button]}]
    odd = house.workspace.add_message("C0OPS", author="U0MUSTER", text="odd", blocks=blocks)
    await house.workspace.click("U0BOB", odd, label="Yes")
    assert said in await house.note_to("U0BOB")


async def test_a_list_and_a_look_at_one_operation(house: House) -> None:
    card = await house.planned()
    (one,) = await house.operations()
    await house.types("U0DAVE", "/muster list")
    listed = await house.note_to("U0DAVE")
    assert one.id in listed
    assert house.workspace.permalink(card) in listed
    await house.types("U0DAVE", f"/muster show {one.id.lower()}")
    await house.note_to("U0DAVE", number=2)
    shown = house.workspace.ephemerals("U0DAVE")[-1]
    assert "Waiting for approval" in shown.plain
    assert shown.buttons == []


async def test_an_empty_list_says_so(house: House) -> None:
    await house.types("U0ALICE", "/muster list")
    assert await house.note_to("U0ALICE") == "No operation holds a host now."


async def test_slack_has_its_answer_while_the_cloud_is_still_thinking(house: House) -> None:
    house.cloud.answers.clear()
    assert await house.types("U0ALICE", "/evacuate toy/host-1") == ""
    assert await house.operations() == []
    house.cloud.answers.set()
    await house.begun()


async def test_while_slack_cannot_say_who_somebody_is_nothing_is_done(house: House) -> None:
    house.served.faults.fail(method="users.info")
    await house.types("U0ALICE", "/evacuate toy/host-1")
    assert "Slack could not be asked who you are" in await house.note_to("U0ALICE")
    assert await house.operations() == []


async def test_whoever_leaves_or_joins_a_channel_is_known_there_as_soon_as_slack_tells(house: House) -> None:
    async def until(is_there: bool) -> None:
        for _ in range(3_000):
            if ("U0CAROL" in await house.recipients.members("C0OPS")) is is_there:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("Slack told, and nobody heard.")

    await until(True)
    house.workspace.kick("C0OPS", "U0CAROL")
    await until(False)
    house.workspace.invite("C0OPS", "U0CAROL")
    await until(True)


async def test_only_a_request_that_slack_signed_is_taken_over_http(house: House) -> None:
    body = "command=%2Fevacuate&text=&user_id=U0ALICE&channel_id=C0OPS&trigger_id=1"
    now = str(int(SystemClock().now().timestamp()))

    async def status(*, ours: str | None, theirs: str) -> int:
        client = connect(house.served.bot_token, api_url=house.served.api_url)
        app = slack_app.build(house.desk, house.people, client, signing_secret=ours)
        signature = str(SignatureVerifier(theirs).generate_signature(timestamp=now, body=body))
        headers: dict[str, str | Sequence[str]] = {"x-slack-request-timestamp": [now], "x-slack-signature": [signature]}
        return (await app.async_dispatch(AsyncBoltRequest(body=body, headers=headers))).status

    assert await status(ours="the real one", theirs="the real one") == 200
    assert await status(ours="the real one", theirs="guessed") == 401
    assert await status(ours=None, theirs="guessed") == 401
