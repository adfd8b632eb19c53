"""Foreign words made inert."""

import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from bot.slack.views import text
from tests.slack.views.examples import anything


@given(words=anything)
def test_escaped_words_hold_no_markup_and_stay_on_one_line(words: str) -> None:
    safe = text.escape(words)
    assert "\n" not in safe
    assert not re.search(r"[<>*`~]", safe)
    assert not re.search(r"&(?!amp;|lt;|gt;)", safe)
    assert not re.search(r":[a-z_+\-][a-z0-9_+\-]*:", safe)


@given(words=anything, limit=st.integers(2, 400))
def test_plain_words_are_visible_and_within_their_limit(words: str, limit: int) -> None:
    safe = text.plain(words, limit=limit)
    assert len(safe) <= limit
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"} for c in safe)


@given(name=anything)
def test_a_name_in_code_cannot_leave_its_code(name: str) -> None:
    shown = text.code(name)
    assert shown[0] == shown[-1] == "`"
    assert "`" not in shown[1:-1]


def test_ordinary_names_are_shown_as_they_are() -> None:
    for name in ("web-1", "db_main_2", "compute-89.example.com", "节点-1", "a:b"):
        assert text.escape(name) == name
        assert text.code(name) == f"`{name}`"


def test_only_ids_of_people_and_groups_become_mentions() -> None:
    assert text.mention("U0ALICE") == "<@U0ALICE>"
    assert text.mention("S0LEADS") == "<!subteam^S0LEADS>"
    assert text.mention("here> <!channel") == "`here&gt; &lt;!channel`"


def test_lines_that_do_not_fit_are_counted() -> None:
    shown = text.cut_lines([f"line {n}" for n in range(100)], limit=200)
    assert len(shown) <= 200
    assert shown.endswith("more")


def test_spans_are_said_as_people_say_them() -> None:
    from datetime import timedelta

    assert text.minutes(timedelta(seconds=41)) == "41 s"
    assert text.minutes(timedelta(minutes=12)) == "12 min"
    assert text.minutes(timedelta(hours=3, minutes=5)) == "3 h 05 min"
