"""Which operations have further cards that are outdated is told by a mark, so that all the others cost nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operation", sa.Column("copies_shown", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE operation SET copies_shown ="
        " (SELECT min(revision) FROM card_copy WHERE card_copy.operation_id = operation.id)"
    )
    only = sa.text("revision > copies_shown")
    op.create_index("ix_operation_copies_behind", "operation", ["id"], sqlite_where=only, postgresql_where=only)


def downgrade() -> None:
    op.drop_index("ix_operation_copies_behind", "operation")
    op.drop_column("operation", "copies_shown")
