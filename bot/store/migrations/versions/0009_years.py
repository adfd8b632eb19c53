"""Years of history cost nothing: what is asked for in every round has an index of its own, and what is old may go."""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

from bot.store.rows.columns import Moment

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_NEW = (
    ("ix_operation_behind", "operation", ["id"], "revision > shown"),
    ("ix_operation_leased", "operation", ["lease_until"], "lease_until IS NOT NULL"),
    ("ix_operation_ended_at", "operation", ["ended_at"], "plan_sha IS NOT NULL"),
    ("ix_inbox_settled_at", "inbox", ["settled_at"], "settled_at IS NOT NULL"),
    ("ix_outbox_ended_at", "outbox", ["ended_at"], "ended_at IS NOT NULL"),
    ("ix_outbox_operation_id", "outbox", ["operation_id"], ""),
)
_NEW_FLAGGED = (
    ("ix_operation_live", "operation", ["created_at", "id"], "live", False),
    ("ix_outbox_next", "outbox", ["id"], "waiting", False),
)
_FLAGGED = (
    ("one_live_operation_per_host", "operation", ["cloud", "host_id"], "live", True),
    ("ix_outbox_waiting", "outbox", ["lane", "id"], "waiting", False),
    ("one_open_alarm", "alarm", ["kind", "cloud", "subject"], "open", True),
    ("ix_alarm_subject", "alarm", ["kind", "subject"], "open", False),
    ("ix_alarm_waiting", "alarm", ["kept_at"], "waits", False),
    ("ix_alarm_unshown", "alarm", ["kept_at"], "shows", False),
)
"""Known before, but for SQLite with a condition (`live`) that no question had word for word (`live = 1`)."""


def upgrade() -> None:
    op.add_column("operation", sa.Column("shown", sa.Integer(), nullable=False, server_default=sa.text("-1")))
    op.add_column("operation", sa.Column("ended_at", Moment(), nullable=True))
    op.add_column("audit_head", sa.Column("cut_seq", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column(
        "audit_head", sa.Column("cut_hash", sa.Text(), nullable=False, server_default=sa.text(f"'{'0' * 64}'"))
    )
    op.execute(
        "UPDATE operation SET shown = COALESCE((SELECT revision FROM card WHERE card.operation_id = operation.id), -1)"
    )
    _date_ends()
    for name, table, columns, where in _NEW:
        only = sa.text(where) if where else None
        op.create_index(name, table, columns, sqlite_where=only, postgresql_where=only)
    for name, table, columns, flag, unique in (*_NEW_FLAGGED, *_FLAGGED):
        if (name, table, columns, flag, unique) in _FLAGGED:
            op.drop_index(name, table)
        _flagged(name, table, columns, flag, unique=unique, on_sqlite=f"{flag} = 1")
    if op.get_bind().dialect.name == "postgresql":
        _let_cut_on_postgresql()
    else:
        _let_cut_on_sqlite()


def _flagged(name: str, table: str, columns: list[str], flag: str, *, unique: bool, on_sqlite: str) -> None:
    op.create_index(
        name, table, columns, unique=unique, sqlite_where=sa.text(on_sqlite), postgresql_where=sa.text(flag)
    )


def _date_ends() -> None:
    """Take the moment of their end out of the bodies of the operations that have ended."""
    table = sa.table(
        "operation", sa.column("id"), sa.column("live"), sa.column("body"), sa.column("ended_at", Moment())
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(table.c.id, table.c.body).where(~table.c.live)).all():
        ended = json.loads(row.body).get("ended_at")
        if ended:
            moment = datetime.fromisoformat(ended)
            connection.execute(sa.update(table).where(table.c.id == row.id).values(ended_at=moment))


def _let_cut_on_sqlite() -> None:
    op.execute("DROP TRIGGER audit_refuses_delete")
    op.execute(
        "CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit "
        "WHEN OLD.seq > (SELECT cut_seq FROM audit_head) "
        "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    )


def _let_cut_on_postgresql() -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION refuse_to_change_the_audit() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN "
        "IF TG_OP = 'DELETE' AND OLD.seq <= (SELECT cut_seq FROM audit_head) THEN RETURN OLD; END IF; "
        "RAISE EXCEPTION 'the audit is append-only'; END $$"
    )


def downgrade() -> None:
    connection = op.get_bind()
    if connection.execute(sa.text("SELECT cut_seq FROM audit_head")).scalar():
        raise RuntimeError("What was cut from the audit does not come back: restore a backup instead.")
    if connection.dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_to_change_the_audit() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
        )
    else:
        op.execute("DROP TRIGGER audit_refuses_delete")
        op.execute(
            "CREATE TRIGGER audit_refuses_delete BEFORE DELETE ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
        )
    for name, table, *_ in (*_NEW, *_NEW_FLAGGED, *_FLAGGED):
        op.drop_index(name, table)
    for name, table, columns, flag, unique in _FLAGGED:
        _flagged(name, table, columns, flag, unique=unique, on_sqlite=flag)
    for table, column in (
        ("operation", "shown"),
        ("operation", "ended_at"),
        ("audit_head", "cut_seq"),
        ("audit_head", "cut_hash"),
    ):
        op.drop_column(table, column)
