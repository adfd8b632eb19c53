"""The audit on the command line: verified, or written out, beside the bot that runs."""

import csv
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import TextIO

from bot.domain.counting import counted, listed
from bot.domain.values import Json
from bot.runtime.clock import SystemClock, WakeUp
from bot.store.archive import SqlArchive
from bot.store.parts import audit
from bot.store.parts.audit import SqlAudit

MOST_NAMED = 20
"""How many broken lines are named one by one."""


async def verify(url: str, out: TextIO) -> int:
    """Say whether every line of the audit is as it was written.

    Args:
        url: of the database.
        out: where the answer goes.

    Returns:
        0 when the audit is whole, 1 when it is not.

    Raises:
        StoreFailed, bot.store.schema.ForeignSchema: it cannot be read.
    """
    async with _kept_audit(url) as lines:
        broken = await audit.broken(lines)
        (cut, _), (seq, head) = await lines.begin(), await lines.head()
    if not broken:
        unchanged = counted(seq - cut, "line is as it was written", "lines are as they were written")
        gone = f" ({counted(cut, 'earlier one was', 'earlier ones were')} let go)" if cut else ""
        out.write(f"✓ {unchanged}{gone}; the last one's hash is {head}\n")
        return 0
    shown = listed([str(number) for number in broken], most=MOST_NAMED)
    out.write(f"✗ changed, missing or out of place: line {shown} of {seq}\n")
    out.write("    → Compare with the last export or a backup, and find out who can write to the database.\n")
    return 1


class Format(StrEnum):
    """How the audit is written out."""

    JSONL = "jsonl"
    """A JSON object a line, and a last one with the head, to be kept elsewhere."""
    CSV = "csv"
    """For a spreadsheet (RFC 4180), without the head, which is the last line's hash."""


COLUMNS = ("seq", "at", "actor", "operation", "event", "facts", "prev_hash", "hash")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet: https://owasp.org/www-community/attacks/CSV_Injection."""


async def export(url: str, out: TextIO, *, form: Format = Format.JSONL) -> int:
    """Write the audit, first line to last.

    Args:
        url: of the database.
        out: where the lines go.
        form: of the lines.

    Returns:
        0.

    Raises:
        StoreFailed, bot.store.schema.ForeignSchema: it cannot be read.
    """
    async with _kept_audit(url) as lines:
        if form is Format.CSV:
            await _as_csv(lines, out)
        else:
            await _as_json(lines, out)
    return 0


async def _as_json(lines: SqlAudit, out: TextIO) -> None:
    async for line in audit.export(lines):
        out.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
    seq, head = await lines.head()
    out.write(json.dumps({"head": {"seq": seq, "hash": head}}) + "\n")


async def _as_csv(lines: SqlAudit, out: TextIO) -> None:
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(COLUMNS)
    async for line in audit.export(lines):
        told = {**line, "facts": json.dumps(line["facts"], ensure_ascii=False, sort_keys=True)}
        rows.writerow([_cell(told[name]) for name in COLUMNS])


def _cell(value: Json) -> str:
    """What stands in a cell: nothing that a spreadsheet would calculate."""
    word = "" if value is None else str(value)
    return f"'{word}" if word.startswith(_FORMULA) else word


@asynccontextmanager
async def _kept_audit(url: str) -> AsyncIterator[SqlAudit]:
    clock = SystemClock()
    archive = SqlArchive(url, clock=clock, bell=WakeUp(clock))
    await archive.open_for_reading()
    try:
        async with archive.unit() as unit:
            yield unit.audit
    finally:
        await archive.close()
