"""What Nova knows about live migrations under way besides their list: how far they are.

`GET /os-migrations` does not tell, so this is a read for one VM each, of those alone whose memory is being copied now:
at most as many as are moved side by side, however many VMs the host has.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from adapters.openstack.model import translate
from adapters.openstack.model.resources import LIVE_MIGRATION, Migration
from adapters.openstack.wire.errors import Missing
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import OLDEST, spoken

_GIB = 1024**3
_TOO_MUCH = 1.5
"""How many times the memory of a VM may be copied before the copy counts as in vain. A guest that changes less than a
third of what is copied meanwhile is through before that: 1 + 1/3 + 1/9 + … = 1.5."""


def how_far(move: Migration) -> str:
    """How much is left of its memory, as the end of a clause; empty when Nova does not tell."""
    if not move.memory:
        return ""
    left = f", {move.memory_left / _GIB:.1f} of {move.memory / _GIB:.1f} GiB left"
    return f"{left} though {move.memory_copied / _GIB:.1f} GiB were copied" if is_in_vain(move) else left


def is_in_vain(move: Migration) -> bool:
    """Whether its guest changes its memory about as quickly as it is copied."""
    return bool(move.memory) and move.memory_copied >= _TOO_MUCH * move.memory


def share(move: Migration) -> float | None:
    """How much of its memory is copied, 0..1; None when Nova does not tell."""
    return min(1.0, max(0.0, 1 - move.memory_left / move.memory)) if move.memory else None


async def measured(session: Session, ids: Collection[str], migrations: Sequence[Migration]) -> list[Migration]:
    """The same migrations; those that copy the memory of one of the VMs with these ids tell how far they are.

    Raises:
        Refused, Unreachable: could not ask.
    """
    copying = [m for m in migrations if m.type == LIVE_MIGRATION and m.status == "running" and m.server in ids]
    found = await session.together(*(_measured(session, m) for m in copying))
    known = {m.id: m for m in found}
    return [known.get(m.id, m) for m in migrations]


async def _measured(session: Session, move: Migration) -> Migration:
    """With the figures that 2.23 and later show; a driver that counts nothing leaves them empty."""
    path, doing = f"/servers/{move.server}/migrations", "read how far a live migration is"
    try:
        found = await session.get("compute", path, microversion=spoken(OLDEST), doing=doing)
    except Missing:
        return move
    memory, left, copied = dict(found.each("migrations", translate.memory)).get(move.id, (0, 0, 0))
    return replace(move, memory=memory, memory_left=left, memory_copied=copied)
