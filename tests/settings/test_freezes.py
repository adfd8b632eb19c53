"""Freezes in muster.toml."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.domain.rules import calendar
from bot.domain.values import Action
from bot.settings import SettingsError
from tests.settings.written import SMALL, TOWER, read

SATURDAY = datetime(2026, 11, 21, 3, tzinfo=UTC)
WEEKEND = """
[[freezes]]
name = "Weekend"
starts = "fri 18:00"
ends = "mon 08:00"
timezone = "Europe/Berlin"
"""


def frozen(tmp_path: Path, more: str) -> set[tuple[str, Action]]:
    rules = read(tmp_path, SMALL + TOWER + 'token_env = "TOWER_TOKEN"\n' + WEEKEND + more).rules
    return {key for key, rule in rules.items() if calendar.frozen(rule.freezes, SATURDAY)}


def test_a_freeze_stops_planned_work_on_every_cloud_and_never_an_evacuation(tmp_path: Path) -> None:
    assert frozen(tmp_path, "") == {(cloud, a) for cloud in ("prod", "tower") for a in (Action.ENTER, Action.EXIT)}


def test_a_freeze_may_be_of_some_clouds_and_actions(tmp_path: Path) -> None:
    assert frozen(tmp_path, 'clouds = ["tower"]\nactions = ["enter"]\n') == {("tower", Action.ENTER)}


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('starts = "friday"', 'freezes[1].starts: is not a time of a freeze. Write "22:00" (every day)'),
        ("starts = 18", "freezes[1].starts: is not a time of a freeze."),
        ('timezone = "Berlin"', "freezes[1].timezone: is not a time zone."),
        ('ends = "08:00"', "freezes[1]: starts and ends in different ways."),
        ('starts = "2026-12-20 18:00"\nends = "2026-12-20 08:00"', "freezes[1]: ends before it starts."),
        ('clouds = ["prd"]', 'freezes[1].clouds: "prd" is not a cloud. Did you mean "prod"?'),
        ('clouds = "prod"', "freezes[1].clouds: must be a list."),
        ('actions = ["evacuate"]', "is not one of the words known here."),
        ('name = ""', "freezes[1].name: is empty."),
        ('day = "fri"', "freezes[1].day: is not a key known here."),
    ],
)
def test_what_is_wrong_with_a_freeze_is_told_with_its_key(tmp_path: Path, lines: str, complaint: str) -> None:
    given = dict(line.split(" = ", 1) for line in WEEKEND.strip().splitlines()[1:])
    given |= dict(line.split(" = ", 1) for line in lines.splitlines())
    text = SMALL + "[[freezes]]\n" + "".join(f"{key} = {value}\n" for key, value in given.items())
    with pytest.raises(SettingsError) as error:
        read(tmp_path, text)
    assert complaint in str(error.value)
