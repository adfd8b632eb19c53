"""Words for Slack: what clouds and people wrote made inert, cut to Slack's limits; mentions and moments."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.domain.counting import further, listed

# https://docs.slack.dev/reference/block-kit/blocks and .../methods/chat.postMessage
MAX_TEXT = 4_000  #: fallback text of a message; Slack cuts at 40,000, people stop reading long before
MAX_SECTION = 3_000
MAX_HEADER = 150
MAX_BUTTON = 75
MAX_CONFIRM_TITLE = 100
MAX_CONFIRM_TEXT = 300
MAX_BLOCKS = 50
MAX_TABLE_ROWS = 100
MAX_ALL_BLOCKS = 12_000
"""Characters in all blocks of a message: `msg_blocks_too_long` was seen at about 13,200."""

NAME = 60  #: characters of a name that are shown
SENTENCE = 400  #: characters of a sentence from a cloud or a person that are shown

_LOOKALIKES = str.maketrans({"*": "∗", "`": "'", "~": "∼"})
_LONE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_EMOJI_CODE = re.compile(r":(?=[a-z_+\-][a-z0-9_+\-]*:)")
_DATE = re.compile(r"<!date\^[^|>]*\|([^>]*)>")
_PERSON = re.compile(r"^[UW][A-Z0-9]{2,30}$")
_GROUP = re.compile(r"^S[A-Z0-9]{2,30}$")
_MENTION = re.compile(r"<(?:@|!subteam\^)([A-Z0-9]+)>")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_BLANK_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def plain(text: str, *, limit: int = SENTENCE) -> str:
    """One line of visible characters, at most `limit` of them: safe where Slack reads no markup.

    Control characters, direction overrides, zero-width characters and line breaks become one blank.
    """
    cut_early = text[: limit * 4 + 16]
    seen = "".join(" " if is_invisible(c) else c for c in cut_early)
    return cut(" ".join(seen.split()), limit=limit)


def is_invisible(character: str) -> bool:
    """Whether a reader could not see this character, or would see others elsewhere because of it."""
    return unicodedata.category(character) in _INVISIBLE or character in _BLANK_LETTERS


def escape(text: str, *, limit: int = SENTENCE) -> str:
    """Foreign text for mrkdwn: one line, cut, no mention, link, bold, code or emoji code left in it.

    https://docs.slack.dev/messaging/formatting-message-text: only & < > are escaped; the other marks become lookalikes.
    """
    inert = plain(text, limit=limit).translate(_LOOKALIKES)
    inert = _LONE_UNDERSCORE.sub("ˍ", inert)
    inert = _EMOJI_CODE.sub("∶", inert)
    return _entities(inert)


def code(text: str, *, limit: int = NAME) -> str:
    """A name in code type: copied from Slack it is what the cloud calls it."""
    inside = plain(text, limit=limit).replace("`", "'")
    return f"`{_entities(inside) or '(no name)'}`"


def preformatted(lines: Iterable[str]) -> str:
    """Lines in fixed-width type; the caller has made each plain."""
    return "```\n" + "\n".join(_entities(line.replace("`", "'")) for line in lines) + "\n```"


def typed(command: str) -> str:
    """A command in a block to be copied: not a character of it is another one, but for backticks, which end a block.

    `shlex` quotes what a shell would read, so such a command differs only where a name holds a backtick.
    """
    return preformatted([plain(command, limit=MAX_SECTION // 2)])


def _entities(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def cut(text: str, *, limit: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def cut_lines(lines: Sequence[str], *, limit: int = MAX_SECTION, most: int = 1_000) -> str:
    """As many whole lines as fit, and how many more there are.

    Args:
        lines: each made safe by the caller.
        limit: characters.
        most: lines.
    """
    shown: list[str] = []
    room = limit - 40
    for line in lines[:most]:
        if len(line) + 1 > room:
            break
        shown.append(line)
        room -= len(line) + 1
    return "\n".join([*shown, *further(len(lines) - len(shown))])


def mention(id: str) -> str:
    """A person or a user group as Slack shows them to each reader; anything else as plain code."""
    if _PERSON.match(id):
        return f"<@{id}>"
    if _GROUP.match(id):
        return f"<!subteam^{id}>"
    return "every full member" if id == "*" else code(id)


def uncalled(mrkdwn: str, *, but: str, names: Mapping[str, str] = {}) -> str:
    """The same without a mention of anybody but one: Slack notifies whoever a new message mentions, and of no edit.

    Args:
        mrkdwn: words of ours.
        but: the id of who may be mentioned.
        names: what stands for the others, by id, made inert; the id itself where there is none.
    """
    return _MENTION.sub(lambda found: found[0] if found[1] == but else names.get(found[1], f"`{found[1]}`"), mrkdwn)


def mentioned(mrkdwn: str) -> frozenset[str]:
    """The ids of the people whom it mentions."""
    return frozenset(id for id in _MENTION.findall(mrkdwn) if _PERSON.match(id))


def room(id: str) -> str:
    """A link to a conversation, by our own stored id of it; direct messages are nobody else's to open."""
    if id.startswith("D"):
        return "direct messages"
    return f"<#{plain(id, limit=NAME)}>" if id.isalnum() else code(id)


def mentions(ids: Sequence[str]) -> str:
    """Several, as one reads them aloud."""
    shown = [mention(who) for who in ids]
    if len(shown) < 2:
        return "".join(shown) or "nobody"
    return listed(shown, most=20) if len(shown) > 20 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def moment(at: datetime, *, form: str = "{time}", otherwise: str = "") -> str:
    """A moment in the reader's own time zone; `otherwise` is its spelling where Slack cannot tell that zone."""
    fallback = otherwise or f"{at:%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(at.timestamp())}^{form}|{fallback}>"


def day_and_time(at: datetime, *, otherwise: str = "") -> str:
    """A moment that may be days away."""
    return moment(at, form="{date_short_pretty} at {time}", otherwise=otherwise)


def unmarked(mrkdwn: str) -> str:
    """Words of ours as plain text: no marks, dates as they are spelled for those who cannot show them."""
    dated = _DATE.sub(r"\1", mrkdwn)
    bare = dated.replace("*", "").replace("`", "")
    return bare.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def link(url: str, label: str) -> str:
    """A link; `label` is ours."""
    return f"<{url}|{label}>"


def minutes(span: timedelta) -> str:
    """A span as people say it."""
    seconds = max(0, round(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    whole = round(seconds / 60)
    return f"{whole} min" if whole < 120 else f"{whole // 60} h {whole % 60:02d} min"


def sentence_of(sentence: str, remedy: str = "", *, limit: int = SENTENCE) -> str:
    """What is wrong and what to do, from wherever it came, made inert."""
    both = [escape(part, limit=limit) for part in (sentence, remedy) if part.strip()]
    return " ".join(part if part[-1:] in ".!?…" else f"{part}." for part in both)


def without_subject(sentence: str, title: str) -> str:
    """What a sentence says of whatever a step's title names, which is said once for several: "was not evacuated: …".

    Args:
        sentence: of a cloud or of ours, "vm-1 was not evacuated: …".
        title: "evacuate vm-1".
    """
    words = title.split(" ")
    names = (" ".join(words[at:]) for at in range(len(words)))
    named = next((name for name in names if name and sentence.startswith(f"{name} ")), "")
    return sentence[len(named) + 1 :] if named else sentence


def because(reason: str) -> str:
    """Why somebody decided it, in their words made inert; empty where they did not say."""
    said = sentence_of(reason)
    return f"Reason: {said}" if said else ""
