"""Whether the numbers in a text for people agree with their nouns: not "1 VMs", "21 VM", "12719 VMs" or "2.4e+04"."""

import re

NOUNS = "VM|host|step|line|approval|alert|minute|person|volume|evacuation|service|migration|core"
ONE_OF_MANY = re.compile(rf"(?<![\d,.:-])1 (?:{NOUNS})s\b|(?<![\d,.:-])1 people\b")
MANY_OF_ONE = re.compile(rf"(?<![\d,.:-])(?:0|[2-9]|\d\d+|\d+,\d\d\d) (?:{NOUNS})\b(?!s)")
BARE_THOUSANDS = re.compile(rf"(?<![\d,.-])\d{{4,}} (?:{NOUNS})")
EXPONENT = re.compile(r"\d\.?\d*e[+-]\d")


def assert_agrees(said: str) -> None:
    """Demand that each number in a text for people agrees with the noun behind it, and is written as people write it."""
    for wrong in (ONE_OF_MANY, MANY_OF_ONE, BARE_THOUSANDS, EXPONENT):
        assert not wrong.search(said), wrong.search(said)
