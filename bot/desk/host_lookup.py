"""Which host, VMs and target a person means by what was typed; never a guess."""

import asyncio
import contextlib
import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from bot.domain.abilities import DoesItItself, SwitchesPower
from bot.domain.cloud import AnyCloud, CloudError, Host, Request
from bot.domain.counting import counted
from bot.domain.errors import AmbiguousHost, BadChoice, CouldNotAsk, NotAllowed, NotOffered, UnknownCloud, UnknownHost
from bot.domain.plans.plan import Finding, Plan
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor, Rule
from bot.domain.values import Action, Then

MayLook: TypeAlias = Callable[[str], bool]

SUGGESTIONS = 5
_MANY = 2_000
"""Hosts among which one is looked for that is nearly called so."""
_NEAR = 3
_SURVEY_SECONDS = 20.0
"""How long a cloud may take to check names; what it does not answer in that time, the operation's card tells."""
_NAME_CODES = frozenset({"vm-not-here", "vm-ambiguous", "target-unknown", "target-is-source"})
"""Findings (docs/findings.md) about a name that a person typed."""


def known(clouds: Mapping[str, AnyCloud], cloud: str) -> AnyCloud:
    """The cloud of that name.

    Raises:
        UnknownCloud
    """
    if cloud not in clouds:
        names = ", ".join(sorted(clouds)) or "none"
        raise UnknownCloud(f"There is no cloud named {cloud}.", remedy=f"Configured clouds: {names}.")
    return clouds[cloud]


def check_offered(clouds: Mapping[str, AnyCloud], cloud: str, action: Action) -> None:
    """Let an action pass that this cloud can do.

    Raises:
        UnknownCloud, NotOffered
    """
    if action not in known(clouds, cloud).actions:
        raise _not_offered(cloud, action)


def _not_offered(cloud: str, action: Action) -> NotOffered:
    return NotOffered(f"{_SPOKEN[action]} is not something Muster can do on {cloud}.", remedy=_INSTEAD[action])


def onlooker(rules: Mapping[tuple[str, Action], Rule], by: Actor) -> MayLook:
    """Whether a person may hear what a cloud shows: whoever may ask for anything there."""

    def may_look(cloud: str) -> bool:
        for rule in (rule for (name, _), rule in rules.items() if name == cloud):
            with contextlib.suppress(NotAllowed):
                rule.check_may_request(by)
                return True
        return False

    return may_look


async def check_possible(clouds: Mapping[str, AnyCloud], cloud: str, order: Order, *, may_look: MayLook) -> None:
    """Let an order pass that this cloud can carry out; say what the cloud does by itself where it cannot.

    Args:
        clouds: by name.
        cloud: the name of the one meant.
        order: what was typed.
        may_look: whether the person may hear what a cloud of that name shows.

    Raises:
        UnknownCloud, NotOffered
    """
    if cloud in clouds and order.action not in clouds[cloud].actions:
        raise await _explained(clouds[cloud], order, may_look=may_look)
    check_offered(clouds, cloud, order.action)
    able = clouds[cloud]
    if order.then is not Then.NOTHING and not (isinstance(able, SwitchesPower) and order.then in able.powers):
        raise NotOffered(
            f"Switching the power of a host ({order.then}) is not something Muster can do on {cloud}.",
            remedy="Ask without --then, and use the server's BMC.",
        )


async def _explained(cloud: AnyCloud, order: Order, *, may_look: MayLook) -> NotOffered:
    """Why this cloud does not offer it, with what it does itself and what can be seen of that, when it says so."""
    if isinstance(cloud, DoesItItself) and may_look(cloud.name):
        try:
            async with asyncio.timeout(cloud.deadline):
                instead = await cloud.instead(order.action, order.host)
        except (CloudError, TimeoutError):
            instead = None
        if instead is not None:
            return NotOffered(instead.sentence, remedy=instead.seen)
    return _not_offered(cloud.name, order.action)


async def resolve(clouds: Mapping[str, AnyCloud], order: Order, *, may_look: MayLook) -> tuple[str, Host]:
    """The one host of exactly the typed name or id, with the name of its cloud.

    Args:
        clouds: by name.
        order: what was typed.
        may_look: whether the person may hear what a cloud of that name shows.

    Raises:
        UnknownHost: none; suggests near names.
        AmbiguousHost: two or more.
        NotOffered: no cloud can do the action, or not the one that has the host.
        CouldNotAsk: a cloud did not answer.
    """
    names = [order.cloud] if order.cloud else [n for n, c in clouds.items() if order.action in c.actions]
    if not names:
        raise NotOffered(f"No configured cloud offers this: {_SPOKEN[order.action].lower()}.")
    found: list[tuple[str, Host]] = []
    near: list[str] = []
    for name in names:
        for host in await _hosts(clouds[name], order.host):
            if order.host in {host.name, host.id}:
                found.append((name, host))
            else:
                near.append(f"{name}/{host.name}")
    if len(found) == 1:
        return found[0]
    if found:
        choices = ", ".join(f"{cloud}/{host.name} ({host.id})" for cloud, host in found)
        raise AmbiguousHost(
            f"{counted(len(found), 'host answers', 'hosts answer')} to {order.host}: {choices}.",
            remedy="Say which: cloud/id.",
        )
    if not order.cloud and (other := await _one_that_does_not_offer_it(clouds, order)) is not None:
        raise await _explained(other, order, may_look=may_look)
    near = near or [near_name for name in names for near_name in await _nearly(clouds[name], order.host)]
    where = f"Cloud {order.cloud} has no host" if order.cloud else "No cloud has a host"
    raise UnknownHost(
        f"{where} named exactly {order.host}.",
        remedy=f"Did you mean {', '.join(near[:SUGGESTIONS])}?" if near else "Check the name and type it in full.",
    )


async def _one_that_does_not_offer_it(clouds: Mapping[str, AnyCloud], order: Order) -> AnyCloud | None:
    """A cloud that has exactly that host and does the action by itself: not "no such host", but "not by Muster"."""
    for cloud in clouds.values():
        if order.action in cloud.actions or not isinstance(cloud, DoesItItself):
            continue
        with contextlib.suppress(CouldNotAsk):
            if any(order.host in {h.name, h.id} for h in await _hosts(cloud, order.host)):
                return cloud
    return None


async def _nearly(cloud: AnyCloud, typed: str) -> Sequence[str]:
    """Hosts of a cloud that are nearly called so; none when it does not tell."""
    try:
        async with asyncio.timeout(cloud.deadline):
            there = await cloud.hosts("", limit=_MANY)
    except (CloudError, TimeoutError):
        return ()
    return [f"{cloud.name}/{name}" for name in _near(typed, {host.name for host in there})]


async def _hosts(cloud: AnyCloud, matching: str) -> Sequence[Host]:
    try:
        async with asyncio.timeout(cloud.deadline):
            return await cloud.hosts(matching, limit=SUGGESTIONS + 1)
    except CloudError as error:
        raise CouldNotAsk(
            f"Cloud {cloud.name} could not be asked for its hosts, so nothing was done: {error.sentence}",
            remedy=error.remedy or "Try again when it answers.",
        ) from error
    except TimeoutError as error:
        raise CouldNotAsk(
            f"Cloud {cloud.name} did not answer within {cloud.deadline:.0f} s, so nothing was done.",
            remedy="Try again, or ask an admin to run `muster check`.",
        ) from error


async def check_names(cloud: AnyCloud, request: Request) -> None:
    """Let a request pass whose VMs and target are there, or of which the cloud cannot say so now.

    Raises:
        BadChoice: what means nothing, and what may have been meant.
    """
    if not (request.vms or request.to):
        return
    try:
        async with asyncio.timeout(_SURVEY_SECONDS):
            plan = cloud.plan(request, await cloud.survey(request))
    except (CloudError, TimeoutError):
        return
    wrong = [finding for finding in plan.findings if finding.code in _NAME_CODES]
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
            meant += _near(typed, there - {typed}) if typed not in there else ()
    if "target-unknown" in codes:
        try:
            async with asyncio.timeout(_SURVEY_SECONDS):
                meant += _near(request.to, {host.name for host in await cloud.hosts("", limit=_MANY)})
        except (CloudError, TimeoutError):
            pass
    return meant


def _near(typed: str, there: set[str]) -> Sequence[str]:
    """Names that are nearly what was typed, the likeliest first."""
    by_letters = {name.casefold(): name for name in sorted(there)}
    return [by_letters[n] for n in difflib.get_close_matches(typed.casefold(), by_letters, n=_NEAR, cutoff=0.7)]


_SPOKEN = {
    Action.EVACUATE: "Evacuating a failed host",
    Action.ENTER: "Entering maintenance",
    Action.EXIT: "Exiting maintenance",
    Action.REHOME: "Moving volumes back",
}
_INSTEAD = {
    Action.EVACUATE: "There the product's own high availability restarts the VMs of a failed host by itself.",
    Action.ENTER: "Use the cloud's own procedure.",
    Action.EXIT: "Use the cloud's own procedure.",
    Action.REHOME: "Use the cloud's own procedure; for OpenStack, see `runner` of [clouds.cinder].",
}
