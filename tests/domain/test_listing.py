"""What may be said of a list that was read of a cloud: absence in it is no proof."""

import pytest

from bot.domain.listing import Listing

SILENT = "The cell of compute-7 is silent."


def test_nothing_is_proven_empty_without_a_second_witness() -> None:
    shown: Listing[str] = Listing()

    assert shown.is_whole
    assert not shown.is_proven_empty
    assert shown.agreed("Placement").is_proven_empty


def test_a_list_that_is_not_whole_is_not_empty_whoever_agrees() -> None:
    shown: Listing[str] = Listing(gap=SILENT, witness="Placement")

    assert not shown.is_whole
    assert not shown.is_proven_empty


def test_a_list_that_shows_something_is_not_empty() -> None:
    assert not Listing(items=("web-1",), witness="Placement").is_proven_empty


def test_the_first_reason_against_a_list_is_kept() -> None:
    shown = Listing(items=("web-1",)).lacking("").lacking(SILENT).lacking("A page came twice.")

    assert shown.gap == SILENT
    assert shown.items == ("web-1",)


def test_a_witness_that_says_nothing_is_none() -> None:
    assert Listing[str](witness="Placement").agreed("").witness == "Placement"


def test_a_part_of_a_list_lacks_what_the_list_lacks() -> None:
    shown = Listing(items=("web-1", "db-1"), gap=SILENT, witness="Placement").only(lambda name: name == "mail-1")

    assert shown == Listing(items=(), gap=SILENT, witness="Placement")


def test_nobody_takes_a_list_for_its_emptiness_by_mistake() -> None:
    shown: Listing[str] = Listing()

    with pytest.raises(TypeError, match="proven empty"):
        bool(shown)
