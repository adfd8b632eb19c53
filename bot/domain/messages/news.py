"""What is worth telling people: one value per line that will stand in a thread, a channel or a private note.

News is stored in the transaction of the change that caused it, and turned into a Slack message by a view when it is
delivered. It holds facts, never text for Slack.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from bot.domain.values import Facts, OperationId, UserId


class Audience(StrEnum):
    """Where a line is told."""

    THREAD = "thread"
    """Under the operation's card."""
    INCIDENT = "incident"
    """The configured incident channel, with a link to the card."""
    PERSON = "person"
    """Only to one person, in the channel where they acted."""
    ABSENT = "absent"
    """To each who is asked and is in neither of the two conversations: who that is turns out when it is told."""
    DIRECT = "direct"
    """To one of those, by direct message."""


class Kind(StrEnum):
    """What happened. The facts each carries are named behind it."""

    BLOCKED = "blocked"  #: -
    RECHECKED = "checked again"  #: by, same (whether the plan is), lines (differences)
    WAITING = "waiting for approval"  #: ask (ids); an edited card notifies nobody, this line does
    START_NEAR = "start near"  #: ask (ids), at (ISO), is_approved
    EXPIRY_NEAR = "expiry near"  #: ask (ids), at (ISO), count, quorum
    ESCALATED = "escalated"  #: ask (ids), at (ISO: since when nobody decides)
    APPROVED = "approved"  #: by, count, quorum
    VOUCHED = "vouched"  #: by, sentences, count (people so far), needed
    VOUCH_WANTED = "vouch wanted"  #: ask (ids), by (who vouches already), count (people so far), needed, may_vouch
    CHOSEN = "vms chosen"  #: by, chosen (count), left (names)
    QUORUM = "quorum reached"  #: by (last voter), starts_at (ISO; only with a start of its own)
    GLASS_BROKEN = "glass broken"  #: by, reason, count, quorum
    REJECTED = "rejected"  #: by, reason, requester
    EXPIRED = "expired"  #: -
    CANCELLED = "cancelled"  #: by
    PLAN_CHANGED = "plan changed"  #: lines (list of str)
    SHRUNK = "shrunk"  #: lines: differences that were let through
    STARTED = "started"  #: -
    PHASE = "phase"  #: phase
    VM_DONE = "vm done"  #: vm, title, place, seconds
    STEP_DONE = "step done"  #: title, sentence
    BY_HAND = "by hand"  #: title, sentence, remedy, command, ask (ids): a person's turn has come
    SAID_DONE = "said done"  #: by, title
    STEP_FAILED = "step failed"  #: title, vm?, sentence, remedy, raw, ask (ids)
    STEP_UNKNOWN = "step unknown"  #: title, vm?, sentence, remedy, raw, ask (ids)
    CLOUD_SILENT = "cloud silent"  #: sentence, remedy, seconds, since (ISO)
    CLOUD_BACK = "cloud back"  #: seconds, since (ISO)
    TARGET_STALE = "target stale"  #: targets (names), seconds: they get nothing more until they claim again
    PAUSED = "paused"  #: by
    RESUMED = "resumed"  #: by
    STOPPING = "stopping"  #: by, moving (number of steps still in flight)
    RETRIED = "retried"  #: by, count
    SET_ASIDE = "vms set aside"  #: by, vms (names), reason
    CLOSED = "closed"  #: sentence (window or freeze), moving (number of steps still in flight)
    NEEDS_ATTENTION = (
        "needs attention"  #: counts of done, failed, unknown, skipped, aside; ask (ids), sentence?, remedy?, may_skip
    )
    FINISHED = "finished"  #: seconds; the report itself is drawn from the step rows
    ENDED_INCOMPLETE = "ended incomplete"  #: by?, left (list of titles), sentence?
    PLAN = "plan"  #: digest; the whole plan as a file
    TIMELINE = "timeline"  #: -; the whole story as a file, drawn from the audit
    CARD_MOVED = "card moved"  #: from (channel), why (Slack's word)
    LEFT_OVER = "left over"  #: state (the cloud's words), seconds (since the operation's end)
    LEFT_OVER_GONE = "left over gone"  #: seconds
    REFUSED = "refused"
    """sentence, by (ids: who settled it), at (ISO), remedy, ask (ids), link_to (operation), stands in (channel)"""
    NOTED = "noted"  #: sentence, about (operation ids to list under it), in_full (show them whole) - to a person


ONE_LINE = frozenset({Kind.CLOUD_SILENT, Kind.CLOUD_BACK})
"""News of which an operation has one line for each audience: what comes later is written into it."""


@dataclass(frozen=True, kw_only=True)
class News:
    """One thing worth telling."""

    kind: Kind
    audience: Audience = Audience.THREAD
    facts: Facts = field(default_factory=dict)
    operation: OperationId | None = None  #: None only for a private note about no operation
    person: UserId | None = None  #: with Audience.PERSON and Audience.DIRECT
    channel: str = ""  #: with Audience.PERSON: where they acted
    answers: str = ""  #: with Audience.PERSON: the key of the delivery that it answers


def calling(news: News, ask: Sequence[str]) -> tuple[News, ...]:
    """A call to people, for the thread and the incident channel, and by direct message to whoever is in neither.

    Args:
        news: what is asked.
        ask: ids of the people and user groups who are called.
    """
    called = replace(news, facts={**news.facts, "ask": list(dict.fromkeys(ask))})
    return tuple(replace(called, audience=where) for where in (Audience.THREAD, Audience.INCIDENT, Audience.ABSENT))
