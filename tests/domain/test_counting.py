"""A number and its words agree."""

import re

import pytest

from bot.domain.counting import counted, further, gib, listed


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 VMs"), (1, "1 VM"), (2, "2 VMs"), (21, "21 VMs"), (300, "300 VMs"), (12_719, "12,719 VMs")],
)
def test_a_number_agrees_with_its_noun(number: int, said: str) -> None:
    assert counted(number, "VM") == said


@pytest.mark.parametrize(("number", "said"), [(0, "0 VMs are"), (1, "1 VM is"), (21, "21 VMs are")])
def test_a_number_agrees_with_its_verb(number: int, said: str) -> None:
    assert counted(number, "VM is", "VMs are") == said


def test_a_list_says_how_much_it_leaves_out() -> None:
    names = [f"web-{n}" for n in range(12_719)]
    assert listed(names[:3], most=3) == "web-0, web-1, web-2"
    assert listed(names[:4], most=3) == "web-0, web-1, web-2 and 1 more"
    assert listed(names, most=1) == "web-0 and 12,718 more"
    assert listed([], most=3) == ""
    assert listed(["a, b", "c", "d"], most=2, by="; ") == "a, b; c and 1 more"


def test_a_last_line_says_how_many_more_there_are() -> None:
    assert further(12_718) == ["…and 12,718 more"]
    assert further(3, "; narrow it", at_least=True) == ["…and at least 3 more; narrow it"]
    assert further(0) == further(-2) == []


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "0 GiB"),
        (0.001, "1 MiB"),
        (0.0625, "0.1 GiB"),
        (0.5, "0.5 GiB"),
        (1, "1 GiB"),
        (21, "21 GiB"),
        (300, "300 GiB"),
        (12_719.4, "12,719 GiB"),
        (24_830, "24,830 GiB"),
        (3.2e7, "32,000,000 GiB"),
    ],
)
def test_an_amount_of_memory_is_read_at_a_glance(amount: float, said: str) -> None:
    assert gib(amount) == said
    assert not re.search(r"\de[+-]?\d", said)
