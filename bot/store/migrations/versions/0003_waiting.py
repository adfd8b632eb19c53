"""Approved operations that wait for their time."""

import sqlalchemy as sa
from alembic import op

from bot.store.rows.columns import Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operation", sa.Column("not_before", Moment(), nullable=True))


def downgrade() -> None:
    op.drop_column("operation", "not_before")
