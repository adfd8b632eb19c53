"""Windows in which somebody says no, or yes in so many words."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.demo.block_kit.blockkit import check_blocks, check_view
from bot.domain.counting import counted
from bot.domain.operation import Choice, Operation, State, Vote
from bot.domain.plans.plan import Finding, Plan, Topic, Verdict
from bot.domain.values import Json, UserId
from bot.slack.views.cards import card
from bot.slack.views.message import Message
from bot.slack.views.windows import confirm, window
from tests.slack.views import golden, sent
from tests.slack.views.examples import DIGEST, HOSTILE, NOW, RULE, operation, plan
from tests.slack.views.limits import assert_slack_takes, visible_text

DEAD = "compute-89 is dead: nobody could read its power"
TYPED = replace(RULE, typed_confirmation=True)


def grave(sentence: str = DEAD, *, name: str = "", losing: int = 2) -> Plan:
    """A plan that two people must vouch for."""
    unproven = Finding(
        code="unproven-death",
        verdict=Verdict.WARNING,
        topic=Topic.EVIDENCE,
        sentence="Nobody read the power state.",
        vouch=sentence,
    )
    made = plan(3, name=name, losing=losing)
    return replace(made, findings=(*made.findings, unproven))


def asked(of: Plan, *votes: Vote, name: str = "") -> Operation:
    return operation(State.AWAITING_APPROVAL, of=of, name=name, votes=votes)


def vouched(by: str, choice: Choice = Choice.APPROVE) -> Vote:
    return Vote(by=UserId(by), choice=choice, digest=DIGEST, at=NOW, vouched=grave().vouches)


def buttons(shown: Operation, rule: Any = RULE) -> dict[str, str]:
    """The action behind each label."""
    return {e["text"]["text"]: e["action_id"] for e in sent.buttons(card.render(shown, (), rule, now=NOW))}


def submitted(drawn: dict[str, Json], *, host: str, ticked: tuple[int, ...]) -> dict[str, Any]:
    values: dict[str, Any] = {"host": {"host": {"value": host}}}
    for place in range(2):
        options = [{"value": "yes"}] if place in ticked else []
        values[f"vouch-{place}"] = {"vouch": {"selected_options": options}}
    return {"private_metadata": drawn["private_metadata"], "state": {"values": values}}


def test_windows_are_such_as_slack_takes_whatever_the_host_is_called() -> None:
    for words in HOSTILE:
        shown = asked(grave(words, name=words), name=words)
        for view in (
            window.reject(shown, channel="C0OPS"),
            window.break_glass(shown, RULE, by=UserId("U0DAVE"), channel="C0OPS"),
            window.yes(shown, RULE, Choice.APPROVE, by=UserId("U0DAVE"), channel="C0OPS"),
            window.yes(shown, TYPED, Choice.VOUCH, by=UserId("U0DAVE"), channel="C0OPS"),
        ):
            assert check_view(view) == []
            assert len(str(view["private_metadata"])) <= 3_000


def test_a_window_carries_exactly_the_plan_that_was_shown() -> None:
    shown = operation(State.AWAITING_APPROVAL, requested_by=UserId("U0ALICE"))
    drawn = window.break_glass(replace(shown, votes=()), replace(RULE, quorum=2), by=UserId("U0DAVE"), channel="C0OPS")
    carried = json.loads(str(drawn["private_metadata"]))
    assert carried == {"op": "K7M2PQRS", "digest": DIGEST, "channel": "C0OPS", "host": "compute-89"}
    assert "with 0 of 2 approvals" in str(drawn["blocks"])


def test_a_yes_that_two_must_vouch_for_shows_each_sentence_with_a_box_of_its_own() -> None:
    drawn: Any = window.yes(asked(grave()), RULE, Choice.APPROVE, by=UserId("U0DAVE"), channel="C0OPS")
    shown = Message(text=str(drawn["title"]), blocks=tuple(drawn["blocks"]))
    golden.check("window-approve", shown)
    assert check_blocks(sent.blocks(shown)) == []
    assert [block["optional"] for block in sent.blocks(shown, "input")] == [False, False, False]


@pytest.mark.parametrize(
    ("host", "ticked", "complained"),
    [
        ("compute-89", (0, 1), set()),
        (" compute-89 ", (0, 1), set()),
        ("Compute-89", (0, 1), {"host"}),
        ("compute-8", (0, 1), {"host"}),
        ("", (0, 1), {"host"}),
        ("compute-89", (0,), {"vouch-1"}),
        ("compute-8", (), {"host", "vouch-0", "vouch-1"}),
    ],
)
def test_a_wrong_name_and_a_box_without_a_tick_are_complained_of(
    host: str, ticked: tuple[int, ...], complained: set[str]
) -> None:
    drawn = window.yes(asked(grave()), RULE, Choice.APPROVE, by=UserId("U0DAVE"), channel="C0OPS")
    view = submitted(drawn, host=host, ticked=ticked)
    assert set(confirm.complaints(view)) == complained
    assert confirm.ticked_in(view) == ticked


def test_a_window_without_these_fields_is_complained_of_for_nothing() -> None:
    drawn = window.break_glass(asked(plan()), RULE, by=UserId("U0DAVE"), channel="C0OPS")
    assert confirm.complaints({"private_metadata": drawn["private_metadata"], "state": {"values": {}}}) == {}
    assert "host" not in str(drawn["blocks"])


def test_approve_is_one_click_with_a_question_until_more_than_a_click_is_needed() -> None:
    assert buttons(asked(plan()))["Approve"] == "approve"
    assert buttons(asked(plan()), TYPED)["Approve"] == "approve_confirmed"
    assert buttons(asked(grave(losing=0)))["Approve"] == "approve_confirmed"
    assert buttons(asked(plan(losing=1)))["Approve"] == "approve_confirmed"


def test_the_requester_has_a_button_to_vouch_until_they_have() -> None:
    assert "Vouch" not in buttons(asked(plan()), TYPED)
    assert "Vouch" in buttons(asked(grave()))
    assert "Vouch" in buttons(asked(grave(), vouched("U0CHIEF")))
    assert "Vouch" not in buttons(asked(grave(), vouched("U0ALICE", Choice.VOUCH)))


def test_votes_are_shown_as_they_come_with_who_and_when() -> None:
    drawn = card.render(asked(plan(), vouched("U0CHIEF")), (), replace(RULE, quorum=2), now=NOW)
    assert "*Waiting for approval*, 1 of 2, by <@U0CHIEF> at <!date^" in "\n".join(visible_text(drawn))


def test_the_card_says_who_vouches_for_what_since_when() -> None:
    drawn = card.render(asked(grave(), vouched("U0CHIEF")), (), RULE, now=NOW)
    assert_slack_takes(drawn)
    golden.check("card-vouched-by-one", drawn)
    said = "\n".join(visible_text(drawn))
    assert f"1 of 2 vouched for *{DEAD}*, by <@U0CHIEF> at <!date^" in said
    lost = "the local disks of 2 VMs on compute-89 are lost for good: web-0, web-1"
    assert f"1 of 2 vouched for *{lost}*" in said
    assert "*Approved, but two people must vouch*, 1 of 1, by <@U0CHIEF>" in said
    assert "0 of 2 vouched for" in "\n".join(visible_text(card.render(asked(grave()), (), RULE, now=NOW)))


# what a click does now -----------------------------------------------------------------------------------------------

ALICE, BOB, CAROL = UserId("U0ALICE"), UserId("U0BOB"), UserId("U0CAROL")
STARTS, NOTHING = "Muster checks the cloud once more and starts at once", "This alone starts nothing"


def said_to(by: UserId, choice: Choice, *votes: Vote, quorum: int = 1) -> str:
    rule = replace(RULE, quorum=quorum)
    drawn: Any = window.yes(asked(grave(), *votes), rule, choice, by=by, channel="C0OPS")
    return "\n".join(visible_text(Message(text="-", blocks=tuple(drawn["blocks"]))))


def test_whoever_vouches_reads_what_the_click_does_now() -> None:
    first = said_to(ALICE, Choice.VOUCH)
    assert f"{NOTHING}: 1 more approval and a second person who vouches are still missing." in first
    assert "a second person must do so too" in first
    last = said_to(ALICE, Choice.VOUCH, vouched("U0BOB"))
    assert STARTS in last
    assert NOTHING not in last
    assert "<@U0BOB> did so already" in last
    assert "a second person must" not in last
    assert "this is no approval" not in (first + last)


@pytest.mark.parametrize(
    ("by", "votes", "quorum", "starts"),
    [
        (BOB, (), 1, False),  # nobody else vouches yet
        (BOB, (vouched("U0ALICE", Choice.VOUCH),), 1, True),
        (BOB, (vouched("U0ALICE", Choice.VOUCH),), 2, False),
        (CAROL, (vouched("U0BOB"),), 2, True),
        (CAROL, (vouched("U0BOB"),), 3, False),
    ],
)
def test_whoever_approves_reads_whether_that_starts_it(
    by: UserId, votes: tuple[Vote, ...], quorum: int, *, starts: bool
) -> None:
    said = said_to(by, Choice.APPROVE, *votes, quorum=quorum)
    assert (STARTS in said) is starts
    assert (NOTHING in said) is not starts


def test_the_question_behind_approve_says_whether_that_starts_it() -> None:
    def question(*votes: Vote, quorum: int) -> str:
        (row,) = sent.blocks(card.render(asked(plan(), *votes), (), replace(RULE, quorum=quorum), now=NOW), "actions")
        return str(row["elements"][0]["confirm"]["text"]["text"])

    assert STARTS in question(quorum=1)
    assert f"{NOTHING}: 1 more approval is still missing." in question(quorum=2)
    assert STARTS in question(vouched("U0BOB"), quorum=2)


def test_broken_glass_starts_when_its_time_has_come_and_not_at_once() -> None:
    later = replace(asked(plan()), starts_at=NOW)
    assert "starts at once" in str(window.break_glass(asked(plan()), RULE, by=BOB, channel="C0OPS"))
    assert "starts at once" not in str(window.break_glass(later, RULE, by=BOB, channel="C0OPS"))


@pytest.mark.parametrize("number", [2, 21, 60, 300])
def test_every_name_that_is_signed_for_stands_in_the_window(number: int) -> None:
    shown = asked(plan(number, losing=number))
    drawn: Any = window.yes(shown, RULE, Choice.APPROVE, by=BOB, channel="C0OPS")
    assert check_view(drawn) == []
    said = json.dumps(drawn["blocks"])
    assert f"{counted(number, 'VM')} on compute-89 are lost for good" in said
    assert all(f"{vm.name}" in said for vm in shown.plan.vms) if shown.plan else False
    assert "more on compute-89" not in said
    on_card = "\n".join(visible_text(card.render(shown, (), RULE, now=NOW)))
    assert f"the local disks of {counted(number, 'VM')} on compute-89 are lost for good" in on_card
