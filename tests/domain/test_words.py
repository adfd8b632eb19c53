"""Values of the law do not change, and every refusal is a sentence."""

import dataclasses
import enum
import importlib
import pkgutil
from types import ModuleType

import pytest

import bot.domain
from bot.domain import errors
from bot.domain.cloud import CloudError, NotSupported, Refused, Unreachable
from bot.domain.values import OperationId


def refusals() -> list[type[errors.Refusal]]:
    return [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.Refusal)]


@pytest.mark.parametrize("kind", [one for one in refusals() if one not in (errors.AlreadyUnderWay, errors.OldCard)])
def test_a_refusal_without_words_of_its_own_says_what_its_name_means(kind: type[errors.Refusal]) -> None:
    refusal = kind()
    assert refusal.sentence == (kind.__doc__ or "").strip()
    assert refusal.sentence.endswith(".")
    assert str(kind("No.", remedy="Do this.")) == "No. Do this."


def test_each_refusal_stands_in_the_drawn_tree() -> None:
    drawn = errors.__doc__ or ""
    assert [one.__name__ for one in refusals() if one.__name__ not in drawn] == []


def test_a_refusal_names_those_who_can_help() -> None:
    assert errors.NotAllowed(ask=("U0BOB",)).ask == ("U0BOB",)
    assert errors.AlreadySettled(by=("U0BOB",)).by == ("U0BOB",)


def test_a_refusal_of_a_click_on_an_old_card_names_where_the_living_one_stands() -> None:
    old = errors.OldCard("C0INCIDENT", remedy="Go there.")
    assert (old.room, old.remedy) == ("C0INCIDENT", "Go there.")
    assert "old one" in old.sentence


def test_a_refusal_because_of_another_operation_names_it() -> None:
    assert errors.AlreadyUnderWay(OperationId("OP-1")).other == "OP-1"


@pytest.mark.parametrize("kind", [Refused, Unreachable, NotSupported])
def test_an_error_of_a_cloud_keeps_sentence_remedy_and_raw_words_apart(kind: type[CloudError]) -> None:
    error = kind("No room on compute-2.", remedy="Free some.", raw="NoValidHost")
    assert (str(error), error.raw) == ("No room on compute-2. Free some.", "NoValidHost")


def modules() -> list[ModuleType]:
    return [importlib.import_module(found.name) for found in pkgutil.walk_packages(bot.domain.__path__, "bot.domain.")]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_values_of_the_law_never_change_and_are_made_by_name(module: ModuleType) -> None:
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    for value in filter(dataclasses.is_dataclass, own):
        parameters = vars(value)["__dataclass_params__"]
        assert parameters.frozen, f"{value.__name__} can be changed"
        assert all(one.kw_only for one in dataclasses.fields(value)), f"{value.__name__} can be made by position"


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_the_words_of_an_enumeration_are_its_values(module: ModuleType) -> None:
    """They stand in rows and in Slack; two names for one word would be two states for one row. An order has none."""
    own = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
    for words in own:
        if issubclass(words, enum.Enum) and not issubclass(words, enum.IntEnum):
            assert issubclass(words, enum.StrEnum)
            assert len(words) == len(words.__members__)
