"""The audit's words: each event that a line may be about, and what such a line says."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from bot.domain.values import Facts, UserId


class AuditEvent(StrEnum):
    """What a line of the audit is about. `meaning` is what docs/audit.md says of it."""

    meaning: str

    def __new__(cls, word: str, meaning: str = "") -> Self:
        """Of a word, as it is stored, and its meaning."""
        made = str.__new__(cls, word)
        made._value_ = word
        made.meaning = meaning
        return made

    # asked for and judged
    REQUESTED = "requested", "Somebody asked for an operation."
    CHECKED = "checked", "The cloud was surveyed for a dry run, and a plan made."
    APPROVAL_ASKED_FOR = "approval asked for", "The cloud was surveyed and a plan made; it waits for approval."
    BLOCKED = "blocked", "Findings forbid it, or the cloud could not be surveyed. It is over."
    APPROVAL_REQUESTED = "approval requested", "Somebody turned a dry run into a request."
    RECHECK_ASKED_FOR = "re-check asked for", "Somebody asked for a new survey, or chose other VMs."
    # decided
    VOTE = "vote", "Somebody approved, and more must."
    VOUCH = "vouch", "Somebody vouched without approving; each sentence has a line *vouched* before it."
    VOUCHED = "vouched", "Somebody vouched for one sentence of a plan."
    APPROVED = "approved", "The last approval, or the last word that was missing. It may start."
    GLASS_BROKEN = "glass broken", "One person approved alone, with a reason."
    REJECTED = "rejected", "An approver said no. It is over."
    EXPIRED = "expired", "Nobody decided in time. It is over."
    CANCELLED = "cancelled", "Somebody called it off before it began, or its time to start had passed. It is over."
    REMINDED_START = "reminded: start near", "People were told that its start is near."
    REMINDED_EXPIRY = "reminded: expiry near", "People were told that it will expire."
    REMINDED_ESCALATED = "reminded: escalated", "More people were called, since nobody decided."
    REMINDED_STANDING = "reminded: still waits", "People were told that it still waits for them."
    REFUSED = "refused", "Somebody asked for what could not be done then."
    NOT_ALLOWED = "refused: not allowed", "Somebody asked for what they may not do."
    # executed
    PLAN_CHANGED = "plan changed", "The survey before the start found another plan; it waits for approval again."
    STARTED = "started", "The survey before the start agreed, and the first step may begin."
    STEP_PLANNED = "step planned", "A step goes back to where nothing was begun."
    STEP_INTENT = "step intent", "A step is about to be begun in the cloud. Written before the call."
    STEP_ACCEPTED = "step accepted", "The cloud took a step up."
    STEP_DONE = "step done", "A step was seen to be done."
    STEP_FAILED = "step failed", "A step failed."
    STEP_NOT_NEEDED = "step skipped", "A step must not, or need not, happen any more."
    STEP_UNKNOWN = "step unknown", "What became of a step cannot be told; it is not begun again by itself."
    STEP_PLANNED_AGAIN = "step planned again", "Somebody retried a failed step."
    STEP_GIVEN_UP = "step given up", "Somebody gave up a step that failed."
    STEP_SET_ASIDE = "step set aside", "Somebody skipped a VM, and with it this step."
    VMS_SET_ASIDE = "vms set aside", "Somebody skipped VMs, with a reason."
    SAID_DONE = "said done", "Somebody said that what a step leaves to people is done."
    ANSWER_LOST = "answer lost", "The cloud did not answer a call; whether it took effect is looked up."
    CLOUD_SILENT = "cloud silent", "The cloud cannot be looked at; nothing is begun meanwhile."
    HELD_BACK = "held back", "A window that is over, a freeze or another operation lets nothing more begin."
    PAUSED = "paused", "Somebody paused it: nothing new is begun."
    RESUMED = "resumed", "Somebody resumed it."
    STOP_ASKED_FOR = "stop asked for", "Somebody stopped it: it ends as soon as nothing is in flight."
    RETRIED = "retried", "Somebody retried what had failed."
    # how it ended
    FINISHED = "finished", "Every step is done and verified. It is over."
    NEEDS_ATTENTION = "needs attention", "Nothing more can begin, and something is left undone; a person decides."
    ENDED_INCOMPLETE = "ended incomplete", "It was stopped, or nothing is left but what people skipped. It is over."
    CLOSED = "closed", "Somebody ended it with something left undone. It is over."
    # what is not about an operation's course
    LEFT_OVER = "left over", "The host of an operation that is over is still out of service."
    LEFT_OVER_GONE = "left over gone", "It no longer is."
    HOST_DOWN = "host seen down", "The watch saw a host that is down."
    MOST_HOSTS_DOWN = "most hosts seen down", "The watch saw most hosts of a cloud down at once."
    ALARM_OVER = "alarm over", "What an alarm was about is over."
    NEWS_GIVEN_UP = "news given up", "Slack will never take a message; who was to read it, and why."
    AUDIT_CUT = "audit cut", "Lines before this one were deleted; up to which, and the hash of that one."
    OTHER = "other", "A word of another release; it stands with the facts."


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the audit."""

    event: AuditEvent
    actor: UserId | None = None  #: None: Muster itself
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A line of the audit as it was recorded."""

    at: datetime
    entry: Entry
