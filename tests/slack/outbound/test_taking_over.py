"""Slack counts what all replicas say together: one that takes over has nothing left of what the one before it spent."""

from bot.domain.operation import State
from bot.slack.outbound.board import Board
from bot.slack.outbound.rate_limits import EDIT_BURST
from tests.slack.conftest import RULES, Office, operation
from tests.slack.views.examples import plan

CARDS = 12


def speaking(office: Office, term: int) -> Board:
    """The board of the replica that leads in that term."""
    return Board(office.archive, office.clock, office.bell, office.client, RULES, term=lambda: term)


async def spent(office: Office, board: Board) -> dict[str, int]:
    """How often each method was called once the board has done all that it may do at this moment."""
    while await board.round():
        pass
    return {name: office.calls.count(name) for name in ("chat.postMessage", "chat.update")}


async def test_who_takes_over_says_no_more_at_once_than_the_one_before_could_have_left(office: Office) -> None:
    first = speaking(office, 1)
    shown = [await office.add(operation(f"OP{n}")) for n in range(CARDS)]
    await office.until(lambda: len(office.cards()) == CARDS, first)
    await office.quiet(first, seconds=20)
    for one in shown:
        await office.move(one, State.RUNNING, plan=plan())
        await office.line(one, "a line")
    before = office.calls.count("chat.update")
    left = await spent(office, first)
    assert 0 < left["chat.update"] - before <= EDIT_BURST
    second = speaking(office, 2)
    assert await spent(office, second) == left
    await office.until(lambda: all("*Running*" in str(card.blocks) for card in office.cards()), second)
    assert office.too_many == []


async def test_a_bot_that_is_alone_says_at_once_what_it_has_to_say(office: Office) -> None:
    await office.add(operation())
    assert (await spent(office, speaking(office, 0)))["chat.postMessage"] == 1
