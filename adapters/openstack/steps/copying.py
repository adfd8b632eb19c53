"""What Nova knows about live migrations under way besides their list: how far they are, and the orders about them.

`GET /os-migrations` tells neither, so these are reads for one VM each: only of those whose memory is being copied now
and of those past their deadline. Both are at most as many as are moved side by side, however many VMs the host has.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from adapters.openstack.model import translate
from adapters.openstack.model.resources import LIVE_MIGRATION, Migration
from adapters.openstack.steps import verbs
from adapters.openstack.wire.errors import Missing
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import OLDEST, spoken
from bot.domain.plans.plan import Step
from bot.domain.values import StepKey

_CANCEL = "live_migration_cancel"
_ORDERS = {verbs.REQUEUE: _CANCEL, verbs.ABORT: _CANCEL, verbs.FORCE: "live_migration_force_complete"}
"""What Nova calls them in a VM's action log (nova/compute/instance_actions.py)."""
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


async def measured(session: Session, steps: Sequence[Step], migrations: Sequence[Migration]) -> list[Migration]:
    """The same migrations; those that copy the memory of a VM that a step moves or relieves tell how far they are.

    Raises:
        Refused, Unreachable: could not ask.
    """
    asked = {s.target for s in steps if s.verb == verbs.LIVE or s.verb in verbs.RELIEFS}
    copying = [m for m in migrations if m.type == LIVE_MIGRATION and m.status == "running" and m.server in asked]
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


async def orders(
    session: Session, steps: Iterable[Step], migrations: Sequence[Migration]
) -> dict[StepKey, frozenset[str]]:
    """The request ids under which Nova noted the orders that steps are about, where there may be one.

    Nobody asks about steps with a receipt, nor about those that were never begun and whose VM is not being migrated.

    Args:
        session: the cloud.
        steps: that are looked at.
        migrations: of their VMs.

    Raises:
        Refused, Unreachable: could not ask.
    """
    going = {m.server for m in migrations if m.type == LIVE_MIGRATION and m.is_open}
    may_be = (s for s in steps if s.verb in _ORDERS and s.receipt is None)
    asked = [s for s in may_be if s.before is not None or s.target in going]
    noted = await session.together(*(_orders(session, s) for s in asked))
    return {step.key: found for step, found in zip(asked, noted, strict=True)}


async def _orders(session: Session, step: Step) -> frozenset[str]:
    path, doing = f"/servers/{step.target}/os-instance-actions", "read what was ordered about a live migration"
    try:
        found = await session.get("compute", path, microversion=spoken(OLDEST), doing=doing)
    except Missing:
        return frozenset()
    noted = found.each("instanceActions", lambda a: (str(a["action"]), str(a["request_id"])), by="request_id")
    return frozenset(request_id for action, request_id in noted if action == _ORDERS[step.verb])
