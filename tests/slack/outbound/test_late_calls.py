"""Slack carries a call out long after its answer was given up: what it asks stands once, and the newest word last."""

import pytest

from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.slack.late_calls import LATE_SECONDS
from bot.slack.outbound.board import Board
from tests.slack.conftest import RULES, Office, operation
from tests.slack.views.examples import plan

LATE = 20.0


def speaking(office: Office, term: int) -> Board:
    """The board of the replica that leads in that term."""
    return Board(office.archive, office.clock, office.bell, office.client, RULES, "C0INCIDENT", term=lambda: term)


async def test_a_card_that_is_posted_long_after_its_answer_was_given_up_stands_once(office: Office) -> None:
    await office.add(operation())
    office.served.faults.come_late(LATE, method="chat.postMessage")
    await office.quiet(office.board(), seconds=120)
    assert office.served.faults.used == {"late": 1}
    assert len(office.cards()) == 1


@pytest.mark.parametrize("audience", [Audience.THREAD, Audience.INCIDENT])
async def test_lines_that_are_posted_long_after_their_answers_were_given_up_stand_once_and_in_order(
    office: Office, audience: Audience
) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.served.faults.come_late(LATE, method="chat.postMessage", times=2)
    for words in ("one", "two", "three"):
        await office.line(shown, words, audience=audience)
    await office.quiet(board, seconds=240)
    where = (
        office.thread(office.cards()[0])
        if audience is Audience.THREAD
        else [m.plain for m in office.cards("C0INCIDENT")]
    )
    assert [next(word for word in ("one", "two", "three") if word in line) for line in where] == ["one", "two", "three"]


async def test_a_line_that_may_still_appear_is_not_counted_as_tried_again(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.served.faults.come_late(1_000, method="chat.postMessage")
    await office.line(shown, "one")
    await office.until(lambda: office.served.faults.used["late"], board)
    await office.quiet(board, seconds=LATE)
    async with office.archive.reading() as unit:
        (line,) = await unit.outbox.waiting(limit=10)
    assert (line.tries, office.thread(office.cards()[0])) == (1, [])


async def test_who_takes_over_posts_nothing_that_the_one_before_may_still_have_on_its_way(office: Office) -> None:
    await office.add(operation())
    office.served.faults.come_late(LATE, method="chat.postMessage")
    first = speaking(office, 1)
    while await first.round():
        pass
    assert office.cards() == []
    await office.clock.pass_time(6)
    await office.quiet(speaking(office, 2), seconds=120)
    assert len(office.cards()) == 1


@pytest.mark.parametrize("second_term", [1, 2], ids=["the same one", "who takes over"])
async def test_a_card_does_not_go_back_to_what_an_edit_says_that_comes_late(office: Office, second_term: int) -> None:
    first = speaking(office, 1)
    shown = await office.add(operation())
    await office.until(office.cards, first)
    await office.quiet(first, seconds=60)
    office.served.faults.come_late(LATE, method="chat.update")
    await office.move(shown, State.RUNNING, plan=plan())
    await office.until(lambda: office.served.faults.used["late"], first)
    await office.move(shown, State.SUCCEEDED)
    second = first if second_term == 1 else speaking(office, 2)
    await office.until(lambda: "Done and verified" in office.cards()[0].plain, second, seconds=LATE)
    await office.quiet(second, seconds=2 * LATE_SECONDS)
    assert "Done and verified" in office.cards()[0].plain
    edits = office.calls.count("chat.update")
    await office.quiet(second, seconds=2 * LATE_SECONDS)
    assert office.calls.count("chat.update") == edits


async def test_edits_that_are_made_again_take_none_from_what_somebody_has_just_paused(office: Office) -> None:
    board = speaking(office, 2)
    shown = [await office.add(operation(f"OP{number}")) for number in range(12)]
    await office.until(lambda: len(office.cards()) == 12, board)
    for one in shown:
        await office.move(one, State.RUNNING, plan=plan())
    began = office.calls.count("chat.update")
    await office.quiet(board, seconds=LATE_SECONDS - 12)
    assert office.calls.count("chat.update") == began + 12
    while office.calls.count("chat.update") == began + 12:
        await office.quiet(board, seconds=1)
    await office.move(shown[0], State.PAUSED)
    await office.until(lambda: "*Paused" in office.cards()[0].plain, board, seconds=1)
    await office.quiet(board, seconds=60)
    assert office.calls.count("chat.update") == began + 12 + 1 + 12, "each once again"


async def test_what_never_comes_is_posted_anew_when_it_cannot_come_any_more(office: Office) -> None:
    await office.add(operation())
    office.served.faults.come_late(1_000, method="chat.postMessage")
    await office.until(office.cards, office.board(), seconds=2 * LATE_SECONDS)


@pytest.mark.parametrize("by", [-3_600, 3_600])
async def test_nobody_waits_longer_for_it_when_the_clock_is_set(office: Office, by: float) -> None:
    board = office.board()
    await office.add(operation())
    office.served.faults.come_late(1_000, method="chat.postMessage")
    await office.until(lambda: office.served.faults.used["late"], board)
    office.clock.set_by(by)
    await office.until(office.cards, board, seconds=2 * LATE_SECONDS)


async def test_an_answer_that_it_is_in_trouble_is_waited_for_no_longer_than_before(office: Office) -> None:
    await office.add(operation())
    office.served.faults.fail(500, method="chat.postMessage")
    await office.until(office.cards, office.board(), seconds=5)
