"""Before Muster speaks in a conversation it joins it where it may, and keeps out of what others read."""

from bot.domain.messages.news import Audience
from bot.domain.operation import State
from tests.slack.conftest import Office, operation
from tests.slack.views.examples import plan

RANDOM, LEADS, INCIDENT = "C0RANDOM", "G0LEADS", "C0INCIDENT"


async def test_a_public_channel_is_joined_before_the_first_card_there(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation(channel=RANDOM))
    office.served.faults.lose_reply(method="chat.postMessage")
    await office.until(lambda: office.cards(RANDOM), board)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: "Approve" in office.cards(RANDOM)[0].buttons, board)
    assert len(office.cards(RANDOM)) == 1  # where it is a member, what was posted can be found again
    assert office.calls.count("conversations.join") == 1


async def test_without_the_right_to_join_slack_says_whether_it_takes_the_card(office: Office) -> None:
    office.workspace.app = office.workspace.app.with_scopes(
        *(set(office.workspace.app.scopes) - {"channels:join"} | {"chat:write.public"})
    )
    board = office.board()
    await office.add(operation(channel=RANDOM))
    await office.until(lambda: office.cards(RANDOM), board)


async def test_removed_from_a_public_channel_it_does_not_come_back_by_itself(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    await office.until(office.cards, board)
    office.workspace.kick("C0OPS", "U0MUSTER")
    await office.clock.pass_time(120)
    await office.line(shown, "told elsewhere")
    await office.until(lambda: office.cards(INCIDENT) and office.thread(office.cards(INCIDENT)[0]), board)
    assert "U0MUSTER" not in office.workspace.channels["C0OPS"].members


async def test_a_lost_answer_is_looked_for_from_an_hour_before_the_attempt_on(office: Office) -> None:
    board = office.board()
    shown = await office.add(operation())
    office.served.faults.lose_reply(method="chat.postMessage")
    await office.until(office.cards, board)
    await office.quiet(board)
    office.served.faults.lose_reply(method="chat.postMessage")
    await office.line(shown, "once")
    await office.until(lambda: office.thread(office.cards()[0]), board)
    await office.quiet(board)
    asked = {"conversations.history", "conversations.replies"}
    looks = [args for method, args in office.served.api.calls if method in asked]
    assert len(looks) >= 2
    now = office.clock.now().timestamp()
    assert all(now - 2 * 3_600 < float(args["oldest"]) < now for args in looks)
    assert office.thread(office.cards()[0]) == ["Phase: *once*"]


async def test_where_another_organisation_reads_nothing_of_a_cloud_is_said(office: Office) -> None:
    office.workspace.channels[LEADS].is_ext_shared = True
    board = office.board()
    shown = await office.add(operation(channel=LEADS))
    await office.line(shown, "secret")
    await office.until(lambda: office.cards(INCIDENT) and office.thread(office.cards(INCIDENT)[0]), board)
    assert "it is shared with another organisation, and `[slack] external_channels`" in office.cards(INCIDENT)[0].plain
    assert office.cards(LEADS) == []


async def test_a_channel_that_is_shared_later_gets_nothing_more(office: Office) -> None:
    office.workspace.channels[INCIDENT].is_ext_shared = True
    board = office.board()
    shown = await office.add(operation(channel=LEADS))
    await office.line(shown, "start", audience=Audience.INCIDENT)
    await office.until(lambda: office.cards(LEADS), board)
    office.workspace.channels[LEADS].is_ext_shared = True
    await office.clock.pass_time(61)
    await office.move(shown, State.AWAITING_APPROVAL, plan=plan())
    await office.until(lambda: office.dms("U0ALICE"), board)
    assert "Approve" not in office.cards(LEADS)[0].buttons
    assert office.cards(INCIDENT) == []


async def test_a_setting_allows_it(office: Office) -> None:
    office.workspace.channels["C0OPS"].is_ext_shared = True
    board = office.board(external=True)
    await office.add(operation())
    await office.until(office.cards, board)
