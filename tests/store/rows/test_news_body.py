"""News as it is stored: this release reads what an earlier one queued, and the other way round."""

import json
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.domain.messages.answered import Answered, OperationsListed, RefusalTold
from bot.domain.messages.executed import RetryAsked, StepFailed, StopAsked
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Happened, News
from bot.domain.values import OperationId
from bot.store.rows import codec, news_body
from tests.store.examples import any_of
from tests.tiers import examples

WRITTEN = [json.loads(line) for line in (Path(__file__).parent / "data" / "outbox-0.2.jsonl").read_text().splitlines()]
UNREAD = {
    "by hand": {"raw", "vm"},
    "cancelled": {"requester"},
    "ended incomplete": {"aside", "done", "failed", "not done", "of", "of host", "unknown"},
    "escalated": {"count", "is_approved", "quorum"},
    "expired": {"by"},
    "expiry near": {"is_approved"},
    "finished": {"vms"},
    "needs attention": {"left"},
    "noted": {"about", "in_full", "sentence"},
    "paused": {"requester"},
    "quorum reached": {"count", "quorum", "window_seconds"},
    "resumed": {"requester"},
    "retried": {"count", "requester"},
    "start near": {"count", "quorum"},
    "step done": {"raw"},
    "stopping": {"requester", "moving"},
    "vm done": {"raw", "remedy", "sentence"},
}
"""Facts that 0.2 wrote and did not read, or that it read as a number of steps."""
SINCE = {Kind.ALARM.value, Kind.CHOICE_WANTED.value, Kind.ANSWER_LOST.value, Kind.STILL_WAITS.value}
"""Kinds that came after 0.2."""


def test_each_kind_has_one_value() -> None:
    kinds = [one.kind for one in get_args(Happened)]
    assert sorted([*kinds, Kind.REFUSED, Kind.NOTED]) == sorted(Kind)
    shown = [(one.kind, one.shows) for one in get_args(Answered)]
    assert len(set(shown)) == len(shown)


def test_every_kind_that_an_earlier_release_queued_is_among_the_rows() -> None:
    assert {row["kind"] for row in WRITTEN} == {kind.value for kind in Kind} - SINCE


@pytest.mark.parametrize("row", WRITTEN, ids=lambda row: f"{row['kind']} {row['facts'].get('shows', '')}".strip())
def test_what_an_earlier_release_queued_is_read_and_written_as_it_was(row: dict[str, object]) -> None:
    news = news_body.read(codec.canonical(row))
    again = json.loads(news_body.write(news))
    assert news_body.read(news_body.write(news)) == news
    assert {name: again[name] for name in again if name != "facts"} == {n: row[n] for n in row if n != "facts"}
    was, now = row["facts"], again["facts"]
    assert isinstance(was, dict)
    for name in was.keys() - UNREAD.get(str(row["kind"]), set()):
        assert _said(now[name]) == _said(was[name]), name


def _said(value: object) -> object:
    """Moments are written in one way now."""
    return str(value).replace(".000000+00:00", "+00:00")


def test_numbers_of_steps_are_read_as_people_count_them() -> None:
    stopping = [news_body.read(codec.canonical(row)).what for row in WRITTEN if row["kind"] == "stopping"]
    retried = [news_body.read(codec.canonical(row)).what for row in WRITTEN if row["kind"] == "retried"]
    assert "3 steps" in [what.moving for what in stopping if isinstance(what, StopAsked)]
    assert "2 steps" in [what.what for what in retried if isinstance(what, RetryAsked)]


def test_operations_are_listed_where_an_earlier_release_named_them() -> None:
    listed = [news_body.read(codec.canonical(row)).what for row in WRITTEN if row["kind"] == "noted"]
    assert [what.about for what in listed if isinstance(what, OperationsListed)] == [(), (OperationId("op-1"),)]


@settings(max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(news=any_of(News))
def test_any_news_comes_back_equal_and_has_one_text(news: News) -> None:
    assume(not (news.ask and isinstance(news.what, RefusalTold)))  # it names those who can help; nobody is called to it
    text = news_body.write(news)
    assert news_body.read(text) == news
    assert news_body.write(news_body.read(text)) == text
    assert text.isascii()


@given(said=st.text(st.characters(exclude_categories=[])))
def test_whatever_a_cloud_says_comes_back_as_it_was(said: str) -> None:
    news = News(what=StepFailed(title=said, raw=said), operation=OperationId("op-1"), ask=("U0BOB",))
    assert news_body.read(news_body.write(news)) == news


def test_what_is_no_news_is_refused() -> None:
    with pytest.raises(ValueError, match="paused"):
        news_body.read('{"kind":"was paused","facts":{}}')
    with pytest.raises(ValueError, match="cannot be read"):
        news_body.read('{"kind":"paused","facts":{}}')
