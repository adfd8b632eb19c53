"""Values as canonical text."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from bot.domain.cloud import Host, Request
from bot.domain.operation import Operation
from bot.domain.plans.plan import Plan, Step
from bot.domain.progress.steps import StepRecord
from bot.domain.values import Facts
from bot.store.rows import codec
from tests.store.examples import any_of, plan, records
from tests.tiers import examples


@pytest.mark.both_tiers
@pytest.mark.parametrize("kind", [Host, Request, Step, StepRecord, Plan, Operation], ids=lambda k: k.__name__)
def test_any_value_comes_back_equal_and_has_one_text(kind: type[Any]) -> None:
    @given(drawn=any_of(kind))
    @settings(max_examples=examples(40), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    def comes_back(drawn: object) -> None:
        text = codec.encode(drawn)
        assert codec.decode(kind, text) == drawn
        assert codec.encode(codec.decode(kind, text)) == text
        assert text.isascii()

    comes_back()


@dataclass(frozen=True, kw_only=True)
class Before:
    name: str
    gone: int = 0


@dataclass(frozen=True, kw_only=True)
class Now:
    name: str
    note: str = "none"
    parts: tuple[Before, ...] = ()
    facts: Facts = field(default_factory=dict)
    needed: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Strict:
    name: str
    needed: int


def test_a_text_from_before_a_field_was_added_is_read_with_its_default() -> None:
    assert codec.decode(Now, codec.encode(Before(name="x", gone=3))) == Now(name="x")


def test_a_text_that_lacks_a_field_without_default_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"Strict.*needed"):
        codec.decode(Strict, codec.encode(Before(name="x")))


def test_fields_left_out_are_taken_from_what_is_known() -> None:
    text = codec.encode(Now(name="x", note="y"), without={"name"})
    assert "name" not in text
    assert codec.decode(Now, text, name="z") == Now(name="z", note="y")


def test_the_same_moment_in_another_zone_has_the_same_text() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    shanghai = noon.astimezone(timezone(timedelta(hours=8)))
    assert codec.encode(Now(name="x", needed=noon)) == codec.encode(Now(name="x", needed=shanghai))


def test_tuples_in_facts_come_back_as_lists() -> None:
    stored = Now(name="x", facts={"vms": ("a", "b"), "map": {"b": 1, "a": 2}})
    assert codec.decode(Now, codec.encode(stored)).facts == {"vms": ["a", "b"], "map": {"a": 2, "b": 1}}


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError, match="datetime"):
        codec.canonical({"at": datetime(2026, 1, 1, tzinfo=UTC)})


def test_examples_are_distinct() -> None:
    """Otherwise the suite would compare a value with itself under another name."""
    assert len({codec.encode(r) for r in records(10)}) == 10
    assert codec.encode(plan(3)) != codec.encode(plan(4))
