"""The tables: rows, indexes and constraints.

Columns hold what is asked for or locked on; `body` columns hold the rest of a value as canonical JSON (`codec`), so a
field added to a value needs no migration. A constraint here must also stand in `migrations/`; a test compares them.
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, Table, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from bot.domain.operation import State
from bot.store.rows.columns import Exact, Moment

NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

metadata = MetaData(naming_convention=NAMING)

UNWATCHED = f"unwatched AND state IN ('{State.SUCCEEDED}', '{State.ENDED_INCOMPLETE}')"
"""The operations that acted and ended, and that no alarm is about yet; word for word in the question and its index."""


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


def _only(name: str, *columns: str, flag: str, unique: bool = False) -> Index:
    """An index of the rows whose flag is set.

    SQLite takes one only for a question that has its condition word for word, and there SQLAlchemy asks `flag = 1`.
    """
    return Index(name, *columns, unique=unique, sqlite_where=text(f"{flag} = 1"), postgresql_where=text(flag))


class Row(SQLModel, registry=registry(metadata=metadata)):
    """One row of one table."""


class OperationRow(Row, table=True):
    """An operation, the lease on it, and how often it changed."""

    __tablename__ = "operation"
    __table_args__ = (
        _only("one_live_operation_per_host", "cloud", "host_id", flag="live", unique=True),
        Index("ix_operation_host", "cloud", "host_id", "created_at"),
        Index("ix_operation_work", "state", "waiting_since"),
        Index("ix_operation_created_at", "created_at"),
        _only("ix_operation_live", "created_at", "id", flag="live"),
        _partial("ix_operation_unwatched", "cloud", "created_at", "id", where=UNWATCHED),
        _partial("ix_operation_behind", "id", where="revision > shown"),
        _partial("ix_operation_copies_behind", "id", where="revision > copies_shown"),
        _partial("ix_operation_leased", "lease_until", where="lease_until IS NOT NULL"),
        _partial("ix_operation_ended_at", "ended_at", where="plan_sha IS NOT NULL"),
    )

    id: str = Field(primary_key=True, sa_type=Exact)
    cloud: str = Field(sa_type=Exact)
    host_id: str = Field(sa_type=Exact)
    state: str = Field(sa_type=Text)
    live: bool  #: `Operation.is_live` when last saved
    plan_sha: str | None = Field(default=None, sa_type=Text)
    approved_plan_sha: str | None = Field(default=None, sa_type=Text)
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime | None = Field(default=None, sa_type=Moment)
    version: int
    shown: int = Field(default=-1, sa_column_kwargs={"server_default": text("-1")})  #: the revision that its card shows
    copies_shown: int | None = None  #: the oldest revision that one of its further cards shows; None: it has none
    ended_at: datetime | None = Field(default=None, sa_type=Moment)  #: `Operation.ended_at` when last saved
    revision: int  #: grows with every change of the operation or its steps; what a card is compared with
    lease_owner: str | None = Field(default=None, sa_type=Exact)
    lease_until: datetime | None = Field(default=None, sa_type=Moment)
    fence: int = 0  #: grows with every taking, never goes back
    waiting_since: datetime = Field(sa_type=Moment)  #: when it was added, or last taken or given back
    not_before: datetime | None = Field(default=None, sa_type=Moment)  #: `Operation.waits_until` when last saved
    unwatched: bool = Field(default=True, sa_column_kwargs={"server_default": text("true")})  #: no alarm bears its id


class PlanRow(Row, table=True):
    """A plan of an operation under the hash of its text: stored once, however often the operation is saved."""

    __tablename__ = "plan"

    operation_id: str = Field(
        primary_key=True, sa_type=Exact, sa_column_args=[ForeignKey("operation.id", ondelete="CASCADE")]
    )
    sha: str = Field(primary_key=True, sa_type=Text)
    body: str = Field(sa_type=Text)


class StepRow(Row, table=True):
    """A step of the plan under execution and what became of it."""

    __tablename__ = "step"

    operation_id: str = Field(
        primary_key=True, sa_type=Exact, sa_column_args=[ForeignKey("operation.id", ondelete="CASCADE")]
    )
    key: str = Field(primary_key=True, sa_type=Exact)
    seq: int
    state: str = Field(sa_type=Text)
    step: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)


class DeliveryRow(Row, table=True):
    """The inbox: what came in, under a key that makes its repetition harmless."""

    __tablename__ = "inbox"
    __table_args__ = (
        Index(
            "ix_inbox_unsettled",
            "received_at",
            sqlite_where=text("settled_at IS NULL"),
            postgresql_where=text("settled_at IS NULL"),
        ),
        _partial("ix_inbox_settled_at", "settled_at", where="settled_at IS NOT NULL"),
    )

    key: str = Field(primary_key=True, sa_type=Exact)
    kind: str = Field(sa_type=Exact)
    payload: str = Field(sa_type=Text)
    received_at: datetime = Field(sa_type=Moment)
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
    result: str | None = Field(default=None, sa_type=Exact)


class NewsRow(Row, table=True):
    """The outbox: news that waits to be told, was told, or was given up."""

    __tablename__ = "outbox"
    __table_args__ = (
        _only("ix_outbox_waiting", "lane", "id", flag="waiting"),
        _only("ix_outbox_next", "id", flag="waiting"),
        _partial("ix_outbox_ended_at", "ended_at", where="ended_at IS NOT NULL"),
        Index("ix_outbox_operation_id", "operation_id"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    lane: str | None = Field(default=None, sa_type=Exact)  #: news of one lane is told in the order of ids
    operation_id: str | None = Field(default=None, sa_type=Exact, sa_column_args=[ForeignKey("operation.id")])
    needs_card: bool  #: told only once the operation's card stands
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=Moment)
    waiting: bool = True
    tries: int = 0
    attempted_at: datetime | None = Field(default=None, sa_type=Moment)
    ended_at: datetime | None = Field(default=None, sa_type=Moment)
    ts: str | None = Field(default=None, sa_type=Exact)
    why: str | None = Field(default=None, sa_type=Exact)


class CardRow(Row, table=True):
    """Where an operation's card stands and what it shows."""

    __tablename__ = "card"

    operation_id: str = Field(
        primary_key=True, sa_type=Exact, sa_column_args=[ForeignKey("operation.id", ondelete="CASCADE")]
    )
    channel: str = Field(sa_type=Exact)
    ts: str = Field(sa_type=Exact)
    revision: int
    attempted_at: datetime | None = Field(default=None, sa_type=Moment)
    kept_at: datetime = Field(sa_type=Moment)  #: so that no card waits behind one that changes all the time
    left_channel: str | None = Field(default=None, sa_type=Exact)
    left_why: str | None = Field(default=None, sa_type=Exact)


class CopyRow(Row, table=True):
    """Where a further card of an operation stands and what it shows."""

    __tablename__ = "card_copy"

    operation_id: str = Field(
        primary_key=True, sa_type=Exact, sa_column_args=[ForeignKey("operation.id", ondelete="CASCADE")]
    )
    channel: str = Field(primary_key=True, sa_type=Exact)
    person: str = Field(sa_type=Exact)
    ts: str = Field(sa_type=Exact)
    revision: int
    attempted_at: datetime | None = Field(default=None, sa_type=Moment)


class AlarmRow(Row, table=True):
    """Something to tell that nobody asked for, and the message that stands for it."""

    __tablename__ = "alarm"
    __table_args__ = (
        _only("one_open_alarm", "kind", "cloud", "subject", flag="open", unique=True),
        _only("ix_alarm_subject", "kind", "subject", flag="open"),
        _only("ix_alarm_waiting", "kept_at", flag="waits"),
        _partial("ix_alarm_sought", "sought_in", "id", where="sought_in IS NOT NULL"),
        _partial("ix_alarm_within", "within", where="within IS NOT NULL"),
        Index(
            "ix_alarm_behind",
            "kept_at",
            sqlite_where=text("shows = 1 AND shown < version"),
            postgresql_where=text("shows AND shown < version"),
        ),
    )

    id: str = Field(primary_key=True, sa_type=Exact)
    kind: str = Field(sa_type=Text)
    cloud: str = Field(sa_type=Exact)
    subject: str = Field(sa_type=Exact)
    open: bool
    shows: bool  #: whether a message stands, or shall stand, for it
    waits: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})  #: `Alarm.is_untold`
    sought_in: str | None = Field(default=None, sa_type=Exact)  #: `Alarm.sought_in`
    within: str | None = Field(default=None, sa_type=Exact)  #: `Alarm.within`; None: nothing counts it
    firing: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})  #: `Alarm.firing`
    host_name: str = Field(default="", sa_type=Exact, sa_column_kwargs={"server_default": text("''")})
    first_seen_at: datetime | None = Field(default=None, sa_type=Moment)  #: None: an earlier release stored it
    body: str = Field(sa_type=Text)
    version: int
    channel: str = Field(default="", sa_type=Exact)
    ts: str = Field(default="", sa_type=Exact)
    shown: int  #: the version that the message shows
    attempted_at: datetime | None = Field(default=None, sa_type=Moment)
    direct: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})  #: `Notice.is_direct`
    kept_at: datetime = Field(sa_type=Moment)


class AuditRow(Row, table=True):
    """A line of the audit. Triggers of the database refuse to change or delete one."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_operation_id", "operation_id", "seq"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=Moment)
    operation_id: str | None = Field(default=None, sa_type=Exact)  #: no foreign key: the audit outlives what it tells
    actor: str | None = Field(default=None, sa_type=Exact)
    event: str = Field(sa_type=Exact)
    facts: str = Field(sa_type=Text)
    prev_hash: str = Field(sa_type=Text)
    hash: str = Field(sa_type=Text)


class AuditHeadRow(Row, table=True):
    """The one row that says where the audit begins and ends; locked by whoever appends."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    seq: int
    hash: str = Field(sa_type=Text)
    cut_seq: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})  #: lines up to it are not kept
    cut_hash: str = Field(default="0" * 64, sa_type=Text, sa_column_kwargs={"server_default": text(f"'{'0' * 64}'")})


class ProbeRow(Row, table=True):
    """The one row that the health probe writes."""

    __tablename__ = "probe"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    written_at: datetime | None = Field(default=None, sa_type=Moment)


class LeaderRow(Row, table=True):
    """The one row that says which replica speaks and ticks, until when."""

    __tablename__ = "leader"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    owner: str | None = Field(default=None, sa_type=Exact)
    fence: int = 0  #: grows with every taking, never goes back
    lease_until: datetime | None = Field(default=None, sa_type=Moment)


def table_of(row: type[Row]) -> Table:
    """The table behind a row, for statements that write."""
    return metadata.tables[str(row.__tablename__)]
