"""Reads the event of a line of the audit, whichever release wrote it. What is stored stays as it was hashed."""

from bot.domain.audit import AuditEvent
from bot.domain.values import Facts


def read(word: str, facts: Facts) -> tuple[AuditEvent, Facts]:
    """What a line is about, and its facts.

    Until 0.2 a window that was over was `closed`, as was an operation that somebody closed; only the former counted
    what was still moving.
    """
    if word == AuditEvent.CLOSED and "moving" in facts:
        return AuditEvent.HELD_BACK, facts
    try:
        return AuditEvent(word), facts
    except ValueError:
        return AuditEvent.OTHER, {**facts, "event": word}
