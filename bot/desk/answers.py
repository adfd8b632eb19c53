"""Private answers: what one person is told alone, stored with the settling of the delivery that it answers."""

from collections.abc import Awaitable, Callable

from bot.desk.desk import Desk
from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadySettled, AlreadyUnderWay, NotAllowed, OldCard, Refusal
from bot.domain.messages.answered import Answered, RefusalTold
from bot.domain.messages.news import Audience, News
from bot.domain.values import Facts, OperationId, UserId


async def refuse(
    desk: Desk,
    refusal: Refusal,
    *,
    by: UserId,
    channel: str,
    key: str,
    operation: OperationId | None = None,
    shown: Callable[[RefusalTold], Awaitable[bool]] | None = None,
) -> None:
    """Tell a person why nothing was done (privately, unless it is `shown`), and audit that they tried.

    Args:
        desk: where they tried.
        refusal: why nothing was done.
        by: who tried.
        channel: where.
        key: the delivery this settles.
        operation: what they wanted to change, where it is known.
        shown: shows it before their eyes, and answers whether it is seen.

    Raises:
        Stale: the delivery was acted on before.
    """
    settled = refusal if isinstance(refusal, AlreadySettled) else None
    told = RefusalTold(
        sentence=refusal.sentence,
        remedy=refusal.remedy,
        ask=tuple(refusal.ask),
        link_to=refusal.other if isinstance(refusal, AlreadyUnderWay) else operation,
        by=tuple(settled.by) if settled else (),
        at=settled.at if settled else None,
        stands_in=refusal.room if isinstance(refusal, OldCard) else None,
    )
    news = News(what=told, audience=Audience.PERSON, person=by, channel=channel, answers=key)
    facts: Facts = {
        "sentence": told.sentence,
        "remedy": told.remedy,
        "ask": list(told.ask),
        "link_to": told.link_to,
        "by": list(told.by),
        "stands in": told.stands_in,
        "at": told.at.isoformat() if told.at else None,
    }
    event = AuditEvent.NOT_ALLOWED if isinstance(refusal, NotAllowed) else AuditEvent.REFUSED
    is_seen = shown is not None and await shown(told)
    async with desk.archive.unit() as unit:
        await unit.audit.record(operation, Entry(event=event, actor=by, facts=facts))
        if not is_seen:
            await unit.outbox.tell(news)
        await unit.inbox.settle(key, result=event)
        await unit.commit()


async def note(desk: Desk, told: Answered, *, by: UserId, channel: str, key: str) -> None:
    """Answer a person privately.

    Args:
        desk: that is asked.
        told: what was gathered for them (`queries`).
        by: who asked.
        channel: where.
        key: the delivery this settles.

    Raises:
        Stale: the delivery was acted on before.
    """
    news = News(what=told, audience=Audience.PERSON, person=by, channel=channel, answers=key)
    async with desk.archive.unit() as unit:
        await unit.outbox.tell(news)
        await unit.inbox.settle(key, result="noted")
        await unit.commit()
