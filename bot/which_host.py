"""Which one host of which cloud a person means; never a guess."""

import asyncio
from collections.abc import Mapping, Sequence

from bot.domain.cloud import AnyCloud, CloudError, Host
from bot.domain.errors import AmbiguousHost, CouldNotAsk, NotOffered, UnknownCloud, UnknownHost
from bot.domain.order import Order
from bot.domain.values import Action

LOOKUP_SECONDS = 20.0
"""How long a cloud may take to answer which hosts it has, before the person hears that it did not."""
SUGGESTIONS = 5


def check_offered(clouds: Mapping[str, AnyCloud], cloud: str, action: Action) -> None:
    """Let an action pass that this cloud can do.

    Raises:
        UnknownCloud, NotOffered
    """
    if cloud not in clouds:
        names = ", ".join(sorted(clouds)) or "none"
        raise UnknownCloud(f"There is no cloud named {cloud}.", remedy=f"Configured clouds: {names}.")
    if action not in clouds[cloud].actions:
        raise NotOffered(f"{_SPOKEN[action]} is not something Muster can do on {cloud}.", remedy=_INSTEAD[action])


async def resolve(clouds: Mapping[str, AnyCloud], order: Order) -> tuple[str, Host]:
    """The one host of exactly the typed name or id, with the name of its cloud.

    Raises:
        UnknownHost: none; suggests near names.
        AmbiguousHost: two or more.
        NotOffered: no cloud can do the action.
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
        raise AmbiguousHost(f"{len(found)} hosts answer to {order.host}: {choices}.", remedy="Say which: cloud/id.")
    where = f"Cloud {order.cloud} has no host" if order.cloud else "No cloud has a host"
    raise UnknownHost(
        f"{where} named exactly {order.host}.",
        remedy=f"Did you mean {', '.join(near[:SUGGESTIONS])}?" if near else "Check the name and type it in full.",
    )


async def _hosts(cloud: AnyCloud, matching: str) -> Sequence[Host]:
    try:
        async with asyncio.timeout(LOOKUP_SECONDS):
            return await cloud.hosts(matching, limit=SUGGESTIONS + 1)
    except CloudError as error:
        raise CouldNotAsk(
            f"Cloud {cloud.name} could not be asked for its hosts, so nothing was done: {error.sentence}",
            remedy=error.remedy or "Try again when it answers.",
        ) from error
    except TimeoutError as error:
        raise CouldNotAsk(
            f"Cloud {cloud.name} did not answer within {LOOKUP_SECONDS:.0f} s, so nothing was done.",
            remedy="Try again, or ask an admin to run `muster check`.",
        ) from error


_SPOKEN = {
    Action.EVACUATE: "Evacuating a failed host",
    Action.ENTER: "Entering maintenance",
    Action.EXIT: "Exiting maintenance",
}
_INSTEAD = {
    Action.EVACUATE: "There the product's own high availability restarts the VMs of a failed host by itself.",
    Action.ENTER: "Use the cloud's own procedure.",
    Action.EXIT: "Use the cloud's own procedure.",
}
