"""Alerts that were taken in and are still to be told or placed; alarms are found by their subject."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alarm", sa.Column("waits", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    for name, columns, where in (
        ("ix_alarm_subject", ["kind", "subject"], sa.text("open")),
        ("ix_alarm_waiting", ["kept_at"], sa.text("waits")),
    ):
        op.create_index(name, "alarm", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_alarm_waiting", "alarm")
    op.drop_index("ix_alarm_subject", "alarm")
    op.drop_column("alarm", "waits")
