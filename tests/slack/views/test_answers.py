"""Private lists: hosts, past operations, the audit, the policy."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.messages.answered import AuditListed, HostsListed, PolicyListed
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.values import Facts, Json, OperationId
from bot.slack.views import answers
from bot.store.rows import news_body
from tests.slack.views import golden
from tests.slack.views.examples import HOSTILE, NOW, operation
from tests.slack.views.limits import assert_slack_takes, visible_text

ID = OperationId("K7M2PQRS")
LINKS = {ID: "https://s/p1"}
Listed = HostsListed | AuditListed | PolicyListed
OURS = re.compile(r"<@U0\w+>|<!subteam\^S0\w+>|<!date\^\d+\^[^|<>]*\|[^<>]*>|<https://s/p1\|card>")


def listed(facts: Facts) -> Listed:
    found = news_body.what(Kind.NOTED, facts)
    assert isinstance(found, Listed)
    return found


def hosts(number: int = 3, *, words: str = "", **changes: Json) -> Listed:
    rows: list[Json] = [
        {
            "cloud": "prod",
            "host": words or f"compute-{n}",
            "state": words or ("down, disabled" if n == 1 else "up, enabled"),
            "area": words or "nova",
            "vms": None if n == 2 else 12 - n,
            "note": words or ("disabled by muster K7M2PQRS" if n == 1 else ""),
            "in_service": n != 1,
            "operation": ID if n == 1 else None,
            "action": "evacuate" if n == 1 else None,
            "stands": State.RUNNING if n == 1 else None,
        }
        for n in range(min(number, 30))
    ]
    facts: dict[str, Json] = {"shows": "hosts", "matching": words, "clouds": ["prod"], "rows": rows, "silent": []}
    return listed({**facts, "number": number, "is_more": False, **changes})


def audit(number: int = 3, *, words: str = "") -> Listed:
    rows: list[Json] = [
        {
            "at": (NOW + timedelta(seconds=n)).isoformat(),
            "actor": None if n % 2 else "U0ALICE",
            "event": words or f"event {n}",
            "facts": [words] * 3 if words else [f"step: move {n}", "starts: 1"],
        }
        for n in range(max(0, number - 40), number)
    ]
    place = {"action": "evacuate", "cloud": "prod", "host": words or "compute-89"}
    return listed({"shows": "audit", "operation": ID, "number": number, "rows": rows, **place})


def policy(rules: int = 2, *, words: str = "") -> Listed:
    rows: list[Json] = [
        {
            "cloud": words or f"cloud-{n}",
            "action": ("evacuate", "enter", "exit")[n % 3],
            "requesters": ["*"],
            "approvers": ["S0LEADS", words or "U0CHIEF"],
            "break_glass": [] if n else ["U0CHIEF"],
            "quorum": n + 1,
            "self_approval": bool(n),
            "typed_confirmation": False,
            "minutes": 30.0,
            "escalate_to": ["S0CHIEFS"] if n else [],
            "escalate_after": 15.0,
            "freezes": [words or "Weekend, Fri 18:00 until Mon 08:00 (Europe/Berlin)"] if n else [],
            "frozen": words or ("Weekend, from Fri 2026-11-20 18:00 until Mon 2026-11-23 08:00" if n else ""),
            "you": [] if n else ["ask for it", "approve what others ask for"],
            "impossible": words or ("Policy wants 2 approvals, but only one person could give one." if n else ""),
        }
        for n in range(rules)
    ]
    return listed({"shows": "policy", "rows": rows})


def test_hosts_of_a_cloud_that_could_not_be_asked_are_not_counted_as_none() -> None:
    silent = [{"cloud": cloud, "sentence": "No answer.", "remedy": ""} for cloud in ("prod", "tower")]
    nobody = answers.render(hosts(0, silent=silent, clouds=["prod", "tower"]), LINKS)
    assert (
        nobody.text
        == ":question: `prod` could not be asked. No answer.\n:question: `tower` could not be asked. No answer."
    )
    one = answers.render(hosts(0, silent=silent[1:], clouds=["prod", "tower"]), LINKS)
    assert one.text.startswith("No hosts in `prod`.\n")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("hosts", hosts()),
        ("hosts-none", hosts(0, matching="compute-99")),
        (
            "hosts-silent",
            hosts(1, silent=[{"cloud": "tower", "sentence": "No answer.", "remedy": "Try again."}]),
        ),
        ("audit", audit()),
        ("policy", policy()),
    ],
)
def test_each_answer_is_drawn_as_somebody_looked_at_it(name: str, told: Listed) -> None:
    message = answers.render(told, LINKS)
    assert_slack_takes(message)
    golden.check(f"answer-{name}", message)


def test_more_hosts_than_are_shown_are_counted_and_narrowing_is_explained() -> None:
    assert "…and 170 more; narrow it" in answers.render(hosts(200), LINKS).text
    assert "…and at least 470 more" in answers.render(hosts(500, is_more=True), LINKS).text


def test_of_a_long_audit_the_newest_lines_are_shown_and_the_others_counted() -> None:
    message = answers.render(audit(500), LINKS)
    assert "event 499" in message.text.splitlines()[-1]
    said = "\n".join(visible_text(message)[1:])
    number = len([line for line in said.splitlines() if line.startswith("•")])
    assert number == 40
    assert f"{500 - number} lines before these; `muster audit export` has them all." in said


@pytest.mark.parametrize(
    "make", [lambda w: hosts(31, words=w), lambda w: audit(60, words=w), lambda w: policy(words=w)]
)
def test_foreign_words_stay_words_and_every_list_fits(make: Callable[[str], Listed]) -> None:
    for words in HOSTILE:
        message = answers.render(make(words), LINKS)
        assert_slack_takes(message)
        for said in visible_text(message):
            assert not re.search(r"[<>]", OURS.sub("", said)), said


def test_a_host_s_past_says_what_how_it_ended_who_asked_and_who_approved() -> None:
    past = [operation(State.SUCCEEDED), operation(State.DENIED), operation(State.AWAITING_APPROVAL)]
    message = answers.history("Operations on prod/compute-89: 3", past, LINKS)
    assert_slack_takes(message)
    golden.check("answer-history", message)
