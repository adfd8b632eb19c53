"""`muster check`: asks every part whether it would work, and prints one line for each answer.

Every question is asked, however many before it failed; lines come in the order of the questions. What a question
cannot find out is a complaint, never silence.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TextIO

from bot.domain.cloud import AnyCloud, CloudError
from bot.domain.diagnosis import Line
from bot.domain.errors import Refusal
from bot.domain.ports import StoreFailed

QUESTION_SECONDS = 60.0
"""How long one part may take to answer."""


class Outcome(IntEnum):
    """The exit code."""

    FINE = 0
    WRONG = 1
    UNREADABLE = 2
    """The settings could not be read, so nothing else was asked."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Something to ask a part of the bot."""

    title: str  #: of the line when there is no answer
    ask: Callable[[], Awaitable[Sequence[Line]]]


async def report(questions: Sequence[Question], out: TextIO, *, hide: Callable[[str], str] = str) -> Outcome:
    """Ask everything and print what came back.

    Args:
        questions: asked side by side, printed in this order.
        out: where the lines go.
        hide: takes secrets out of a text (`bot.runtime.log.redact` with those of the settings).
    """
    pending = [asyncio.ensure_future(_answer(question)) for question in questions]
    wrong = asked = 0
    try:
        for answer in pending:
            for line in await answer:
                _print(line, out, hide)
                asked += not line.is_note
                wrong += bool(line.complaint)
    finally:
        for answer in pending:
            answer.cancel()
    out.write(f"\n{asked} looked at, {wrong} wrong.\n" if wrong else f"\nAll is well ({asked} looked at).\n")
    return Outcome.WRONG if wrong else Outcome.FINE


def unreadable(lines: Sequence[Line], out: TextIO) -> Outcome:
    """Print why the settings cannot be used."""
    for line in lines:
        _print(line, out, str)
    out.write("\nThe settings cannot be used, so nothing else was looked at.\n")
    return Outcome.UNREADABLE


def of_settings(notes: Sequence[str]) -> Question:
    """That the settings could be read, and what in them does nothing.

    Args:
        notes: a sentence for each setting that has no effect in this release, or costs more than people may know.
    """

    async def ask() -> Sequence[Line]:
        known = [Line(title="settings", detail=sentence, is_note=True) for sentence in notes]
        return [Line(title="settings", detail="can be used"), *known]

    return Question(title="settings", ask=ask)


def of_store(look: Callable[[], Awaitable[str]]) -> Question:
    """Whether the database can be used.

    Args:
        look: opens it for reading; answers what it found, in words.
    """

    async def ask() -> Sequence[Line]:
        return [Line(title="store", detail=await look())]

    return Question(title="store", ask=ask)


def of_webhook(path: str, *, has_token: bool) -> Question:
    """Whether alerts are taken in.

    Args:
        path: of the route.
        has_token: whether a token is configured that callers must bear.
    """
    detail = f"POST {path} takes alerts from whoever has the token"
    if not has_token:
        detail = f"no token is configured, so {path} answers 404; set ALERTMANAGER_TOKEN to take alerts"

    async def ask() -> Sequence[Line]:
        return [Line(title="alertmanager", detail=detail, is_note=not has_token)]

    return Question(title="alertmanager", ask=ask)


def of_cloud(cloud: AnyCloud) -> Question:
    """Whether a cloud can be reached and lets us do what its procedures need."""
    title = f"cloud {cloud.name}"

    async def ask() -> Sequence[Line]:
        complaints = await cloud.check()
        if not complaints:
            offered = ", ".join(sorted(action.value for action in cloud.actions))
            return [Line(title=title, detail=f"reachable, with all rights for {offered}")]
        return [Line(title=title, complaint=complaint) for complaint in complaints]

    return Question(title=title, ask=ask)


async def _answer(question: Question) -> Sequence[Line]:
    try:
        return await asyncio.wait_for(question.ask(), QUESTION_SECONDS)
    except TimeoutError:
        complaint, remedy = f"no answer within {QUESTION_SECONDS:g} s.", "Check the address and the network between."
    except (CloudError, Refusal) as error:
        complaint, remedy = error.sentence, error.remedy
    except StoreFailed as error:
        complaint = str(error)
        remedy = "Check [store] and that the database runs; before the first start, `muster migrate` makes it."
    except Exception as error:  # noqa: BLE001  # one part's surprise must not hide what the others say
        complaint, remedy = f"{type(error).__name__}: {error}", ""
    return [Line(title=question.title, complaint=complaint, remedy=remedy)]


def _print(line: Line, out: TextIO, hide: Callable[[str], str]) -> None:
    sign, words = ("✗", line.complaint) if line.complaint else ("–" if line.is_note else "✓", line.detail)
    out.write(_plain(hide(f"{sign} {line.title}: {words}" if words else f"{sign} {line.title}")) + "\n")
    if line.complaint and line.remedy:
        out.write(_plain(hide(f"    → {line.remedy}")) + "\n")


def _plain(text: str) -> str:
    """One line without control characters: names come from clouds and from Slack."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
