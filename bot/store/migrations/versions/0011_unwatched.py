"""Which operations nobody watches the host of yet is told by a mark, so that those that were taken up cost nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operation", sa.Column("unwatched", sa.Boolean(), nullable=False, server_default=sa.text("true")))
    op.execute("UPDATE operation SET unwatched = false WHERE id IN (SELECT id FROM alarm)")
    only = sa.text("unwatched AND state IN ('succeeded', 'ended incomplete')")
    columns = ["cloud", "created_at", "id"]
    op.create_index("ix_operation_unwatched", "operation", columns, sqlite_where=only, postgresql_where=only)


def downgrade() -> None:
    op.drop_index("ix_operation_unwatched", "operation")
    op.drop_column("operation", "unwatched")
