"""What stands in Slack agrees with what is stored: cards, lines in order, private notes."""

import asyncio

import pytest

from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import State
from bot.domain.values import Facts, UserId
from tests.news import news_of
from tests.slack.conftest import Office, operation
from tests.slack.views.examples import plan, records


async def test_an_operation_is_shown_once_and_rewritten_as_it_changes(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: "Waiting for approval" in office.cards()[0].plain, board)
    assert len(office.cards()) == 1
    assert office.cards()[0].buttons == ["Approve", "Reject", "Re-check", "Details", "Cancel"]
    assert office.calls.count("chat.update") == 1


async def test_progress_rewrites_a_card_every_three_seconds_at_most_and_another_state_at_once(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    edits = office.calls.count("chat.update")
    for _ in range(30):
        await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
        await board.round()
        await office.clock.pass_time(1)
    assert office.calls.count("chat.update") - edits <= 11
    await board.round()
    await office.move(shown, State.DENIED)
    await board.round()
    assert "Rejected" in office.cards()[0].plain


async def test_many_cards_share_what_slack_allows_for_edits(office: Office) -> None:
    board = office.board()
    all_shown = [await office.add(operation(f"OP{n}")) for n in range(40)]
    await office.until(lambda: len(office.cards()) == 40, board)
    for _ in range(3):
        for shown in all_shown:
            await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
        await office.quiet(board, seconds=10)
    for shown in all_shown:
        await office.move(shown, State.DENIED)
    await office.until(lambda: all("Rejected" in c.plain for c in office.cards()), board)
    assert office.too_many == []


async def test_a_pause_is_shown_in_the_next_round_however_many_operations_are_moving(office: Office) -> None:
    board = office.board()
    moving = [await office.add(operation(f"OP{n}")) for n in range(10)]
    await office.until(lambda: len(office.cards()) == 10, board)
    for _ in range(40):
        for one in moving:
            await office.move(one, State.RUNNING, plan=plan())
        await office.quiet(board, seconds=1)
    await office.move(moving[9], State.PAUSED)
    await board.round()
    assert "Paused" in office.cards()[9].plain
    assert office.too_many == []


async def test_a_pause_is_shown_in_the_next_round_though_many_operations_have_just_begun(office: Office) -> None:
    board = office.board()
    begun = [await office.add(operation(f"OP{n}")) for n in range(10)]
    await office.until(lambda: len(office.cards()) == 10, board)
    for state in (State.AWAITING_APPROVAL, State.QUEUED, State.RUNNING):
        for one in begun:
            await office.move(one, state, plan=plan())
        await office.quiet(board, seconds=1)
    assert sum("Running" in card.plain for card in office.cards()) < 10
    await office.move(begun[9], State.PAUSED)
    await office.move(begun[8], State.STOPPING)
    await board.round()
    assert "Paused" in office.cards()[9].plain
    assert "Stopping" in office.cards()[8].plain
    assert office.too_many == []


async def test_an_answer_comes_before_the_cards_that_are_behind(office: Office) -> None:
    board = office.board()
    shown = [await office.add(operation(f"OP{n}")) for n in range(3)]
    await office.until(lambda: len(office.cards()) == 3, board)
    for one in shown:
        await office.move(one, State.RUNNING, plan=plan())
    await office.whisper("U0ALICE", "the answer")
    before = len(office.calls)
    await board.round()
    said = [call for call in office.calls[before:] if call in {"chat.postEphemeral", "chat.update"}]
    assert said == ["chat.postEphemeral", "chat.update", "chat.update", "chat.update"]


async def test_an_answer_is_told_in_the_next_round_however_many_lines_wait(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(lambda: office.cards() != [], board)
    done = news_of(Kind.VM_DONE, {"title": "evacuate web", "place": "c-2", "seconds": 4}, operation=shown.id)
    await office.tell(*([done] * 1_500))
    await office.whisper("U0ALICE", "the answer")
    before = len(office.calls)
    await board.round()
    assert office.calls[before] == "chat.postEphemeral"


async def test_lines_stand_under_the_card_in_the_order_in_which_they_were_stored(office: Office) -> None:
    shown = await office.add(operation())
    for n in range(12):
        await office.line(shown, f"line {n:02d}")
    board = office.board()
    await office.until(lambda: office.cards() and len(office.thread(office.cards()[0])) == 12, board)
    assert office.thread(office.cards()[0]) == [f"Phase: *line {n:02d}*" for n in range(12)]
    assert office.too_many == []


async def test_vms_that_got_there_while_the_board_was_busy_are_told_in_one_line(office: Office) -> None:
    shown = await office.add(operation())
    done = [
        news_of(Kind.VM_DONE, {"title": f"evacuate web-{n}", "place": "c-2", "seconds": 4}, operation=shown.id)
        for n in range(12)
    ]
    await office.tell(*done, news_of(Kind.FINISHED, {"seconds": 60}, operation=shown.id))
    await office.until(lambda: office.cards() and len(office.thread(office.cards()[0])) == 2, office.board())
    first, last = office.thread(office.cards()[0])
    assert first.startswith(":white_check_mark: 12 VMs done (evacuate):")
    assert ":checkered_flag: Done" in last


async def test_the_silence_of_a_cloud_is_one_line_that_is_written_anew(office: Office) -> None:
    shown = await office.add(operation())
    board, since = office.board(), "2026-11-21T03:00:00+00:00"
    for kind, seconds in ((Kind.CLOUD_SILENT, 20), (Kind.CLOUD_SILENT, 300), (Kind.CLOUD_BACK, 320)):
        facts: Facts = {"sentence": "Nova answered 503.", "remedy": "", "seconds": seconds, "since": since}
        await office.tell(news_of(kind, facts, operation=shown.id))
        await office.quiet(board, seconds=5)
    (line,) = office.thread(office.cards()[0])
    assert line.startswith(":satellite_antenna: The cloud answers again. It had not for 5 min, since")
    card = office.cards()[0]
    office.workspace.remove_message(office.workspace.thread(card.channel, card.ts)[0])
    await office.tell(news_of(Kind.CLOUD_SILENT, {"seconds": 60, "since": since}, operation=shown.id))
    await office.quiet(board, seconds=5)
    (line,) = office.thread(office.cards()[0])
    assert line.startswith(":satellite_antenna: The cloud has not answered for 1 min, since")


async def test_a_cloud_that_answers_and_does_not_tell_what_must_be_known_is_not_called_silent(office: Office) -> None:
    shown = await office.add(operation())
    board = office.board()
    facts: Facts = {"seconds": 20, "since": "2026-11-21T03:00:00+00:00"}
    unknown: Facts = {"sentence": "Cinder lists no service.", "answers": True, **facts}
    await office.tell(news_of(Kind.CLOUD_SILENT, unknown, operation=shown.id))
    await office.quiet(board, seconds=5)
    (line,) = office.thread(office.cards()[0])
    assert line.startswith(":satellite_antenna: The cloud has not told what must be known for 20 s, since")
    assert "Cinder lists no service. Muster keeps asking." in line
    await office.tell(news_of(Kind.CLOUD_BACK, {"answered": True, **facts}, operation=shown.id))
    await office.quiet(board, seconds=5)
    (line,) = office.thread(office.cards()[0])
    assert line.startswith(":satellite_antenna: The cloud tells what must be known again. It had not for 20 s, since")


async def test_the_incident_channel_hears_of_it_with_a_link_to_the_card(office: Office) -> None:
    shown = await office.add(operation(plan=plan()))
    await office.tell(news_of(Kind.STARTED, audience=Audience.INCIDENT, operation=shown.id))
    await office.until(lambda: office.cards("C0INCIDENT"), office.board())
    (line,) = office.cards("C0INCIDENT")
    assert line.plain.startswith("*Evacuate `prod/h-OP1`* (3 VMs): :arrow_forward: Started.")
    assert office.workspace.permalink(office.cards()[0]) in line.plain


async def test_without_an_incident_channel_nothing_waits_for_one(office: Office) -> None:
    office.incident_channel = ""
    shown = await office.add(operation())
    await office.tell(news_of(Kind.STARTED, audience=Audience.INCIDENT, operation=shown.id))
    await office.quiet(office.board())
    async with office.archive.unit() as unit:
        assert await unit.outbox.waiting(limit=10) == []


async def test_a_refusal_is_seen_by_the_one_who_tried_and_by_nobody_else(office: Office) -> None:
    await office.whisper("U0DAVE", "You are not an approver for this.")
    await office.until(lambda: office.notes("U0DAVE"), office.board())
    assert office.notes("U0DAVE") == [":no_entry: You are not an approver for this."]
    assert office.cards() == []
    assert office.notes("U0ALICE") == []


async def test_a_refusal_links_to_the_card_of_the_operation_that_is_in_the_way(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    news = news_of(
        Kind.REFUSED,
        {"sentence": "Another operation holds this host.", "link_to": shown.id},
        audience=Audience.PERSON,
        person=UserId("U0ALICE"),
        channel="C0OPS",
    )
    await office.tell(news)
    await office.until(lambda: office.notes("U0ALICE"), board)
    assert office.workspace.permalink(office.cards()[0]) in office.notes("U0ALICE")[0]


async def test_where_muster_is_not_a_member_a_private_answer_comes_as_a_direct_message(office: Office) -> None:
    await office.whisper("U0ALICE", "No cloud has such a host.", channel="C0RANDOM")
    await office.until(lambda: office.dms("U0ALICE"), office.board())
    assert office.dms("U0ALICE") == [":no_entry: No cloud has such a host."]


async def test_where_muster_may_not_post_the_requester_gets_the_card_and_hears_what_to_do(office: Office) -> None:
    workspace = office.served.workspace  # a member's rights are what is left without this scope
    workspace.app = workspace.app.with_scopes(*(set(workspace.app.scopes) - {"chat:write.public"}))
    office.incident_channel = ""
    board = office.board()
    shown = await office.add(operation(channel="G0SECRET"))
    await office.until(lambda: office.dms("U0ALICE"), board)
    assert "Muster cannot post in <#G0SECRET>" in office.dms("U0ALICE")[0]
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: "Waiting for approval" in office.dms("U0ALICE")[0], board)
    assert "Muster cannot post in <#G0SECRET>" in office.dms("U0ALICE")[0]
    assert len(office.dms("U0ALICE")) == 1


async def test_a_card_that_nobody_can_be_shown_is_tried_again_until_somebody_can(office: Office) -> None:
    office.incident_channel = ""
    board = office.board()
    await office.add(operation(channel="G0SECRET"))
    office.served.faults.refuse("user_disabled", method="conversations.open", times=1_000)
    await office.quiet(board, seconds=600, step=5)
    assert office.calls.count("chat.postMessage") < 20
    office.workspace.channels["G0SECRET"].members.add("U0MUSTER")
    await office.until(lambda: office.cards("G0SECRET"), board)


async def test_news_for_somebody_who_left_is_given_up_and_holds_nobody_else_up(office: Office) -> None:
    await office.whisper("U0GONE", "Never read.")
    await office.whisper("U0DAVE", "Read.")
    board = office.board()
    await office.until(lambda: office.notes("U0DAVE"), board)
    await office.quiet(board)
    async with office.archive.unit() as unit:
        assert await unit.outbox.waiting(limit=10) == []


async def test_blocks_that_slack_refuses_become_a_plainer_card_that_keeps_its_buttons(office: Office) -> None:
    await office.add(operation(state=State.AWAITING_APPROVAL, plan=plan()))
    office.served.faults.refuse("invalid_blocks", method="chat.postMessage")
    await office.until(office.cards, office.board())
    (card,) = office.cards()
    assert "Waiting for approval" in card.plain
    assert "Approve" in card.buttons


async def test_when_no_blocks_are_taken_the_words_alone_are_posted(office: Office) -> None:
    await office.add(operation(state=State.AWAITING_APPROVAL, plan=plan()))
    for method in ("chat.postMessage", "chat.update"):
        office.served.faults.refuse("invalid_blocks", method=method, times=4)
    await office.until(office.cards, office.board())
    assert office.cards()[0].blocks == []
    assert "Waiting for approval" in office.cards()[0].text


async def test_a_card_that_somebody_deleted_is_posted_anew_and_the_story_goes_on_under_it(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    first = office.cards()[0]
    await office.client.chat_delete(channel="C0OPS", ts=first.ts)
    await office.line(shown, "after the deletion")
    await office.until(lambda: office.cards() and office.thread(office.cards()[0]), board)
    assert office.cards()[0].ts != first.ts
    assert office.thread(office.cards()[0]) == ["Phase: *after the deletion*"]


async def test_a_card_deleted_before_an_edit_is_posted_anew(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    await office.client.chat_delete(channel="C0OPS", ts=office.cards()[0].ts)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: office.cards() and "Waiting" in office.cards()[0].plain, board)
    assert len(office.cards()) == 1


async def test_a_long_story_of_one_operation_does_not_silence_the_others(office: Office) -> None:
    long = await office.add(operation("OP1"))
    short = await office.add(operation("OP2"))
    for n in range(60):
        await office.line(long, f"line {n:02d}")
    await office.line(short, "only line")
    board = office.board()
    await office.until(lambda: len(office.cards()) == 2 and office.thread(office.cards()[1]), board, seconds=10)


async def test_a_thousand_vms_break_neither_a_limit_nor_the_order(office: Office) -> None:
    of = plan(1_000)
    rows = records(State.RUNNING, of)
    shown = await office.add(operation(state=State.RUNNING, plan=of, started_at=office.clock.now()), rows)
    board = office.board()
    for batch in range(20):
        done = [
            news_of(
                Kind.VM_DONE, {"title": f"evacuate web-{n}", "place": f"c-{n % 7}", "seconds": 9.5}, operation=shown.id
            )
            for n in range(batch * 50, batch * 50 + 50)
        ]
        await office.tell(*done)
        async with office.archive.unit() as unit:
            await unit.steps.save(shown.id, [(rows[batch], None)])
            await unit.commit()
        await office.quiet(board, seconds=3)
    await office.line(shown, "the end")
    await office.until(lambda: office.thread(office.cards()[0])[-1:] == ["Phase: *the end*"], board)
    said = office.thread(office.cards()[0])
    assert sum(int(line.split()[1]) for line in said if "done" in line) == 1_000
    assert len(said) < 30
    assert office.too_many == []


async def test_the_board_works_until_it_is_cancelled_and_hears_the_bell(office: Office) -> None:
    board = office.board()
    task = asyncio.create_task(board.run())
    try:
        await office.add(operation())  # its commit rings the bell
        await office.workspace.until(office.cards)
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
