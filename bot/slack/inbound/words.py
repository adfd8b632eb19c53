"""Cuts the text of a slash command into words: quotes, typographic marks and what Slack itself rewrites."""

from dataclasses import dataclass

from bot.domain.errors import BadCommand
from bot.slack.views import text

MAX_COMMAND = 2_000
"""Characters of a command. Slack takes more; nobody types more."""

_DOUBLE = '"“”„‟«»'
_SINGLE = "'‘’‚‛"  # the marks that clients put in place of an apostrophe
_DASHES = ("—", "–", "―", "--")
_BLANKS = " \t\n\r\u00a0\u2007\u202f\u3000"
_WIDTHLESS = "\u200b\u200c\u200d\u2060\ufeff"  # what web pages put around words; nobody sees it when copying
_FORMATS = "`*_~"
_SCHEMES = ("http://", "https://", "mailto:")


@dataclass(frozen=True, kw_only=True)
class TypedWord:
    """One word; a quoted one is never a flag or a keyword."""

    text: str
    quoted: bool = False

    @property
    def flag(self) -> str:
        """The flag's name with two dashes, or nothing. Clients turn two hyphens into a long dash."""
        if self.quoted:
            return ""
        dash = next((d for d in _DASHES if self.text.startswith(d)), "-" if self.text.startswith("-") else "")
        name = self.text[len(dash) :]
        return f"--{name.lstrip('-').lower()}" if dash and name else ""


def split(command_text: str) -> tuple[TypedWord, ...]:
    """The words of a command.

    Raises:
        BadCommand: too long, invisible characters, or a quote without its partner.
    """
    if len(command_text) > MAX_COMMAND:
        raise BadCommand(f"That command has {len(command_text)} characters; the limit is {MAX_COMMAND}.")
    typed = command_text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    words: list[TypedWord] = []
    place = 0
    while place < len(typed):
        if typed[place] in _BLANKS + _WIDTHLESS:
            place += 1
            continue
        word, place = _quoted(typed, place) if typed[place] in _DOUBLE + _SINGLE else _bare(typed, place)
        if any(text.is_invisible(c) for c in word.text if c not in _BLANKS):
            raise BadCommand("That command contains invisible characters.", remedy="Type it instead of pasting it.")
        words.append(word)
    return tuple(words)


def as_meant(word: str) -> str:
    """A word as it was copied: without one pair of marks that format it, and without the link that Slack made of it."""
    word = word.strip(_WIDTHLESS)
    for mark in _FORMATS:
        if len(word) > 2 and word[0] == word[-1] == mark and mark not in word[1:-1]:
            return _unlinked(word[1:-1])
    return _unlinked(word)


def _quoted(typed: str, start: int) -> tuple[TypedWord, int]:
    """A word in quotes. An apostrophe inside a word does not end it."""
    marks = _DOUBLE if typed[start] in _DOUBLE else _SINGLE
    for end in range(start + 1, len(typed)):
        closes = typed[end] in marks and (end + 1 == len(typed) or typed[end + 1] in _BLANKS + _WIDTHLESS)
        if closes:
            return TypedWord(text=typed[start + 1 : end], quoted=True), end + 1
    raise BadCommand("A quote was opened and not closed.", remedy="Close it, or leave both out.")


def _bare(typed: str, start: int) -> tuple[TypedWord, int]:
    end = start
    while end < len(typed) and typed[end] not in _BLANKS:
        if typed[end] in _DOUBLE:
            return _after_equals(typed, start, end)
        end += 1
    return TypedWord(text=as_meant(typed[start:end])), end


def _after_equals(typed: str, start: int, quote: int) -> tuple[TypedWord, int]:
    """`--reason="two words"`: the quote may only begin after the equals sign of a flag."""
    before = typed[start:quote]
    if not (before.endswith("=") and TypedWord(text=before).flag):
        raise BadCommand("A quote stands in the middle of a word.", remedy="Put quotes around the whole word.")
    inside, end = _quoted(typed, quote)
    return TypedWord(text=before + inside.text), end


def _unlinked(word: str) -> str:
    """A host name that looks like an address arrives as <http://name|name>; also behind a cloud's name or a flag."""
    before, opened, link = word.rpartition("<")
    if opened and before[-1:] in {"", "/", "="} and link.endswith(">") and link.count("|") == 1:
        address, label = link[:-1].split("|")
        if address.startswith(_SCHEMES) and address.split(":", 1)[1].strip("/") == label:
            return before + label
    return word
