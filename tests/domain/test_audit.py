"""The audit's words."""

import re
from pathlib import Path

from bot.domain.audit import AuditEvent

ROOT = Path(__file__).parents[2]


def table() -> str:
    """The events as docs/audit.md shows them."""
    return "\n".join(["| Event | What happened |", "|---|---|", *(f"| `{e}` | {e.meaning} |" for e in AuditEvent)])


def test_the_table_in_the_guide_is_the_enum() -> None:
    (drawn,) = re.findall(
        r"^\| Event \|.*?(?=^$|\Z)", (ROOT / "docs" / "audit.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert drawn.strip() == table(), f"replace the table in docs/audit.md by:\n{table()}"


def test_each_event_is_recorded_somewhere() -> None:
    definition = ROOT / "bot" / "domain" / "audit.py"
    source = "".join(path.read_text() for path in (ROOT / "bot").rglob("*.py") if path != definition)
    assert {event.name for event in AuditEvent if f"AuditEvent.{event.name}" not in source} == set()
