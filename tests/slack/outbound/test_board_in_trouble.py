"""Crashes, lost answers, rate limits and outages: no line lost, none told twice, none out of its order."""

import contextlib
from functools import partial

import pytest
from structlog.testing import capture_logs

from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience, News
from bot.domain.operation import State
from bot.domain.ports import StoreFailed
from bot.domain.values import UserId
from tests.news import news_of
from tests.slack.conftest import Office, opened, operation
from tests.slack.mortal import Killed, MortalArchive
from tests.slack.views.examples import plan

WORDS = [f"line {n}" for n in range(4)]
STORY = [f"Phase: *{word}*" for word in WORDS]


async def tell_a_story(office: Office) -> None:
    """One operation, four lines, one incident line; the card moves on in between."""
    shown = await office.add(operation())
    for word in WORDS:
        await office.line(shown, word)
    await office.line(shown, "start", audience=Audience.INCIDENT)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())


def is_told(office: Office) -> bool:
    cards = office.cards()
    return (
        len(cards) == 1
        and "Waiting for approval" in cards[0].plain
        and office.thread(cards[0]) == STORY
        and len(office.cards("C0INCIDENT")) == 1
    )


async def archive_of_a_story() -> MortalArchive:
    """What telling it takes of an archive."""
    async with opened() as office:
        await tell_a_story(office)
        archive = MortalArchive(office.archive)
        await office.until(lambda: is_told(office), office.board(archive))
        return archive


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_killed_at_any_commit_the_next_board_tells_the_rest_and_nothing_twice(after: bool) -> None:
    for at in range(1, (await archive_of_a_story()).commits + 1):
        async with opened() as office:
            await tell_a_story(office)
            mortal, is_so = MortalArchive(office.archive, at=at, after=after), partial(is_told, office)
            with contextlib.suppress(Killed):
                await office.until(is_so, office.board(mortal))
            board = office.board()
            await office.until(is_so, board, seconds=60)
            await office.quiet(board, seconds=5)
            assert is_told(office), office.workspace.transcript()


@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update", "chat.getPermalink"])
async def test_answers_that_get_lost_lose_no_line_and_double_none(office: Office, method: str) -> None:
    await tell_a_story(office)
    office.served.faults.lose_reply(method=method, times=3)
    board = office.board()
    await office.until(lambda: is_told(office), board)
    (shown,) = await office.all()
    await office.move(shown, State.DENIED)
    await office.until(lambda: "Rejected" in office.cards()[0].plain, board)
    assert office.served.faults.used["lost_reply"] >= 1
    await office.quiet(board)
    assert [office.thread(card) for card in office.cards()] == [STORY]
    assert len(office.cards("C0INCIDENT")) == 1


async def test_lines_told_together_are_found_again_one_by_one(office: Office) -> None:
    """The answer to "2 done" is lost, and more have queued up since."""
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    await office.clock.pass_time(1)

    def done(n: int) -> News:
        return news_of(Kind.VM_DONE, {"title": f"evacuate web-{n}", "place": "c-2"}, operation=shown.id)

    await office.tell(done(0), done(1))
    office.served.faults.lose_reply(method="chat.postMessage")
    await board.round()
    await office.tell(done(2), done(3))
    await office.until(lambda: len(office.thread(office.cards()[0])) == 2, board)
    await office.quiet(board)
    first, second = office.thread(office.cards()[0])
    assert "web-0, web-1" in first
    assert "web-2, web-3" in second


async def test_slack_says_how_long_to_wait_and_is_obeyed(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.served.faults.rate_limit(30, method="chat.postMessage")
    for word in WORDS:
        await office.line(shown, word)
    await office.quiet(board, seconds=29)
    assert office.thread(office.cards()[0]) == []
    assert office.too_many == ["chat.postMessage"]
    await office.until(lambda: office.thread(office.cards()[0]) == STORY, board, seconds=20)


async def test_what_slack_says_to_one_post_holds_for_all(office: Office) -> None:
    board = office.board()
    shown = [await office.add(operation(f"OP{n}", channel=c)) for n, c in enumerate(("C0OPS", "C0INCIDENT"))]
    await office.until(lambda: office.cards() and office.cards("C0INCIDENT"), board)
    await office.clock.pass_time(2)
    office.served.faults.rate_limit(30, method="chat.postMessage")
    for one in shown:
        await office.line(one, "waits")
    before = office.calls.count("chat.postMessage")
    await office.quiet(board, seconds=29)
    assert office.calls.count("chat.postMessage") == before + 1
    await office.until(lambda: office.thread(office.cards("C0INCIDENT")[0]), board, seconds=5)


async def test_while_posting_is_limited_cards_are_still_rewritten(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.served.faults.rate_limit(60, method="chat.postMessage")
    await office.line(shown, "waits")
    await board.round()
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: "Waiting" in office.cards()[0].plain, board, seconds=10)


async def test_after_half_an_hour_without_slack_every_line_is_told_in_its_order(office: Office) -> None:
    office.served.faults.outage_until = office.clock.now().timestamp() + 1_800
    await tell_a_story(office)
    await office.whisper("U0DAVE", "You are not an approver.")
    board = office.board()
    await office.quiet(board, seconds=1_790, step=5)
    assert office.cards() == []
    await office.until(lambda: is_told(office) and office.notes("U0DAVE"), board, seconds=120)
    assert len(office.notes("U0DAVE")) == 1
    assert len(office.calls) < 400  # it kept asking, and did not hammer


@pytest.mark.parametrize("by", [-86_400, -3_600, 3_600, 86_400])
async def test_setting_the_clock_holds_up_nothing_that_waits_for_slack(office: Office, by: float) -> None:
    office.served.faults.fail(method="*", times=2)
    await tell_a_story(office)
    await office.whisper("U0DAVE", "You are not an approver.")
    board = office.board()
    while await board.round():
        pass
    office.clock.set_by(by)
    await office.until(lambda: is_told(office) and office.notes("U0DAVE"), board, seconds=30)


async def test_setting_the_clock_makes_nobody_speak_faster_than_slack_takes_it(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    for word in WORDS:
        await office.line(shown, word)
    for _ in WORDS:
        while await board.round():
            pass
        office.clock.set_by(60)
    assert len(office.thread(office.cards()[0])) <= 1


async def test_a_token_that_is_revoked_for_a_while_loses_nothing(office: Office) -> None:
    office.served.faults.refuse("invalid_auth", method="*", times=3)
    await tell_a_story(office)
    await office.until(lambda: is_told(office), office.board())


async def test_without_the_right_to_read_history_a_lost_answer_still_loses_no_line(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.served.faults.refuse("missing_scope", method="conversations.[hr]*", times=1_000)
    office.served.faults.lose_reply(method="chat.postMessage")
    await office.line(shown, "told at least once")
    await office.quiet(board)
    assert set(office.thread(office.cards()[0])) == {"Phase: *told at least once*"}


async def test_without_the_right_to_read_history_a_lost_answer_still_loses_no_card(office: Office) -> None:
    office.served.faults.refuse("missing_scope", method="conversations.[hr]*", times=1_000)
    office.served.faults.lose_reply(method="chat.postMessage")
    shown = await office.add(operation())
    board = office.board()
    await office.until(office.cards, board)
    await office.quiet(board)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: "Waiting for approval" in office.cards()[-1].plain, board)


async def test_without_the_right_to_ask_for_links_the_line_is_told_without_one(office: Office) -> None:
    office.served.faults.refuse("missing_scope", method="chat.getPermalink", times=1_000)
    await tell_a_story(office)
    await office.until(lambda: is_told(office), office.board())
    assert "Open the card" not in office.cards("C0INCIDENT")[0].plain


async def test_without_the_right_to_write_directly_other_private_notes_still_arrive(office: Office) -> None:
    office.served.faults.refuse("missing_scope", method="conversations.open", times=1_000)
    await office.whisper("U0ALICE", "Not here.", channel="C0RANDOM")
    await office.whisper("U0ALICE", "But here.")
    await office.until(lambda: office.notes("U0ALICE"), office.board())
    assert office.notes("U0ALICE") == [":no_entry: But here."]


async def test_an_archived_channel_holds_up_neither_the_board_nor_other_channels(office: Office) -> None:
    there = await office.add(operation("OP1", channel="C0INCIDENT"))
    board = office.board()
    await office.until(lambda: office.cards("C0INCIDENT"), board)
    office.workspace.channels["C0INCIDENT"].is_archived = True
    await office.line(there, "unheard")
    await office.move(there, State.AWAITING_APPROVAL, plan=plan())
    here = await office.add(operation("OP2"))
    await office.line(here, "heard")
    await office.until(lambda: office.cards() and office.thread(office.cards()[0]), board, seconds=20)
    async with office.archive.unit() as unit:
        assert await unit.outbox.waiting(limit=10) == []


async def test_a_direct_message_whose_answer_was_lost_is_not_sent_again(office: Office) -> None:
    await office.whisper("U0ALICE", "Not here.", channel="C0RANDOM")
    office.served.faults.lose_reply(method="chat.postMessage")
    board = office.board()
    await office.quiet(board)
    assert office.dms("U0ALICE") == [":no_entry: Not here."]


@pytest.mark.parametrize(
    ("failure", "told"), [(StoreFailed("The disk is full."), []), (KeyError("x"), ["the board stumbled"] * 2)]
)
async def test_what_fails_for_a_while_does_not_end_the_board_and_is_logged_once_each_time_but_by_the_archive_itself(
    office: Office, failure: Exception, told: list[str]
) -> None:
    await tell_a_story(office)
    flaky = MortalArchive(office.archive)
    flaky.failure = failure
    flaky.is_broken = True
    board = office.board(flaky)
    with capture_logs() as logs:
        for _ in range(3):
            assert await board.round() is False
        flaky.is_broken = False
        await office.until(lambda: is_told(office), board)
        flaky.is_broken = True
        assert await board.round() is False
    assert [line["event"] for line in logs] == told


@pytest.mark.parametrize("first", [4, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2, 3, 5))])
async def test_whichever_transaction_fails_once_the_story_is_told_as_ever_and_the_log_has_no_traceback(
    first: int,
) -> None:
    for at in range(first, (await archive_of_a_story()).begun + 1, 5):
        async with opened() as office:
            await tell_a_story(office)
            with capture_logs() as logs:
                board = office.board(MortalArchive(office.archive, fails_at=at))
                await office.quiet(board, seconds=20)
            assert is_told(office), (at, office.workspace.transcript())
            assert [line for line in logs if line["log_level"] in {"error", "warning"}] == []


async def test_a_reason_that_nobody_foresaw_is_retried_and_then_given_up(office: Office) -> None:
    office.served.faults.refuse("some_new_error", method="chat.postEphemeral", times=1_000)
    await office.tell(
        news_of(Kind.NOTED, {"sentence": "x"}, audience=Audience.PERSON, person=UserId("U0DAVE"), channel="C0OPS")
    )
    board = office.board()
    await office.quiet(board, seconds=600, step=5)
    assert office.calls.count("chat.postEphemeral") == 10
    async with office.archive.unit() as unit:
        assert await unit.outbox.waiting(limit=10) == []
