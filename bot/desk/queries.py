"""What people ask to see: hosts, past operations, the audit, the policy; gathered for a private answer."""

import asyncio
import re
from collections.abc import Mapping, Sequence

from bot.desk import approvability, host_lookup
from bot.desk.desk import Desk
from bot.domain.cloud import AnyCloud, CloudError, Host
from bot.domain.errors import NotAllowed, UnknownHost
from bot.domain.messages import answered
from bot.domain.operation import Operation
from bot.domain.ports import Recorded
from bot.domain.rules import calendar
from bot.domain.rules.policy import Actor, Rule, Standing
from bot.domain.values import Action, HostId, Json, OperationId

HOSTS = 30
"""How many hosts are shown."""
COUNTED = 500
"""How many hosts of one cloud are counted."""
PAST = 20
ENTRIES = 80
"""How many lines of the audit are shown at most; a message may hold fewer."""
_BY_NAME = 200
"""Among how many of the newest operations a host is looked for that its cloud does not know any more."""
_CELL = 160
_SAID_ELSEWHERE = frozenset({"verb", "target", "step"})
"""Of a step; its title says it to people."""
_ID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b|\b([0-9a-f]{12})[0-9a-f]{52}\b")
"""UUIDs and hashes: the beginning is enough to find one again."""


async def hosts(desk: Desk, actor: Actor, *, cloud: str, matching: str) -> answered.HostsListed:
    """Hosts of one cloud, or of all that this person has to do with, with what Muster does there.

    Args:
        desk: where clouds and operations are known.
        actor: who asks.
        cloud: its name; empty: `matching` may be one.
        matching: part of a host's name or id.

    Raises:
        UnknownCloud, NotAllowed
    """
    if not cloud and matching in desk.clouds:
        cloud, matching = matching, ""
    names = _named(desk, cloud)
    allowed = [name for name in names if _has_to_do_with(desk, actor, name)]
    if not allowed:
        raise NotAllowed("You are not among those who may ask for anything on this cloud.", ask=_asked(desk, names))
    answers = await asyncio.gather(*(_hosts(desk.clouds[name], matching) for name in allowed))
    live = {(o.request.cloud, o.host.id): o for o in await desk.live()}
    rows: list[answered.ShownHost] = []
    silent: list[answered.SilentCloud] = []
    number, is_more = 0, False
    for name, found in zip(allowed, answers, strict=True):
        if isinstance(found, CloudError):
            silent.append(answered.SilentCloud(cloud=name, sentence=found.sentence, remedy=found.remedy))
            continue
        number += len(found)
        is_more |= len(found) >= COUNTED
        rows += [_host_row(name, host, live.get((name, host.id))) for host in found]
    return answered.HostsListed(
        matching=matching,
        clouds=tuple(allowed),
        rows=tuple(rows[:HOSTS]),
        silent=tuple(silent),
        number=number,
        is_more=is_more,
    )


async def _hosts(cloud: AnyCloud, matching: str) -> Sequence[Host] | CloudError:
    try:
        async with asyncio.timeout(cloud.deadline):
            return await cloud.hosts(matching, limit=COUNTED)
    except CloudError as error:
        return error
    except TimeoutError:
        return CloudError(f"It did not answer within {cloud.deadline:.0f} s.", remedy="Try again.")


def _host_row(cloud: str, host: Host, operation: Operation | None) -> answered.ShownHost:
    return answered.ShownHost(
        cloud=cloud,
        host=host.name,
        state=host.state,
        area=host.area,
        vms=host.vms,
        note=host.note[:_CELL],
        in_service=host.in_service,
        operation=operation.id if operation else None,
        action=operation.request.action if operation else None,
        stands=operation.state if operation else None,
    )


def _named(desk: Desk, cloud: str) -> Sequence[str]:
    return [host_lookup.known(desk.clouds, cloud).name] if cloud else sorted(desk.clouds)


def _has_to_do_with(desk: Desk, actor: Actor, cloud: str) -> bool:
    return any(rule.names(actor) for (name, _), rule in desk.rules.items() if name == cloud)


def _asked(desk: Desk, clouds: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(who for (name, _), r in desk.rules.items() if name in clouds for who in r.requesters))


async def history(desk: Desk, actor: Actor, *, cloud: str, host: str) -> answered.PastListed:
    """The past operations of the host of exactly that name or id, newest first.

    A host that its cloud does not know any more, or of a cloud that does not answer, is found by its name.

    Raises:
        UnknownCloud
        UnknownHost: neither a cloud nor an operation knows it; suggests near names.
    """
    names = _named(desk, cloud)
    found: dict[OperationId, Operation] = {}
    near: list[str] = []
    is_known = False
    for name in names:
        answer = await _hosts(desk.clouds[name], host) if _has_to_do_with(desk, actor, name) else ()
        listed = () if isinstance(answer, CloudError) else answer
        exact = {h.id for h in listed if host in {h.name, h.id}}
        near += [f"{name}/{h.name}" for h in listed if h.id not in exact]
        is_known |= bool(exact)
        async with desk.archive.reading() as unit:
            for id in {*exact, HostId(host)}:
                found |= {o.id: o for o in await unit.operations.newest(cloud=name, host=id)}
            newest = [] if found else await unit.operations.newest(cloud=name, limit=_BY_NAME)
        found |= {o.id: o for o in newest if o.request.host_name == host}
    where = f"{cloud}/{host}" if cloud else host
    if not found and not is_known:
        remedy = f"Did you mean {', '.join(near[: host_lookup.SUGGESTIONS])}?" if near else "Type the name in full."
        raise UnknownHost(f"No operation and no cloud knows a host named exactly {where}.", remedy=remedy)
    past = sorted(found.values(), key=lambda o: o.created_at, reverse=True)
    shown = f"; the newest {PAST} are shown" if len(past) > PAST else ""
    said = f"Operations on {where}: {len(past)}{shown}" if past else f"No operation was ever asked for on {where}"
    return answered.PastListed(sentence=said, about=tuple(o.id for o in past[:PAST]))


async def audit(desk: Desk, id: OperationId) -> answered.AuditListed:
    """What was recorded about one operation, newest last.

    Raises:
        UnknownOperation
    """
    operation, records = await desk.show(id)
    titles = {str(record.key): record.step.title for record in records}
    async with desk.archive.reading() as unit:
        number, entries = await unit.audit.entries(id, limit=ENTRIES)
    return answered.AuditListed(
        operation=id,
        action=operation.request.action,
        cloud=operation.request.cloud,
        host=operation.request.host_name,
        number=number,
        rows=tuple(_entry_row(one, titles) for one in entries),
    )


def _entry_row(recorded: Recorded, titles: Mapping[str, str]) -> answered.ShownLine:
    facts = recorded.entry.facts
    short = {k: _short(v) for k, v in facts.items() if v not in (None, "", [], {}) and k not in _SAID_ELSEWHERE}
    key = str(facts.get("step") or "")
    step = [titles.get(key, key)[:_CELL]] if key else []
    if short.get("starts") == "1":
        del short["starts"]
    return answered.ShownLine(
        at=recorded.at,
        actor=recorded.entry.actor,
        event=recorded.entry.event,
        facts=(*step, *(f"{name}: {value}"[:_CELL] for name, value in sorted(short.items()))),
    )


def _short(value: Json) -> str:
    if isinstance(value, list | tuple):
        return f"{len(value)}" if len(value) > 3 else ", ".join(_short(one) for one in value)
    if isinstance(value, Mapping):
        return f"{len(value)}"
    return _ID.sub(lambda found: f"{found[1] or found[2]}…", str(value))


async def policy(desk: Desk, actor: Actor, *, cloud: str) -> answered.PolicyListed:
    """Who may do what on one cloud or on all, and what this person can do right now.

    Raises:
        UnknownCloud
        CouldNotAsk: Slack did not answer.
    """
    names = _named(desk, cloud)
    rows = [
        await _rule_row(desk, actor, name, action, desk.rules[name, action])
        for name in names
        for action in Action
        if (name, action) in desk.rules and action in desk.clouds[name].actions
    ]
    return answered.PolicyListed(rows=tuple(rows))


async def _rule_row(desk: Desk, actor: Actor, cloud: str, action: Action, rule: Rule) -> answered.ShownRule:
    return answered.ShownRule(
        cloud=cloud,
        action=action,
        requesters=tuple(rule.requesters),
        approvers=tuple(rule.approvers),
        break_glass=tuple(rule.break_glass),
        quorum=rule.quorum,
        self_approval=rule.self_approval,
        typed_confirmation=rule.typed_confirmation,
        minutes=rule.expires.total_seconds() / 60,
        escalate_to=tuple(rule.escalate_to),
        escalate_after=rule.escalate_after.total_seconds() / 60,
        freezes=tuple(str(freeze) for freeze in rule.freezes),
        frozen=str(calendar.frozen(rule.freezes, desk.clock.now()) or ""),
        you=tuple(await _you_can(desk, actor, rule)),
        impossible=await _impossible(desk, rule),
    )


async def _you_can(desk: Desk, actor: Actor, rule: Rule) -> list[str]:
    """What this person can do now, in words that follow "You can"."""
    if actor.standing is not Standing.FULL_MEMBER:
        return []
    can = []
    if rule.lets_request(actor):
        can.append("ask for it")
    if actor.is_one_of(rule.approvers):
        can.append("approve it, your own requests too" if rule.self_approval else "approve what others ask for")
    if actor.is_one_of(rule.break_glass):
        can.append("break glass: go ahead alone, with a reason that everybody reads")
    has_both = rule.lets_request(actor) and actor.is_one_of(rule.approvers)
    if desk.people and has_both and not await approvability.is_possible(desk.people, rule, requester=actor.id):
        can[0] += " (but then nobody else could approve it)"
    return can


async def _impossible(desk: Desk, rule: Rule) -> str:
    """Why its quorum can never be reached; empty when it can, or when nobody can be asked."""
    if desk.people is None:
        return ""
    able = await approvability.approvers(desk.people, rule, requester=None)
    return "" if len(able) >= rule.quorum else approvability.said(able, rule)
