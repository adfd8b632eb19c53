"""What the incident channel reads when Muster itself is unwell: said past the outbox, so it may say little."""

from collections.abc import Mapping
from datetime import datetime

from bot.slack.views import text
from bot.slack.views.message import Message

_OVER = ":white_check_mark:"


def tells_of(part: str, said: str) -> bool:
    """Whether a message says that this part ails, and not that it did.

    Args:
        part: as in `render`.
        said: the text of a message of this kind, of whichever process.
    """
    return not said.startswith(_OVER) and _named(part) in said


def render(ailing: Mapping[str, str], *, where: str, since: datetime, over: datetime | None = None) -> Message:
    """The one message of a time of trouble.

    Args:
        ailing: what ails, by part, as `/readyz` names it.
        where: the machine that it is about.
        since: when it began.
        over: when it ended; None: it lasts.
    """
    named = "; ".join(f"{_named(part)} {text.plain(why)}" for part, why in sorted(ailing.items()))
    if over is not None:
        span = f"from {text.day_and_time(since)} to {text.day_and_time(over)}"
        return Message(text=f"{_OVER} Muster on {text.plain(where)} is well again. It was not {span}: {named}.")
    head = f":rotating_light: *Muster on {text.plain(where)} is unwell* since {text.day_and_time(since)}: {named}."
    return Message(text=f"{head} {_meaning(ailing)}")


def _named(part: str) -> str:
    if part == "store":
        return "its database"
    kind, _, name = part.partition(" ")
    return f"{kind} {text.code(name)}" if name else f"its {text.plain(part)}"


def _meaning(ailing: Mapping[str, str]) -> str:
    if "store" in ailing:
        return (
            "Nothing new is begun on any cloud and nothing is told in the threads until it can be written again; what "
            "the clouds have taken goes on."
        )
    return "What hangs does not recover by itself. Restart Muster: it picks up everything where it left off."
