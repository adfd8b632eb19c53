"""When a line is tried again is known to the board that tried it; a date would be moved by whoever sets the clock."""

import sqlalchemy as sa
from alembic import op

from bot.store.rows.columns import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("outbox", "not_before")


def downgrade() -> None:
    op.add_column("outbox", sa.Column("not_before", Moment(), nullable=True))
