"""Why a move failed, from the VM's action log: Nova leaves a VM whose migration failed as it was, without a fault."""

import re
from collections.abc import Mapping
from typing import Any

from adapters.openstack.survey.nova import compute_offer
from adapters.openstack.wire.errors import Missing, clean
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import EVENTS, up_to
from bot.domain.plans.plan import Step

_EMPTY_WORDS = re.compile(r"^$|No valid host was found|Exceeded max")
"""What the scheduler says in the end; what a compute said before it is the cause."""


async def of_failed(session: Session, step: Step) -> str:
    """What Nova noted about the call of a step; empty when it noted nothing or the call has no known id.

    Raises:
        Refused, Unreachable: could not ask.
    """
    if step.receipt is None or not step.receipt.id:
        return ""
    nova = await compute_offer(session)
    try:
        found = await session.get(
            "compute",
            f"/servers/{step.target}/os-instance-actions/{step.receipt.id}",
            microversion=up_to(EVENTS, nova.highest),
            doing=f"read why the call to {step.title} failed",
        )
    except Missing:
        return ""
    said = found.one("instanceAction", lambda a: [_words(e) for e in a.get("events") or [] if e["result"] == "Error"])
    return next((text for text in said if not _EMPTY_WORDS.search(text)), said[0] if said else "")


def _words(event: Mapping[str, Any]) -> str:
    """What went wrong; before 2.84 only the last line of the traceback tells."""
    lines = str(event.get("details") or event.get("traceback") or "").strip().splitlines()
    return clean(lines[-1]) if lines else ""
