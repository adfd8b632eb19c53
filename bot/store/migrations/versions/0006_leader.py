"""Which replica speaks and ticks: one row, a lease like those of operations."""

import sqlalchemy as sa
from alembic import op

from bot.store.rows.columns import Exact, Moment

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leader",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("owner", Exact(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", Moment(), nullable=True),
        sa.CheckConstraint("id = 1", name="only_one"),
    )
    op.execute("INSERT INTO leader (id, fence) VALUES (1, 0)")


def downgrade() -> None:
    op.drop_table("leader")
