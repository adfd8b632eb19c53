"""Numbers and their words for people: a count with its noun, a list cut to its length, amounts of memory. Pure."""

from collections.abc import Sequence


def counted(number: int, one: str, many: str = "") -> str:
    """A number and the words that agree with it: "0 VMs", "1 VM", "12,719 VMs".

    Args:
        number: how many.
        one: the words for one of them: "VM", "VM is".
        many: the words for any other number; empty: those for one, with an s.
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def listed(names: Sequence[str], *, most: int, by: str = ", ") -> str:
    """The first of some names, and how many more there are: "a, b and 3 more"."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return by.join(names[:most]) + more


def further(number: int, then: str = "", *, at_least: bool = False) -> list[str]:
    """The line below those that are shown: "…and 3 more"; none where there are no more.

    Args:
        number: how many more there are.
        then: words that follow.
        at_least: whether there may be still more.
    """
    return [f"…and {'at least ' if at_least else ''}{number:,} more{then}"] if number > 0 else []


def gib(amount: float) -> str:
    """An amount of memory, given in GiB: "0.5 GiB", "24,830 GiB". Never rounded to nothing, never with an exponent."""
    if amount >= 100:
        return f"{amount:,.0f} GiB"
    if 0 < amount < 0.05:
        return f"{max(1, round(amount * 1024))} MiB"
    return f"{amount:.1f}".removesuffix(".0") + " GiB"
