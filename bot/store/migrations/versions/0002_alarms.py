"""Alarms: hosts that are down, alerts of others, what operations left over."""

import sqlalchemy as sa
from alembic import op

from bot.store.rows.columns import Exact, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alarm",
        sa.Column("id", Exact(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("cloud", Exact(), nullable=False),
        sa.Column("subject", Exact(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("shows", sa.Boolean(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("channel", Exact(), nullable=False),
        sa.Column("ts", Exact(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("attempted_at", Moment(), nullable=True),
        sa.Column("kept_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alarm"),
    )
    op.create_index(
        "one_open_alarm",
        "alarm",
        ["kind", "cloud", "subject"],
        unique=True,
        sqlite_where=sa.text("open"),
        postgresql_where=sa.text("open"),
    )
    op.create_index(
        "ix_alarm_unshown",
        "alarm",
        ["kept_at"],
        sqlite_where=sa.text("shows"),
        postgresql_where=sa.text("shows"),
    )


def downgrade() -> None:
    op.drop_table("alarm")
