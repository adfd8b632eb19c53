"""What one row of a list proves of a VM, at half of what a look at it costs the cloud.

A list of servers with a certain id, on a certain host, that were not changed after a certain moment (`changes-before`,
2.66) shows a VM only while all of that is so. So a row is a proof, and no row proves nothing: the VM is looked at.
Asked is, of a few VMs at most,

- right before a start: on its host, not changed since its stamp in the mark. Then no move of it was begun either, for
  Nova gives a server its task before it answers, and only then a record (`nova/compute/api.py`, `evacuate`,
  `live_migrate`, `resize`);
- when a record of our move has ended well: ACTIVE on the record's target, not changed since the record ended. Then the
  target has done all that it had to, for Nova stores the server before the record (`nova/compute/resource_tracker.py`,
  `finish_evacuation`; `nova/compute/manager.py`, `_post_live_migration`).

Measured on Nova 34: 28 ms of CPU (46 ms without a limit) where the server costs 50 ms, a quarter of them Neutron's, and
60 records 60 ms.
"""

from collections.abc import Mapping, Sequence

from adapters.openstack.model.resources import Migration
from adapters.openstack.steps import evidence
from adapters.openstack.steps.moves.evacuate import EVACUATE
from adapters.openstack.steps.moves.live import LIVE
from adapters.openstack.steps.moves.ways import MOVES
from adapters.openstack.survey import servers
from adapters.openstack.survey.nova import compute_offer
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import CHANGES, spoken
from bot.domain.plans.plan import Step
from bot.domain.values import StepKey

_ENDS_ACTIVE = frozenset({EVACUATE, LIVE})
_ACTIVE = "ACTIVE"


async def untouched(session: Session, host: str, steps: Sequence[Step]) -> frozenset[StepKey]:
    """Those of the steps whose VM is proven to be as its mark has it: on its host, without a task, untouched.

    Args:
        session: the cloud.
        host: where the VMs were.
        steps: any; asked is only for moves that are marked and have no receipt.

    Raises:
        Refused, Unreachable: could not ask.
    """
    able = [s for s in steps if s.verb in MOVES and s.receipt is None and _tells_since_when(s, host)]
    return await _shown(session, [(s, {"host": host, "changes-before": _since(s)}) for s in able])


async def arrived(session: Session, steps: Sequence[Step], last: Mapping[str, Migration]) -> frozenset[StepKey]:
    """Those of the steps whose VM is proven to be where its move has brought it: there, ACTIVE, without a task.

    Args:
        session: the cloud.
        steps: any; asked is only for evacuations and live migrations that were ours and ended well.
        last: the last record of each VM from its host, by the VM's id.

    Raises:
        Refused, Unreachable: could not ask.
    """
    able = [(s, last[s.target]) for s in steps if s.target in last and _should_be_active(s, last[s.target])]
    return await _shown(
        session,
        [(s, {"host": str(m.target), "status": _ACTIVE, "changes-before": m.updated_at}) for s, m in able],
    )


async def _shown(session: Session, asked: Sequence[tuple[Step, Mapping[str, str]]]) -> frozenset[StepKey]:
    """Those of which Nova shows a row, each with its filters."""
    if not asked or len(asked) > servers.FEW or (await compute_offer(session)).highest < CHANGES:
        return frozenset()
    shown = await session.together(*(_is_shown(session, step, filters) for step, filters in asked))
    return frozenset(step.key for (step, _), is_shown in zip(asked, shown, strict=True) if is_shown)


async def _is_shown(session: Session, step: Step, filters: Mapping[str, str]) -> bool:
    """Whether Nova lists it; from 2.69 on a cell that does not answer would list its VMs whatever was asked."""
    found = await session.get(
        "compute",
        "/servers",
        microversion=spoken(CHANGES),
        params={"all_tenants": "1", "uuid": step.target, "deleted": "false", "limit": "1", **filters},
        doing=f"see whether {step.arguments['name']} is where it should be",
    )
    return step.target in found.each("servers", lambda server: str(server["id"]))


def _tells_since_when(step: Step, host: str) -> bool:
    """Whether the mark says since when nobody has touched the VM, which was at rest on the host."""
    mark = step.before or {}
    return bool(_since(step)) and mark.get("host") == host and mark.get("task") is None


def _since(step: Step) -> str:
    return str((step.before or {}).get("at_rest_since") or "")


def _should_be_active(step: Step, last: Migration) -> bool:
    """Whether the VM's last record says that our move ended well, where and as the step wants it."""
    is_told = bool(last.target and last.updated_at)
    is_there = not step.arguments.get("exactly") or last.target == step.arguments["to"]
    is_meant = step.verb in _ENDS_ACTIVE and _ACTIVE in evidence.words(step, "wanted")
    return is_told and is_there and is_meant and evidence.has_moved(step, last)
