"""Cards that had to leave their channel, and further cards where somebody asked to see them."""

import sqlalchemy as sa
from alembic import op

from bot.store.rows.columns import Exact, Moment

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("left_channel", "left_why"):
        op.add_column("card", sa.Column(name, Exact(), nullable=True))
    op.create_table(
        "card_copy",
        sa.Column("operation_id", Exact(), nullable=False),
        sa.Column("channel", Exact(), nullable=False),
        sa.Column("person", Exact(), nullable=False),
        sa.Column("ts", Exact(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("attempted_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("operation_id", "channel", name="pk_card_copy"),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operation.id"], name="fk_card_copy_operation_id", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("card_copy")
    for name in ("left_channel", "left_why"):
        op.drop_column("card", name)
