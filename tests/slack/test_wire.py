"""The wall to Slack: its answers become three errors, and no call is ever repeated by the client itself."""

import pytest

from bot.slack.wire import SlackBusy, SlackRefused, SlackSilent, answer
from tests.slack.conftest import Office


async def test_an_answer_is_what_slack_said(office: Office) -> None:
    assert (await answer(office.client.auth_test()))["team_id"] == "T0DEMO"


async def test_a_definite_no_carries_slacks_own_word(office: Office) -> None:
    with pytest.raises(SlackRefused) as refused:
        await answer(office.client.chat_postMessage(channel="C0NOWHERE", text="x"))
    assert refused.value.code == "channel_not_found"


async def test_too_many_calls_say_when_the_next_one_may_come(office: Office) -> None:
    office.served.faults.rate_limit(42)
    with pytest.raises(SlackBusy) as busy:
        await answer(office.client.auth_test())
    assert busy.value.seconds == 42


@pytest.mark.parametrize("error", ["invalid_auth", "token_revoked", "missing_scope", "message_limit_exceeded"])
async def test_what_an_admin_can_mend_is_waited_for(office: Office, error: str) -> None:
    office.served.faults.refuse(error, method="auth.test")
    with pytest.raises(SlackBusy, match=error):
        await answer(office.client.auth_test())


@pytest.mark.parametrize("status", [500, 502, 503, 504])
async def test_an_answer_that_tells_nothing_is_silence(office: Office, status: int) -> None:
    office.served.faults.fail(status)
    with pytest.raises(SlackSilent):
        await answer(office.client.auth_test())


@pytest.mark.parametrize("error", ["internal_error", "fatal_error", "service_unavailable", "request_timeout"])
async def test_slacks_own_trouble_is_silence_too(office: Office, error: str) -> None:
    office.served.faults.refuse(error, method="chat.postMessage")
    with pytest.raises(SlackSilent, match=error):
        await answer(office.client.chat_postMessage(channel="C0OPS", text="x"))


async def test_a_connection_that_breaks_is_silence_and_the_call_is_not_repeated(office: Office) -> None:
    office.served.faults.lose_reply(method="chat.postMessage")
    with pytest.raises(SlackSilent):
        await answer(office.client.chat_postMessage(channel="C0OPS", text="once"))
    assert [m.text for m in office.cards()] == ["once"]


async def test_nobody_waits_longer_than_they_said(office: Office) -> None:
    office.served.faults.delay(3_600, method="auth.test")  # by a clock that stands still
    with pytest.raises(SlackSilent, match="TimeoutError"):
        await answer(office.client.auth_test(), seconds=0.05)


async def test_an_address_where_nobody_is_is_silence() -> None:
    from bot.slack.wire import connect

    with pytest.raises(SlackSilent):
        await answer(connect("xoxb-0", api_url="http://127.0.0.1:1/api/").auth_test())
