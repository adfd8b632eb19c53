"""The story of an operation says in sentences what each line of the audit is about."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.audit import AuditEvent, Entry
from bot.domain.operation import State
from bot.domain.ports import Recorded
from bot.domain.values import UserId, VmId
from bot.slack.views import story, timeline
from bot.slack.views.story import Names
from tests.slack.views.examples import HOSTILE, operation, plan, records

NAMES = Names(
    people={UserId("U0ALICE"): "Alice Ferrer", UserId("U0BOB"): "Bob Okafor"},
    steps={"evacuate id-0001": "evacuate web-1"},
    vms={VmId("id-0001"): "web-1", VmId("id-0002"): "web-2"},
)
STEP = {"step": "evacuate id-0001", "verb": "evacuate", "target": "id-0001", "starts": 1, "receipt": None, "raw": "{}"}
STANDS = {"of": "3 VMs", "done": 1, "failed": 1, "unknown": 1, "not done": 0, "aside": 0, "left": ["evacuate web-1"]}
CASES: list[tuple[AuditEvent, str | None, dict[str, Any], str]] = [
    (
        AuditEvent.REQUESTED,
        "U0ALICE",
        {
            "action": "enter",
            "reason": "tea",
            "check": False,
            "then": "reboot",
            "starts_at": "2026-11-22T02:00:00+00:00",
        },
        "Alice Ferrer (U0ALICE) asked for it. Not before 2026-11-22 02:00 UTC. Then the host is rebooted. Reason: tea.",
    ),
    (AuditEvent.REQUESTED, "U0ALICE", {"check": True, "then": ""}, "Alice Ferrer (U0ALICE) asked for it as a dry run."),
    (
        AuditEvent.APPROVAL_ASKED_FOR,
        None,
        {"digest": "ab", "vms": 1, "findings": ["service-down"], "vouches": ["db-1 is lost"]},
        "Muster surveyed the cloud and made a plan of 1 VM. Two people must vouch for this: db-1 is lost. It waits for approval.",
    ),
    (
        AuditEvent.RECHECK_ASKED_FOR,
        "U0BOB",
        {"digest": "ab", "chosen": ["id-0001"], "left": ["id-0002", "id-0009"]},
        "Bob Okafor (U0BOB) chose web-1, and left web-2, id-0009.",
    ),
    (AuditEvent.RECHECK_ASKED_FOR, "U0BOB", {}, "Bob Okafor (U0BOB) asked for a new survey."),
    (
        AuditEvent.RECHECK_ASKED_FOR,
        "U0BOB",
        {"chosen": [], "left": ["id-0001"]},
        "Bob Okafor (U0BOB) chose no VM, and left web-1.",
    ),
    (
        AuditEvent.VOTE,
        "U0BOB",
        {"by": "U0BOB", "count": 1, "quorum": 2, "digest": "ab", "reason": ""},
        "Bob Okafor (U0BOB) approved: 1 of 2 approvals, and more are needed.",
    ),
    (
        AuditEvent.APPROVED,
        "U0BOB",
        {"by": "U0BOB", "count": 1, "quorum": 1, "approved_by": ["U0BOB"], "digest": "ab"},
        "Bob Okafor (U0BOB) approved: 1 of 1 approval.",
    ),
    (
        AuditEvent.APPROVED,
        None,
        {"by": None, "count": 1, "quorum": 1, "approved_by": ["U0BOB"]},
        "It is approved, with the last word that was missing: 1 of 1 approval, by Bob Okafor (U0BOB).",
    ),
    (
        AuditEvent.REFUSED,
        "U0ALICE",
        {"sentence": "Already approved", "by": ["U0BOB"], "ask": [], "remedy": ""},
        "What Alice Ferrer (U0ALICE) asked for was refused: Already approved, by Bob Okafor (U0BOB).",
    ),
    (
        AuditEvent.REMINDED_ESCALATED,
        None,
        {"ask": ["S0CHIEFS", "U0BOB"], "count": 0, "quorum": 1},
        "Nobody had decided, so Muster called more people: the user group S0CHIEFS, Bob Okafor (U0BOB).",
    ),
    (
        AuditEvent.CANCELLED,
        None,
        {"by": None, "sentence": "It was not approved in time"},
        "Muster cancelled it before anything was done. It was not approved in time.",
    ),
    (AuditEvent.STEP_INTENT, None, STEP, "Muster begins *evacuate web-1*."),
    (AuditEvent.STEP_INTENT, None, STEP | {"starts": 2}, "Muster begins *evacuate web-1*, for the 2nd time."),
    (
        AuditEvent.STEP_ACCEPTED,
        None,
        STEP | {"receipt": "req-7", "sentence": "It is rebuilt"},
        "Under way: *evacuate web-1*. It is rebuilt. The cloud calls it req-7.",
    ),
    (AuditEvent.STEP_DONE, None, STEP | {"sentence": "Now on compute-2."}, "Done: *evacuate web-1*. Now on compute-2."),
    (
        AuditEvent.STEP_SET_ASIDE,
        "U0BOB",
        STEP | {"reason": "later"},
        "Bob Okafor (U0BOB) skipped *evacuate web-1*. Reason: later.",
    ),
    (
        AuditEvent.NEEDS_ATTENTION,
        None,
        STANDS | {"of host": ["enable compute-1"]},
        "A person is needed: 1 of 3 VMs done, 1 failed, 1 unknown; of the host itself not done: enable compute-1.",
    ),
    (
        AuditEvent.CLOSED,
        "U0BOB",
        {"left": ["evacuate web-1"]},
        "Bob Okafor (U0BOB) ended it. Left undone: evacuate web-1.",
    ),
    (AuditEvent.FINISHED, None, {"seconds": 130.0, "vms": 3}, "Every step was done and verified, 3 VMs, in 2 min."),
    (AuditEvent.OTHER, None, {"event": "fenced", "host": "compute-1"}, "fenced (event: fenced; host: compute-1)."),
]


@pytest.mark.parametrize(("event", "actor", "facts", "said"), CASES)
def test_each_line_is_a_sentence(event: AuditEvent, actor: str | None, facts: dict[str, Any], said: str) -> None:
    entry = Entry(event=event, actor=UserId(actor) if actor else None, facts=facts)
    assert story.told(entry, NAMES) == said


@pytest.mark.parametrize("event", AuditEvent)
@pytest.mark.parametrize("actor", ["U0ALICE", None])
def test_every_event_has_its_sentence_whatever_facts_an_earlier_release_kept(
    event: AuditEvent, actor: str | None
) -> None:
    who = UserId(actor) if actor else None
    odd = dict.fromkeys(("sentence", "remedy", "reason", "step", "moving", "what", "state", "news"), HOSTILE[0])
    others: dict[str, Any] = STEP | STANDS | {"seconds": 7, "vms": [1], "lines": "one", "by": None}
    some: list[dict[str, Any]] = [{}, odd, others]
    for facts in some:
        said = story.told(Entry(event=event, actor=who, facts=facts), NAMES)
        assert said[:1] == said[:1].upper() or event is AuditEvent.OTHER
        assert said.endswith((".", "!", "?", "…", ")")), said
        assert "  " not in said
        assert "<" not in said
        assert "None" not in said


def test_the_file_has_no_word_of_the_audits_own_in_its_story() -> None:
    of = plan(2)
    at = datetime(2026, 11, 21, 12, tzinfo=UTC)
    lines = [
        Recorded(at=at, entry=Entry(event=event, actor=UserId(actor) if actor else None, facts=facts))
        for event, actor, facts, _ in CASES
        if event is not AuditEvent.OTHER
    ]
    file = timeline.render(operation(State.SUCCEEDED, of=of), lines, records(State.SUCCEEDED, of), names={})
    told = file.partition("## What happened (UTC)")[2].partition("## VMs")[0]
    assert "- Operation OP1 is done" in file or "is done" in file
    for raw in (
        "step done",
        "step intent",
        "approval asked for",
        "sentence:",
        "starts:",
        "digest",
        "quorum",
        "receipt",
    ):
        assert raw not in told, raw
