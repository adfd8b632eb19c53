"""Finds out, before anything begins, whether the VMs and the target that a person named are there."""

import asyncio
import difflib
from collections.abc import Sequence

from bot.domain.cloud import AnyCloud, CloudError, Request
from bot.domain.errors import BadChoice
from bot.domain.plans.plan import Finding, Plan

SECONDS = 20.0
"""How long a cloud may take; what it does not answer in that time, the operation's card tells."""
CODES = frozenset({"vm-not-here", "vm-ambiguous", "target-unknown", "target-is-source"})
"""Findings (docs/findings.md) about a name that a person typed."""
_NEAR = 3


async def check(cloud: AnyCloud, request: Request) -> None:
    """Let a request pass whose names mean something there, or of which the cloud cannot say so now.

    Raises:
        BadChoice: what means nothing, and what may have been meant.
    """
    if not (request.vms or request.to):
        return
    try:
        async with asyncio.timeout(SECONDS):
            plan = cloud.plan(request, await cloud.survey(request))
    except (CloudError, TimeoutError):
        return
    wrong = [finding for finding in plan.findings if finding.code in CODES]
    if wrong:
        meant = await _meant(cloud, request, plan, wrong)
        remedies = [f"Did you mean {', '.join(meant)}?"] if meant else dict.fromkeys(f.remedy for f in wrong)
        raise BadChoice(" ".join(f.sentence for f in wrong), remedy=" ".join(remedies))


async def _meant(cloud: AnyCloud, request: Request, plan: Plan, wrong: Sequence[Finding]) -> Sequence[str]:
    """Names that are nearly those that were typed."""
    codes = {finding.code for finding in wrong}
    meant: list[str] = []
    if "vm-not-here" in codes:
        there = {vm.name for vm in plan.vms}
        for typed in request.vms:
            meant += near(typed, there - {typed}) if typed not in there else ()
    if "target-unknown" in codes:
        try:
            async with asyncio.timeout(SECONDS):
                meant += near(request.to, {host.name for host in await cloud.hosts("", limit=MANY)})
        except (CloudError, TimeoutError):
            pass
    return meant


MANY = 2_000
"""Hosts among which one is looked for that is nearly called so."""


def near(typed: str, there: set[str]) -> Sequence[str]:
    """Names that are nearly what was typed, the likeliest first."""
    by_letters = {name.casefold(): name for name in sorted(there)}
    return [by_letters[n] for n in difflib.get_close_matches(typed.casefold(), by_letters, n=_NEAR, cutoff=0.7)]
