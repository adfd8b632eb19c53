"""How many transactions the board takes turns for: none to look, one for an edit, two around a post."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from bot.domain.operation import State
from bot.domain.ports import Archive, Rank
from bot.slack.outbound.board import Board
from tests.clocks import ManualClock
from tests.slack.conftest import RULES, Office, operation
from tests.slack.views.examples import plan


class CountingArchive:
    """Hands everything on, and counts the turns that are taken, and what is read beside them."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.turns = 0
        self.read = 0

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.PEOPLE) -> AsyncIterator[Any]:
        self.turns += 1
        async with self._archive.unit(rank) as unit:
            yield unit

    def reading(self) -> AbstractAsyncContextManager[Any]:
        self.read += 1
        return self._archive.reading()


class SlowSlackClock(ManualClock):
    """By it, each call to Slack takes 0.6 s."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.clock.now())
        self._calls = office.calls

    def monotonic(self) -> float:
        return 0.6 * len(self._calls)


async def test_a_round_of_lines_is_cut_short_so_that_an_answer_waits_for_few_of_them(office: Office) -> None:
    shown = [
        await office.add(operation(f"OP{n}", channel=f"C0{name}")) for n, name in enumerate(["OPS", "INCIDENT"] * 5)
    ]
    await office.until(lambda: len(office.cards() + office.cards("C0INCIDENT")) == 10, office.board())
    for one in shown:
        await office.line(one, "a line")
    board = Board(office.archive, SlowSlackClock(office), office.bell, office.client, RULES)
    before = len(office.calls)
    assert await board.round()
    assert office.calls[before:].count("chat.postMessage") <= 3
    await office.whisper("U0ALICE", "the answer")
    before = len(office.calls)
    await board.round()
    assert office.calls[before] == "chat.postEphemeral"


async def test_a_look_takes_no_turn_an_edit_one_and_a_post_two(office: Office) -> None:
    counting = CountingArchive(office.archive)
    board = office.board(counting)
    shown = [await office.add(operation(f"OP{n}")) for n in range(3)]
    for one in shown:
        for number in range(2):
            await office.line(one, f"line {number} of {one.id}")
        await office.whisper("U0ALICE", f"about {one.id}")
    await office.until(lambda: all(len(office.thread(card)) == 2 for card in office.cards()), board)
    for one in shown:
        await office.move(one, State.RUNNING, plan=plan())
    await office.quiet(board, seconds=10)
    says = ("chat.postMessage", "chat.postEphemeral")
    posts, edits = sum(office.calls.count(name) for name in says), office.calls.count("chat.update")
    assert posts >= 3 + 6 + 3
    assert edits >= 3
    assert counting.turns <= 2 * posts + edits
    before = counting.turns
    await office.quiet(board, seconds=10)
    assert counting.turns == before
    counting.read = 0
    assert not await board.round()
    assert counting.read == 1, "a round in which nothing is to be done reads once, for all of its parts"
