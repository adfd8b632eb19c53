"""Private answers: what one person is told alone, stored with the settling of the delivery that it answers."""

from collections.abc import Awaitable, Callable, Sequence

from bot.desk.desk import Desk
from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadySettled, AlreadyUnderWay, NotAllowed, OldCard, Refusal
from bot.domain.messages.news import Audience, Kind, News
from bot.domain.values import Facts, OperationId, UserId


async def refuse(
    desk: Desk,
    refusal: Refusal,
    *,
    by: UserId,
    channel: str,
    key: str,
    operation: OperationId | None = None,
    shown: Callable[[News], Awaitable[bool]] | None = None,
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
    facts: Facts = {
        "sentence": refusal.sentence,
        "remedy": refusal.remedy,
        "ask": list(refusal.ask),
        "link_to": refusal.other if isinstance(refusal, AlreadyUnderWay) else operation,
        "by": list(refusal.by) if isinstance(refusal, AlreadySettled) else [],
        "stands in": refusal.room if isinstance(refusal, OldCard) else None,
        "at": refusal.at.isoformat() if isinstance(refusal, AlreadySettled) and refusal.at else None,
    }
    news = News(kind=Kind.REFUSED, audience=Audience.PERSON, facts=facts, person=by, channel=channel, answers=key)
    event = AuditEvent.NOT_ALLOWED if isinstance(refusal, NotAllowed) else AuditEvent.REFUSED
    is_seen = shown is not None and await shown(news)
    async with desk.archive.unit() as unit:
        await unit.audit.record(operation, Entry(event=event, actor=by, facts=facts))
        if not is_seen:
            await unit.outbox.tell(news)
        await unit.inbox.settle(key, result=event)
        await unit.commit()


async def note(
    desk: Desk,
    sentence: str,
    *,
    by: UserId,
    channel: str,
    key: str,
    about: Sequence[OperationId] = (),
    in_full: bool = False,
    shown: Facts | None = None,
) -> None:
    """Answer a person privately, with operations to be listed (or shown in full), or other facts.

    Args:
        desk: that is asked.
        sentence: the heading.
        by: who asked.
        channel: where.
        key: the delivery this settles.
        about: operations to be listed.
        in_full: whether they are shown in full.
        shown: what was gathered for them (`queries`).

    Raises:
        Stale: the delivery was acted on before.
    """
    facts: Facts = {"sentence": sentence, "about": list(about), "in_full": in_full, **(shown or {})}
    news = News(kind=Kind.NOTED, audience=Audience.PERSON, facts=facts, person=by, channel=channel, answers=key)
    async with desk.archive.unit() as unit:
        await unit.outbox.tell(news)
        await unit.inbox.settle(key, result="noted")
        await unit.commit()
