"""Alerts whose host is still to be found are asked for by cloud, and what a storm counts is counted by the database."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from bot.store.rows.columns import Exact, Moment

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_INDEXES = {"ix_alarm_sought": ["sought_in", "id"], "ix_alarm_within": ["within"]}


def upgrade() -> None:
    for column in (
        sa.Column("sought_in", Exact(), nullable=True),
        sa.Column("within", Exact(), nullable=True),
        sa.Column("firing", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("host_name", Exact(), nullable=False, server_default=sa.text("''")),
        sa.Column("first_seen_at", Moment(), nullable=True),
    ):
        op.add_column("alarm", column)
    _fill()
    op.execute("UPDATE alarm SET waits = false WHERE waits AND shows")
    for name, columns in _INDEXES.items():
        where = sa.text(f"{columns[0]} IS NOT NULL")
        op.create_index(name, "alarm", columns, sqlite_where=where, postgresql_where=where)


def _fill() -> None:
    """Of alerts that are open: those that are over are neither sought nor counted."""
    texts = [sa.column(name, Exact()) for name in ("sought_in", "within", "host_name")]
    alarm = sa.table("alarm", sa.column("id"), *texts, sa.column("firing"))
    new: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in ("sought_in", "within", "host_name", "firing")}
    found = op.get_bind().execute(sa.text("SELECT id, body FROM alarm WHERE open AND kind = 'alert'"))
    if rows := [_to_update(id, body) for id, body in found]:
        op.get_bind().execute(sa.update(alarm).where(alarm.c.id == sa.bindparam("of")).values(new), rows)


def _to_update(id: str, body: str) -> dict[str, object]:
    said = json.loads(body)
    label = said.get("label")
    return {
        "of": id,
        "new_sought_in": label[0] if label else None,
        "new_within": said.get("within") or None,
        "new_firing": sum(1 for alert in said.get("alerts", []) if not alert.get("is_over")),
        "new_host_name": said.get("host_name", ""),
    }


def downgrade() -> None:
    op.execute("UPDATE alarm SET waits = true WHERE sought_in IS NOT NULL")
    for name in _INDEXES:
        op.drop_index(name, "alarm")
    for name in ("sought_in", "within", "firing", "host_name", "first_seen_at"):
        op.drop_column("alarm", name)
