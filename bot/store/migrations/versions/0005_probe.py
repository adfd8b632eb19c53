"""A row that the health probe writes: a database that only answers questions is not well."""

import sqlalchemy as sa
from alembic import op

from bot.store.rows.columns import Moment

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "probe",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("written_at", Moment(), nullable=True),
        sa.CheckConstraint("id = 1", name="only_one"),
    )
    op.execute("INSERT INTO probe (id) VALUES (1)")


def downgrade() -> None:
    op.drop_table("probe")
