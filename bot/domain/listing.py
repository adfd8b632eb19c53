"""A list that was read of a cloud, with what is known about its being whole: absence in a list is no proof.

A cloud answers with less than the truth and calls it success: it skips a cell that is down, loses a page, drops a
filter. So "empty", "none of them" and "safe" are said only of a listing that is proven empty: it was read whole, shows
nothing, and a second witness agrees. Whatever else it is, it could not be found out.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Listing(Generic[T]):
    """What a list showed. It has no truth of its own: ask for its items, or whether it is proven empty."""

    items: tuple[T, ...] = ()
    gap: str = ""  #: why it is not known to be whole, as a sentence: "The cell of compute-7 is silent."; empty: whole
    witness: str = ""  #: who else was asked and agrees that there is no more: "Placement"; empty: nobody

    def __bool__(self) -> bool:
        """Never asked: an absence is no proof.

        Raises:
            TypeError: always.
        """
        raise TypeError("ask a listing for its items, or whether it is proven empty")

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known that it leaves out."""
        return not self.gap

    @property
    def is_proven_empty(self) -> bool:
        """Whether there is nothing: the list is whole, shows nothing, and somebody else agrees."""
        return self.is_whole and not self.items and bool(self.witness)

    def lacking(self, gap: str) -> "Listing[T]":
        """The same, not known to be whole; the first reason is kept.

        Args:
            gap: which cell, service or page is silent, or who disagrees, as a sentence; empty changes nothing.
        """
        return self if self.gap or not gap else replace(self, gap=gap)

    def agreed(self, witness: str) -> "Listing[T]":
        """The same, with somebody who was asked and agrees that there is no more.

        Args:
            witness: who; empty changes nothing.
        """
        return replace(self, witness=witness) if witness else self

    def only(self, wanted: Callable[[T], bool]) -> "Listing[T]":
        """Some of its items. What it may leave out, these may lack too."""
        return replace(self, items=tuple(item for item in self.items if wanted(item)))
