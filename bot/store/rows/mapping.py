"""Rows to domain values and back, nothing else."""

import hashlib
from collections import OrderedDict
from datetime import datetime
from functools import lru_cache
from typing import Any

from bot.domain.cloud import Request
from bot.domain.messages.news import Audience, News
from bot.domain.operation import Operation, PlannedOperation, State
from bot.domain.plans.plan import Plan, Step
from bot.domain.ports import Card, Copy, Delivery, Outgoing
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import OperationId, UserId
from bot.store.rows import codec, news_body
from bot.store.rows.tables import CardRow, CopyRow, DeliveryRow, OperationRow

APART = frozenset({"id", "state", "plan", "approved_plan", "created_at", "expires_at", "version"})
"""Fields of an operation that have a column or a row of their own."""


class PlanShelf:
    """Plans read or written lately, by the hash of their text: a plan is large, and rarely changes.

    Args:
        room: how many characters of plan text to keep at most; the newest plan is always kept.
    """

    def __init__(self, room: int = 8_000_000) -> None:
        self._room = room
        self._plans: OrderedDict[str, tuple[Plan, int]] = OrderedDict()

    def sha_of(self, plan: Plan) -> str | None:
        """The hash of a plan's text; None: it is not known."""
        return next((sha for sha, (known, _) in self._plans.items() if known is plan), None)

    def find(self, sha: str) -> Plan | None:
        """A plan kept here."""
        kept = self._plans.get(sha)
        if kept is None:
            return None
        self._plans.move_to_end(sha)
        return kept[0]

    def keep(self, plan: Plan, text: str) -> str:
        """Know a plan and its text from now on; answers the hash."""
        sha = hashlib.sha256(text.encode()).hexdigest()
        self._plans[sha] = (plan, len(text))
        self._plans.move_to_end(sha)
        while len(self._plans) > 1 and sum(size for _, size in self._plans.values()) > self._room:
            self._plans.popitem(last=False)
        return sha


def operation_columns(operation: Operation) -> dict[str, Any]:
    """What a save writes of an operation, but for plans, version and revision."""
    return {
        "cloud": operation.request.cloud,
        "host_id": operation.request.host,
        "state": operation.state.value,
        "live": operation.is_live,
        "body": codec.encode(operation, without=APART),
        "created_at": operation.created_at,
        "expires_at": operation.expires_at,
        "ended_at": operation.ended_at,
        "not_before": operation.waits_until,
    }


def operation_of(row: OperationRow, *, plan: Plan | None, approved_plan: Plan | None) -> Operation:
    """The operation of a row and its plans."""
    columns: dict[str, Any] = {
        "id": OperationId(row.id),
        "state": State(row.state),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "version": row.version,
    }
    if plan is None:
        return codec.decode(Operation, row.body, **columns)
    return codec.decode(PlannedOperation, row.body, plan=plan, approved_plan=approved_plan, **columns)


def step_columns(operation: OperationId, record: StepRecord) -> dict[str, Any]:
    """The row of a step."""
    return {
        "operation_id": operation,
        "key": record.key,
        "seq": record.seq,
        "state": record.state.value,
        "step": codec.encode(record.step),
        "body": codec.encode(record, without={"step", "seq", "state"}),
    }


@lru_cache(maxsize=1024)
def step_of(*, step: str, body: str, seq: int, state: str) -> StepRecord:
    """The step of the columns of a row; those that move are read by each operation beside them, time and again."""
    return codec.decode(StepRecord, body, step=_step(step), seq=seq, state=StepState(state))


@lru_cache(maxsize=4096)
def _step(text: str) -> Step:
    """A step of a stored text: read every poll, changed twice in its life."""
    return codec.decode(Step, text)


def delivery_columns(delivery: Delivery) -> dict[str, Any]:
    """The row of a delivery."""
    return {
        "key": delivery.key,
        "kind": delivery.kind,
        "payload": codec.canonical(delivery.payload),
        "received_at": delivery.received_at,
    }


def delivery_of(row: DeliveryRow) -> Delivery:
    """The delivery of a row."""
    return Delivery(key=row.key, kind=row.kind, payload=codec.plain(row.payload), received_at=row.received_at)


def news_columns(news: News, *, now: datetime) -> dict[str, Any]:
    """The row of news."""
    return {
        "lane": lane_of(news),
        "operation_id": news.operation,
        "needs_card": news.audience is not Audience.PERSON and news.operation is not None,
        "body": news_body.write(news),
        "created_at": now,
        "waiting": True,
        "tries": 0,
    }


def lane_of(news: News) -> str | None:
    """What keeps its order: news of one operation to one audience; a private note waits for nobody else's."""
    if news.operation is None:
        return None
    who = f" {news.person}" if news.person is not None else ""
    return f"{news.operation} {news.audience.value}{who}"


def outgoing_of(row: Any) -> Outgoing:
    """The news of a row's columns."""
    return Outgoing(
        id=row.id,
        news=_news(row.body),
        created_at=row.created_at,
        tries=row.tries,
        attempted_at=row.attempted_at,
        channel=row.channel,
        thread=row.thread,
    )


@lru_cache(maxsize=1024)
def _news(text: str) -> News:
    """News of a stored text: what waits for its turn in Slack is read in every round of the board."""
    return news_body.read(text)


@lru_cache(maxsize=256)
def request_of(body: str) -> Request:
    """The request of a stored operation: those of a cloud are read whenever one of them begins a move."""
    return codec.decode_part(Request, body, "request")


def card_columns(card: Card, *, now: datetime) -> dict[str, Any]:
    """The row of a card."""
    return {
        "operation_id": card.operation,
        "channel": card.channel,
        "ts": card.ts,
        "revision": card.revision,
        "attempted_at": card.attempted_at,
        "kept_at": now,
        "left_channel": card.left or None,
        "left_why": card.why or None,
    }


def card_of(row: CardRow) -> Card:
    """The card of a row."""
    return Card(
        operation=OperationId(row.operation_id),
        channel=row.channel,
        ts=row.ts,
        revision=row.revision,
        attempted_at=row.attempted_at,
        left=row.left_channel or "",
        why=row.left_why or "",
    )


def copy_columns(copy: Copy) -> dict[str, Any]:
    """The row of a further card."""
    return {
        "operation_id": copy.operation,
        "channel": copy.channel,
        "person": copy.person,
        "ts": copy.ts,
        "revision": copy.revision,
        "attempted_at": copy.attempted_at,
    }


def copy_of(row: CopyRow) -> Copy:
    """The further card of a row."""
    return Copy(
        operation=OperationId(row.operation_id),
        channel=row.channel,
        person=UserId(row.person),
        ts=row.ts,
        revision=row.revision,
        attempted_at=row.attempted_at,
    )
