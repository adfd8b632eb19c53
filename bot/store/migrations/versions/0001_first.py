"""Operations, plans, steps, inbox, outbox, cards, audit and heartbeats."""

import sqlalchemy as sa
from alembic import op

from bot.store.rows.columns import Exact, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GENESIS = "0" * 64


def upgrade() -> None:
    _operations()
    _traffic()
    _audit()


def downgrade() -> None:
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM audit")):
        raise RuntimeError("This database has an audit, which is never deleted: restore a backup instead.")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER audit_is_append_only ON audit")
        op.execute("DROP TRIGGER audit_is_never_emptied ON audit")
        op.execute("DROP FUNCTION refuse_to_change_the_audit()")
    for table in ("audit_head", "audit", "card", "outbox", "inbox", "step", "plan", "operation"):
        op.drop_table(table)


def _operations() -> None:
    op.create_table(
        "operation",
        sa.Column("id", Exact(), nullable=False),
        sa.Column("cloud", Exact(), nullable=False),
        sa.Column("host_id", Exact(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("plan_sha", sa.Text(), nullable=True),
        sa.Column("approved_plan_sha", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("lease_owner", Exact(), nullable=True),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("waiting_since", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_operation"),
    )
    op.create_index(
        "one_live_operation_per_host",
        "operation",
        ["cloud", "host_id"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )
    op.create_index("ix_operation_host", "operation", ["cloud", "host_id", "created_at"])
    op.create_index("ix_operation_work", "operation", ["state", "waiting_since"])
    op.create_index("ix_operation_created_at", "operation", ["created_at"])
    op.create_table(
        "plan",
        sa.Column("operation_id", Exact(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operation_id", "sha", name="pk_plan"),
        _of_operation("plan"),
    )
    op.create_table(
        "step",
        sa.Column("operation_id", Exact(), nullable=False),
        sa.Column("key", Exact(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("operation_id", "key", name="pk_step"),
        _of_operation("step"),
    )


def _traffic() -> None:
    op.create_table(
        "inbox",
        sa.Column("key", Exact(), nullable=False),
        sa.Column("kind", Exact(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("settled_at", Moment(), nullable=True),
        sa.Column("result", Exact(), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_inbox"),
    )
    op.create_index(
        "ix_inbox_unsettled",
        "inbox",
        ["received_at"],
        sqlite_where=sa.text("settled_at IS NULL"),
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("lane", Exact(), nullable=True),
        sa.Column("operation_id", Exact(), nullable=True),
        sa.Column("needs_card", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("waiting", sa.Boolean(), nullable=False),
        sa.Column("not_before", Moment(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("attempted_at", Moment(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("ts", Exact(), nullable=True),
        sa.Column("why", Exact(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.ForeignKeyConstraint(["operation_id"], ["operation.id"], name="fk_outbox_operation_id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_outbox_waiting",
        "outbox",
        ["lane", "id"],
        sqlite_where=sa.text("waiting"),
        postgresql_where=sa.text("waiting"),
    )
    op.create_table(
        "card",
        sa.Column("operation_id", Exact(), nullable=False),
        sa.Column("channel", Exact(), nullable=False),
        sa.Column("ts", Exact(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("attempted_at", Moment(), nullable=True),
        sa.Column("kept_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("operation_id", name="pk_card"),
        _of_operation("card"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("operation_id", Exact(), nullable=True),
        sa.Column("actor", Exact(), nullable=True),
        sa.Column("event", Exact(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("prev_hash", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_index("ix_audit_operation_id", "audit", ["operation_id", "seq"])
    head = op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
        sa.CheckConstraint("id = 1", name=op.f("ck_audit_head_only_one")),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": GENESIS}])
    if op.get_bind().dialect.name == "postgresql":
        _guard_audit_on_postgresql()
    else:
        _guard_audit_on_sqlite()


def _guard_audit_on_sqlite() -> None:
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_refuses_{verb.lower()} BEFORE {verb} ON audit "
            "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
        )
    # INSERT OR REPLACE deletes without asking the trigger above
    op.execute(
        "CREATE TRIGGER audit_refuses_replace BEFORE INSERT ON audit "
        "WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq) "
        "BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END"
    )


def _guard_audit_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION refuse_to_change_the_audit() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION refuse_to_change_the_audit()"
    )
    op.execute(
        "CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit()"
    )


def _of_operation(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["operation_id"], ["operation.id"], name=f"fk_{table}_operation_id", ondelete="CASCADE"
    )
