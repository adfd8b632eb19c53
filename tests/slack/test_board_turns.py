"""How many transactions the board takes turns for: none to look, one for an edit, two around a post."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from bot.domain.operation import State
from bot.domain.ports import Archive, Rank
from tests.slack.conftest import Office, operation
from tests.views.examples import plan


class CountingArchive:
    """Hands everything on, and counts the turns that are taken."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.turns = 0

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.PEOPLE) -> AsyncIterator[Any]:
        self.turns += 1
        async with self._archive.unit(rank) as unit:
            yield unit

    def reading(self) -> AbstractAsyncContextManager[Any]:
        return self._archive.reading()


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
