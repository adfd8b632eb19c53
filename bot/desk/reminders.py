"""The tick that reminds: each reminder goes out once, stored with the news of it, however many replicas tick."""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.messages import reminder
from bot.domain.messages.news import Kind, News, calling
from bot.domain.messages.reminder import Reminder
from bot.domain.operation import Operation, State, Told
from bot.domain.ports import Archive, Clock, Entry, Stale, Unit
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, Facts

MOST = 1_000
_KINDS: Mapping[Told, Kind] = {
    Told.START_NEAR: Kind.START_NEAR,
    Told.EXPIRY_NEAR: Kind.EXPIRY_NEAR,
    Told.ESCALATED: Kind.ESCALATED,
}


async def remind(archive: Archive, clock: Clock, rules: Mapping[tuple[str, Action], Rule]) -> int:
    """Tell whatever is due; answers how much that was.

    Args:
        archive: the database.
        clock: tells what is due.
        rules: the policy of each cloud and action; an operation without one is not reminded of.
    """
    now = clock.now()
    async with archive.reading() as unit:
        waiting = await unit.operations(live=True, states=reminder.WAITING, limit=MOST)
    told = 0
    for seen in waiting:
        rule = rules.get((seen.request.cloud, seen.request.action))
        if rule is None or not reminder.due(seen, rule, now=now):
            continue
        try:
            async with archive.unit() as unit:
                operation = await unit.operation(seen.id)
                reminders = reminder.due(operation, rule, now=now)
                await _tell(unit, operation, rule, reminders)
                await unit.commit()
                told += len(reminders)
        except Stale:
            continue  # somebody decided, or another replica reminds: the next tick looks again
    return told


async def _tell(unit: Unit, operation: Operation, rule: Rule, reminders: tuple[Reminder, ...]) -> None:
    for one in reminders:
        facts: Facts = {
            "at": one.at.isoformat(),
            "count": rule.count(operation),
            "quorum": rule.quorum,
            "is_approved": operation.state is State.QUEUED,
        }
        entry = Entry(event=f"reminded: {one.what}", facts={**facts, "ask": list(one.ask)})
        operation = await unit.save(replace(operation, told=(*operation.told, one.what)), entry)
        await unit.tell(*calling(News(kind=_KINDS[one.what], operation=operation.id, facts=facts), one.ask))
