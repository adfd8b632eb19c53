"""The audit: append-only and chained by hashes, so that a changed, missing or reordered line is found.

A line's hash covers the hash before it and everything the line says. The database refuses to change lines (triggers of
the first migration); `broken` finds what somebody changed around that.
"""

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlmodel import col

from bot.domain.audit import AuditEvent, Entry, Recorded
from bot.domain.values import Json, OperationId, UserId
from bot.store.rows import audit_words, codec
from bot.store.rows.mapping import news_columns
from bot.store.rows.tables import AuditHeadRow, AuditRow, NewsRow, table_of
from bot.store.transaction import Transaction

GENESIS = "0" * 64
"""The hash before the first line."""

_AUDIT = table_of(AuditRow)
_HEAD = table_of(AuditHeadRow)
_OUTBOX = table_of(NewsRow)
_PAGE = 500

# Asked for by each commit, and built once: to build one takes longer than to ask it.
_END = select(_HEAD.c.seq, _HEAD.c.hash).with_for_update()
_MOVE_ON = update(_HEAD).values(seq=bindparam("seq"), hash=bindparam("last"))
_LINES, _NEWS = insert(_AUDIT), insert(_OUTBOX)


class SqlAudit:
    """`bot.domain.ports.audit.Audit` over rows, and the order of what the commit appends."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def record(self, operation: OperationId | None, entry: Entry) -> None:
        self._transaction.note(operation, entry)

    async def entries(self, operation: OperationId, *, limit: int) -> tuple[int, Sequence[Recorded]]:
        is_its = col(AuditRow.operation_id) == operation
        number: int = await self._transaction.first(select(func.count()).select_from(_AUDIT).where(is_its))
        newest = select(AuditRow).where(is_its).order_by(col(AuditRow.seq).desc()).limit(limit)
        rows: list[AuditRow] = await self._transaction.scalars(newest)
        return number, [_recorded(row) for row in reversed(rows)]

    async def cut(self, before: datetime, *, most: int) -> int:
        """See `bot.domain.ports.audit.Audit`.

        What is kept says up to which line it was cut, and the hash of that one.
        """
        head: AuditHeadRow = await self._transaction.first(select(AuditHeadRow).with_for_update())
        first_kept = await self._transaction.first(
            select(col(AuditRow.seq)).where(col(AuditRow.at) >= before).order_by(col(AuditRow.seq)).limit(1)
        )
        up_to = min((first_kept or head.seq + 1) - 1, head.cut_seq + most)
        if up_to <= head.cut_seq:
            return 0
        hash_ = await self._transaction.first(select(col(AuditRow.hash)).where(col(AuditRow.seq) == up_to))
        await self._transaction.run(update(_HEAD).values(cut_seq=up_to, cut_hash=hash_))
        await self._transaction.run(delete(_AUDIT).where(_AUDIT.c.seq <= up_to))
        self._transaction.note(None, Entry(event=AuditEvent.AUDIT_CUT, facts=cut_facts(up_to, hash_)))
        return up_to - head.cut_seq

    async def append(self) -> None:
        """Write the audit entries and news of this unit, behind the lock on the audit's end."""
        if not self._transaction.entries and not self._transaction.news:
            return
        ((seq, last),) = await self._transaction.all(_END)
        now = self._transaction.clock.now()
        rows: list[dict[str, Any]] = []
        for operation, entry in self._transaction.entries:
            seq += 1
            row = _line(seq, now, operation, entry, last)
            last = row["hash"]
            rows.append(row)
        if rows:
            await self._transaction.run(_LINES, rows)
            await self._transaction.run(_MOVE_ON, [{"seq": seq, "last": last}])
        if self._transaction.news:
            await self._transaction.run(_NEWS, [news_columns(news, now=now) for news in self._transaction.news])
        self._transaction.entries, self._transaction.news = [], []

    async def lines(self) -> AsyncIterator[AuditRow]:
        """All lines, in order, some hundred at a time."""
        last: int | None = None
        while True:
            query = select(AuditRow).order_by(col(AuditRow.seq)).limit(_PAGE)
            page = await self._transaction.scalars(query if last is None else query.where(col(AuditRow.seq) > last))
            for row in page:
                yield row
            if len(page) < _PAGE:
                return
            last = page[-1].seq

    async def begin(self) -> tuple[int, str]:
        """The number and hash of the last line that is kept no more; 0 and `GENESIS` where all are."""
        row: AuditHeadRow = await self._transaction.first(select(AuditHeadRow))
        return row.cut_seq, row.cut_hash

    async def head(self) -> tuple[int, str]:
        """The number and hash of the last line."""
        row: AuditHeadRow = await self._transaction.first(select(AuditHeadRow))
        return row.seq, row.hash


def cut_facts(seq: int, hash_: str) -> dict[str, Json]:
    """What the line of a cut says."""
    return {"up_to": seq, "hash": hash_}


def _recorded(row: AuditRow) -> Recorded:
    event, facts = audit_words.read(row.event, codec.plain(row.facts))
    actor = None if row.actor is None else UserId(row.actor)
    return Recorded(at=row.at, entry=Entry(event=event, actor=actor, facts=facts))


def _line(seq: int, at: datetime, operation: OperationId | None, entry: Entry, prev_hash: str) -> dict[str, Any]:
    line = {
        "seq": seq,
        "at": at,
        "operation_id": operation,
        "actor": entry.actor,
        "event": entry.event,
        "facts": codec.canonical(entry.facts),
        "prev_hash": prev_hash,
    }
    return line | {"hash": _hash(line)}


def _hash(line: dict[str, Any]) -> str:
    """sha256 of the hash before, then everything the line says as canonical JSON."""
    said = {
        "seq": line["seq"],
        "at": line["at"].astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": line["actor"],
        "operation": line["operation_id"],
        "event": line["event"],
        "facts": line["facts"],
    }
    return hashlib.sha256((line["prev_hash"] + codec.canonical(said)).encode()).hexdigest()


async def broken(audit: SqlAudit) -> list[int]:
    """Numbers of lines that are not as they were written: changed, missing, or not where they belong.

    Whoever rewrites every line from the first changed one on and the head as well leaves no trace in here; compare the
    head's hash with one kept elsewhere (`muster audit export` ends with it).
    """
    wrong: set[int] = set()
    cut, hash_of_cut = await audit.begin()
    last = hash_of_cut
    expected, is_told = cut + 1, cut == 0
    async for row in audit.lines():
        wrong.update(range(expected, row.seq))
        if row.prev_hash != last or row.hash != _hash(row.model_dump()):
            wrong.add(row.seq)
        expected, last = row.seq + 1, row.hash
        is_told |= row.event == AuditEvent.AUDIT_CUT and codec.plain(row.facts) == cut_facts(cut, hash_of_cut)
    seq, hash_ = await audit.head()
    wrong.update(range(expected, seq + 1))
    if not is_told:
        wrong.add(cut)  # lines are missing of which no line says that they were cut
    if (expected - 1, last) != (seq, hash_):
        wrong.add(max(seq, expected - 1))
    return sorted(wrong)


async def export(audit: SqlAudit) -> AsyncIterator[dict[str, Json]]:
    """Every line as plain JSON, in order, with the hashes that prove it."""
    async for row in audit.lines():
        yield {
            "seq": row.seq,
            "at": row.at.isoformat(timespec="microseconds"),
            "actor": row.actor,
            "operation": row.operation_id,
            "event": row.event,
            "facts": codec.plain(row.facts),
            "prev_hash": row.prev_hash,
            "hash": row.hash,
        }
