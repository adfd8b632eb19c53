"""What a view hands to the board: a fallback text and blocks; and the few blocks we use, built small."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from bot.domain.values import Json
from bot.slack.views import text

Block: TypeAlias = dict[str, Json]


@dataclass(frozen=True, kw_only=True)
class SharedFile:
    """A text file that a message carries. By its name it is known again in its thread."""

    name: str
    content: str
    otherwise: str  #: said in its place where Slack takes no file: where its content is to be had


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message for Slack. `text` carries the point where blocks are not shown."""

    text: str
    blocks: tuple[Block, ...] = ()
    file: SharedFile | None = None
    retreat: tuple["Message", ...] = ()
    """What to say instead when Slack refuses it, plainer each time; empty: the text alone."""

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

    def uncalled(self, *, but: str, names: Mapping[str, str]) -> "Message":
        """The same without a mention of anybody but one person.

        Args:
            but: their id.
            names: what the others are called, by id, where that is known.
        """
        shown = {id: text.escape(name, limit=text.NAME) for id, name in names.items()}
        quoted = {id: json.dumps(name)[1:-1] for id, name in shown.items()}
        blocks = tuple(json.loads(text.uncalled(json.dumps(self.blocks), but=but, names=quoted)))
        retreat = tuple(plainer.uncalled(but=but, names=names) for plainer in self.retreat)
        return replace(self, text=text.uncalled(self.text, but=but, names=shown), blocks=blocks, retreat=retreat)

    def plainer(self) -> tuple["Message", ...]:
        """What to try when Slack refuses the blocks: tables as lines, then what was drawn for it, or the text alone."""
        if not self.blocks:
            return ()
        texts = replace(self, blocks=tuple(one for block in self.blocks for one in untabled(block)), retreat=())
        first = (texts,) if texts.blocks != self.blocks and texts.fits else ()
        return (*first, *(self.retreat or (Message(text=self.text),)))

    def without(self, place: int) -> "Message | None":
        """The message without the block that Slack names; None where that block must be read, or is not there."""
        if place >= len(self.blocks) or self.blocks[place]["type"] not in _MAY_BE_MISSED:
            return None
        return replace(self, blocks=(*self.blocks[:place], *self.blocks[place + 1 :]))


_MAY_BE_MISSED = frozenset({"context", "divider"})
"""Blocks without which a message still says what people rely on: small print."""


def header(words: str) -> Block:
    """A headline: plain text, so nothing in it is markup."""
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": text.plain(words, limit=text.MAX_HEADER), "emoji": False},
    }


def section(mrkdwn: str) -> Block:
    """A paragraph, never folded away ("See more"). `verbatim`: no links or mentions that we did not write.

    https://docs.slack.dev/reference/block-kit/blocks/section-block
    """
    return {"type": "section", "text": _mrkdwn(text.cut(mrkdwn, limit=text.MAX_SECTION)), "expand": True}


def packed(lines: Sequence[str]) -> list[list[str]]:
    """Lines in as few portions as hold them whole, each of them no longer than a paragraph may be."""
    made: list[list[str]] = []
    room = 0
    for line in lines:
        if len(line) + 1 > room:
            made.append([])
            room = text.MAX_SECTION
        made[-1].append(line)
        room -= len(line) + 1
    return made


def paragraphs(lines: Sequence[str]) -> list[Block]:
    """All of the lines, in as few paragraphs as hold them whole."""
    return [section("\n".join(part)) for part in packed(lines)]


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


def dialog(title: str, mrkdwn: str, *, yes: str) -> Block:
    """The question before an act that cannot be undone; as plain text, which alone Slack's dialogs show everywhere.

    https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object
    """
    return {
        "title": plain_text(title, limit=text.MAX_CONFIRM_TITLE),
        "text": plain_text(text.unmarked(mrkdwn), limit=text.MAX_CONFIRM_TEXT),
        "confirm": plain_text(yes, limit=30),
        "deny": plain_text("Back", limit=30),
    }


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


def untabled(block: Block) -> list[Block]:
    """The block; a table as lines: columns of fixed width break on a phone."""
    rows = block.get("rows")
    if block["type"] != "table" or not isinstance(rows, list):
        return [block]
    columns, *cells = [[str(cell["text"]) for cell in row] for row in rows]
    lines = [f"• {text.code(name)}" + "".join(f" · {text.escape(cell)}" for cell in others) for name, *others in cells]
    return paragraphs([f"*{' · '.join(columns)}*", *lines])


def _row(cells: Sequence[str]) -> list[Json]:
    return [{"type": "raw_text", "text": cell or "–"} for cell in cells]


def _mrkdwn(mrkdwn: str) -> Block:
    return {"type": "mrkdwn", "text": mrkdwn, "verbatim": True}


def plain_text(words: str, *, limit: int) -> Block:
    """Words of ours in which Slack reads no markup."""
    return {"type": "plain_text", "text": text.cut(words, limit=limit), "emoji": False}
