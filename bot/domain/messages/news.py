"""What is worth telling people: one value per line that will stand in a thread, a channel or a private note.

News is stored in the transaction of the change that caused it, and turned into a Slack message by a view when it is
delivered. It holds values, never text for Slack.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from bot.domain.messages.alarm import AlarmUnheard
from bot.domain.messages.answered import Answered
from bot.domain.messages.decided import Decided
from bot.domain.messages.executed import Executed
from bot.domain.messages.kind import Kind
from bot.domain.values import OperationId, UserId

Happened: TypeAlias = Decided | Executed | AlarmUnheard
"""What a line tells: of an operation, or of an alarm."""


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


@dataclass(frozen=True, kw_only=True)
class Unheard:
    """Why what the incident channel should have heard comes by direct message."""

    channel: str
    why: str  #: Slack's word


@dataclass(frozen=True, kw_only=True)
class News:
    """One thing worth telling."""

    what: Happened | Answered
    audience: Audience = Audience.THREAD
    ask: tuple[str, ...] = ()  #: ids of the people and user groups who are called
    operation: OperationId | None = None  #: None only for a private note about no operation, and for an alarm
    person: UserId | None = None  #: with Audience.PERSON and Audience.DIRECT
    channel: str = ""  #: with Audience.PERSON: where they acted
    answers: str = ""  #: with Audience.PERSON: the key of the delivery that it answers
    instead: Unheard | None = None  #: with Audience.DIRECT

    @property
    def kind(self) -> Kind:
        """What happened, in a word."""
        return self.what.kind


def calling(news: News, ask: Sequence[str]) -> tuple[News, ...]:
    """A call to people, for the thread and the incident channel, and by direct message to whoever is in neither.

    Args:
        news: what is asked.
        ask: ids of the people and user groups who are called.
    """
    called = replace(news, ask=tuple(dict.fromkeys(ask)))
    return tuple(replace(called, audience=where) for where in (Audience.THREAD, Audience.INCIDENT, Audience.ABSENT))
