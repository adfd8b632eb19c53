"""What an order becomes: the operation that begins, with the host it means, where policy lets its requester pass."""

import secrets
from collections.abc import Mapping
from datetime import datetime

from bot.desk import host_lookup
from bot.domain.cloud import AnyCloud, Request
from bot.domain.operation import Operation
from bot.domain.ports import Clock
from bot.domain.rules import calendar
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor, Rule
from bot.domain.values import Action, Facts, OperationId

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


async def begin(
    clouds: Mapping[str, AnyCloud],
    rules: Mapping[tuple[str, Action], Rule],
    order: Order,
    *,
    by: Actor,
    channel: str,
    clock: Clock,
    typed_at: datetime | None = None,
) -> Operation:
    """The operation, not stored yet; the only thing that asks a cloud before there is one.

    Args:
        clouds: by name.
        rules: the policy of each cloud and action.
        order: what was asked for, in the person's words.
        by: who asks.
        channel: where.
        clock: tells when it begins.
        typed_at: when it was typed, where that was earlier: "02:00" is the next one after that.

    Raises:
        BadCommand: its time is past, too far ahead or ambiguous.
        BadChoice: a VM or the target that was named is not there.
        UnknownCloud, UnknownHost, AmbiguousHost, NotOffered, NotAllowed, CouldNotAsk
    """
    zone = calendar.zone(by.zone)
    starts_at = None if order.at is None else calendar.moment(order.at, now=typed_at or clock.now(), zone=zone)
    may_look = host_lookup.onlooker(rules, by)
    if order.cloud:
        await host_lookup.check_possible(clouds, order.cloud, order, may_look=may_look)
        rules[order.cloud, order.action].check_may_request(by)
    cloud, host = await host_lookup.resolve(clouds, order, may_look=may_look)
    await host_lookup.check_possible(clouds, cloud, order, may_look=may_look)
    rules[cloud, order.action].check_may_request(by)
    new, now = _new_id(), clock.now()
    request = Request(
        action=order.action,
        cloud=cloud,
        host=host.id,
        host_name=host.name,
        run=new,
        reason=order.reason,
        to=order.to,
        vms=order.vms,
        then=order.then,
    )
    await host_lookup.check_names(clouds[cloud], request)
    return Operation(
        id=new,
        request=request,
        host=host,
        requested_by=by.id,
        channel=channel,
        dry_run=order.check,
        starts_at=starts_at,
        window=order.window,
        zone=by.zone if zone else "",
        created_at=now,
        changed_at=now,
    )


def facts(operation: Operation) -> Facts:
    """What the audit keeps of how it was asked for."""
    request = operation.request
    return {
        "action": request.action,
        "cloud": request.cloud,
        "host": request.host_name,
        "reason": request.reason,
        "check": operation.dry_run,
        "then": request.then,
        **operation.times(),
    }


def _new_id() -> OperationId:
    """Eight characters that a person can read aloud; unique by the archive's primary key."""
    return OperationId("".join(secrets.choice(_ALPHABET) for _ in range(8)))
