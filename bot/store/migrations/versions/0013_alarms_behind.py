"""The board asks in every round which alarms outgrew their messages: an index of these alone, whatever was shown."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_alarm_unshown", "alarm")
    op.create_index(
        "ix_alarm_behind",
        "alarm",
        ["kept_at"],
        sqlite_where=sa.text("shows = 1 AND shown < version"),
        postgresql_where=sa.text("shows AND shown < version"),
    )


def downgrade() -> None:
    op.drop_index("ix_alarm_behind", "alarm")
    op.create_index(
        "ix_alarm_unshown", "alarm", ["kept_at"], sqlite_where=sa.text("shows = 1"), postgresql_where=sa.text("shows")
    )
