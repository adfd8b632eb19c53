"""What is wrong with the settings: every problem names its key and what to do."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic_core import PydanticCustomError


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong with the settings."""

    key: str  #: where, e.g. "clouds.prod.concurrency" or "SLACK_BOT_TOKEN"
    sentence: str
    remedy: str = ""

    @classmethod
    def of(cls, key: str, error: PydanticCustomError) -> "Problem":
        """What is wrong with a key, as `bot.domain.settings.table.wrong` said it."""
        context = error.context or {}
        return cls(key=key, sentence=context["sentence"], remedy=context["remedy"])

    def __str__(self) -> str:
        return f"{self.key}: {self.sentence} {self.remedy}".rstrip()


class SettingsError(Exception):
    """The settings cannot be used. Carries all problems at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(word: str, known: Iterable[str], *, else_: str = "Known here") -> str:
    """A remedy for a word that is not among the known ones: the nearest one, or all of them."""
    words = sorted(known)
    if close := difflib.get_close_matches(word, words, n=1, cutoff=0.6):
        return f'Did you mean "{close[0]}"?'
    return f"{else_}: {', '.join(words)}." if words else ""
