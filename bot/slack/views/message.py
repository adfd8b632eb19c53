"""What a view hands to the board: a fallback text and blocks; and the few blocks we use, built small."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from bot.domain.values import Json
from bot.slack.views import text

Block: TypeAlias = dict[str, Json]


@dataclass(frozen=True, kw_only=True)
class File:
    """A text file that a message carries. By its name it is known again in its thread."""

    name: str
    content: str
    otherwise: str  #: said in its place where Slack takes no file: where its content is to be had


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message for Slack. `text` carries the point where blocks are not shown."""

    text: str
    blocks: tuple[Block, ...] = ()
    file: File | None = None

    @property
    def fits(self) -> bool:
        """Whether Slack takes it whole."""
        return len(self.blocks) <= text.MAX_BLOCKS and self.size <= text.MAX_ALL_BLOCKS

    @property
    def size(self) -> int:
        """Characters in all blocks as they are sent."""
        return len(json.dumps(self.blocks, ensure_ascii=False)) if self.blocks else 0

    def without_file(self, *, why: str) -> "Message":
        """What to say when Slack refuses the file; `why` is Slack's code."""
        return replace(self, text=f"{self.file.otherwise} (Slack: {why})" if self.file else self.text, file=None)

    def plainer(self) -> tuple["Message", ...]:
        """What to try when Slack refuses the blocks: the point with the buttons, then the point alone."""
        buttons = tuple(b for b in self.blocks if b["type"] == "actions")
        alone = Message(text=self.text)
        if not buttons:
            return (alone,) if self.blocks else ()
        return (Message(text=self.text, blocks=(section(self.text), *buttons)), alone)


def header(words: str) -> Block:
    """A headline: plain text, so nothing in it is markup."""
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": text.plain(words, limit=text.MAX_HEADER), "emoji": False},
    }


def section(mrkdwn: str) -> Block:
    """A paragraph. `verbatim`: Slack makes no links or mentions that we did not write."""
    return {"type": "section", "text": _mrkdwn(text.cut(mrkdwn, limit=text.MAX_SECTION))}


def context(mrkdwn: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [_mrkdwn(text.cut(mrkdwn, limit=text.MAX_SECTION))]}


def actions(elements: Sequence[Block], *, block_id: str) -> Block:
    """A row of buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def button(label: str, *, action: str, value: str, style: str = "", confirm: Block | None = None) -> Block:
    """A button.

    Args:
        label: Title Case, ours.
        action: the action id.
        value: what the click brings back.
        style: "primary", "danger" or nothing.
        confirm: a dialog before the click counts.
    """
    made: Block = {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": text.cut(label, limit=text.MAX_BUTTON), "emoji": False},
        "value": value,
    }
    if style:
        made["style"] = style
    if confirm is not None:
        made["confirm"] = confirm
    return made


def dialog(title: str, mrkdwn: str, *, yes: str, danger: bool = False) -> Block:
    """The question before an act that cannot be undone."""
    made: Block = {
        "title": plain_text(title, limit=text.MAX_CONFIRM_TITLE),
        "text": _mrkdwn(text.cut(mrkdwn, limit=text.MAX_CONFIRM_TEXT)),
        "confirm": plain_text(yes, limit=30),
        "deny": plain_text("Back", limit=30),
    }
    if danger:
        made["style"] = "danger"
    return made


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, whole: str = "") -> Block:
    """A table of plain cells (no markup is read in them); at most one stands in a message.

    Args:
        columns: headings.
        rows: cells.
        whole: the heading of a column whose cells are not broken into lines, such as ids that people copy.
    """
    cells: list[Json] = [_row(columns)]
    cells.extend(_row(row) for row in rows[: text.MAX_TABLE_ROWS - 1])
    return {
        "type": "table",
        "column_settings": [{"is_wrapped": column != whole} for column in columns],
        "rows": cells,
    }


def _row(cells: Sequence[str]) -> list[Json]:
    return [{"type": "raw_text", "text": cell or "–"} for cell in cells]


def _mrkdwn(mrkdwn: str) -> Block:
    return {"type": "mrkdwn", "text": mrkdwn, "verbatim": True}


def plain_text(words: str, *, limit: int) -> Block:
    """Words of ours in which Slack reads no markup."""
    return {"type": "plain_text", "text": text.cut(words, limit=limit), "emoji": False}
