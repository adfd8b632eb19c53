"""Calls to people: what is asked is the same wherever they hear it."""

from bot.domain.messages.decided import ApprovalWanted
from bot.domain.messages.news import Audience, News, calling


def test_a_call_goes_to_the_thread_the_incident_channel_and_whoever_is_in_neither_and_names_each_once() -> None:
    called = calling(News(what=ApprovalWanted()), ["U0BOB", "S0LEADS", "U0BOB"])
    assert [news.audience for news in called] == [Audience.THREAD, Audience.INCIDENT, Audience.ABSENT]
    assert all((news.what, news.ask) == (ApprovalWanted(), ("U0BOB", "S0LEADS")) for news in called)
    assert {news.kind for news in called} == {ApprovalWanted().kind}
