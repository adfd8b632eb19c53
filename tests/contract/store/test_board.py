"""The archive keeps what is to be told, and where."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages.executed import PhaseBegun
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience, News
from bot.domain.operation import State
from bot.domain.ports import Archive, Card, Copy, Outgoing
from bot.domain.values import OperationId, UserId
from bot.store import SqlArchive
from tests.clocks import ManualClock
from tests.news import facts_of
from tests.store.examples import ENTRY, START, any_of, news, operation, private
from tests.store.outbox import waiting
from tests.tiers import examples

LATER = START + timedelta(minutes=1)
CARD = Card(operation=OperationId("op-1"), channel="C1", ts="1.1", revision=1)


async def begin(archive: Archive, *numbers: int, card: bool = True) -> None:
    """Operations whose card stands and shows them as they are."""
    async with archive.unit() as unit:
        for number in numbers or (1,):
            await unit.operations.add(operation(number), ENTRY)
            if card:
                await unit.cards.keep(replace(CARD, operation=OperationId(f"op-{number}")))
        await unit.commit()


async def tell(archive: Archive, *told: News) -> None:
    async with archive.unit() as unit:
        await unit.outbox.tell(*told)
        await unit.commit()


async def outgoing(archive: Archive, *, put_off: Collection[int] = ()) -> list[Outgoing]:
    async with archive.unit() as unit:
        return await waiting(unit, put_off=put_off)


async def heads(archive: Archive, *, limit: int = 100) -> list[Outgoing]:
    async with archive.unit() as unit:
        return list(await unit.outbox.waiting(limit=limit))


async def unposted(archive: Archive, *, limit: int = 10) -> list[tuple[str, int, Card | None]]:
    async with archive.unit() as unit:
        return [(o.id, revision, card) for o, revision, card in await unit.cards.outdated(limit=limit)]


async def test_an_operation_without_a_card_is_unposted(archive: SqlArchive) -> None:
    await begin(archive, card=False)
    assert await unposted(archive) == [("op-1", 1, None)]


async def test_a_card_that_shows_the_latest_is_left_alone_until_something_changes(archive: SqlArchive) -> None:
    await begin(archive)
    assert await unposted(archive) == []
    async with archive.unit() as unit:
        await unit.operations.save(await unit.operations.get(OperationId("op-1")), ENTRY)
        await unit.commit()
    assert await unposted(archive) == [("op-1", 2, CARD)]
    async with archive.unit() as unit:
        await unit.cards.keep(replace(CARD, revision=2))
        await unit.commit()
    assert await unposted(archive) == []


async def test_a_card_is_kept_as_it_was_given(archive: SqlArchive) -> None:
    await begin(archive, card=False)
    attempted = Card(operation=OperationId("op-1"), channel="C1", ts="", revision=0, attempted_at=START)
    async with archive.unit() as unit:
        assert await unit.cards.of(OperationId("op-1")) is None
        await unit.cards.keep(attempted)
        await unit.commit()
    async with archive.unit() as unit:
        assert await unit.cards.of(OperationId("op-1")) == attempted
        assert [card for _, _, card in await unit.cards.outdated(limit=1)] == [attempted]


async def test_no_card_waits_behind_one_that_changes_all_the_time(archive: SqlArchive, clock: ManualClock) -> None:
    await begin(archive, 1, 2)
    async with archive.unit() as unit:
        for each in await unit.operations.newest():
            await unit.operations.save(each, ENTRY)
        await unit.commit()
    shown = []
    for revision in range(2, 6):
        ((name, now_at, card),) = await unposted(archive, limit=1)
        assert card is not None
        shown.append(name)
        await clock.pass_time(1)
        async with archive.unit() as unit:
            await unit.cards.keep(replace(card, revision=now_at))
            await unit.operations.save(
                await unit.operations.get(OperationId("op-1")),
                Entry(event=AuditEvent.OTHER, facts={"change": revision}),
            )
            await unit.commit()
    assert "op-2" in shown[:2]


@given(drawn=any_of(News))
@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_news_comes_back_as_it_was(archive: SqlArchive, drawn: News) -> None:
    stored = replace(drawn, operation=None, ask=() if drawn.kind is Kind.REFUSED else drawn.ask)
    await tell(archive, stored)
    (found,) = await outgoing(archive)
    assert (found.news, found.created_at, found.tries, found.attempted_at) == (stored, START, 0, None)
    async with archive.unit() as unit:
        await unit.outbox.told([found.id], ts="1.2")
        await unit.commit()


async def test_news_is_told_in_the_order_it_happened(archive: SqlArchive) -> None:
    await begin(archive)
    for batch in range(10):
        await tell(archive, *(news(what=PhaseBegun(phase=str(100 * batch + n))) for n in range(100)))
    found = await outgoing(archive)
    assert [facts_of(o.news)["phase"] for o in found] == [str(n) for n in range(1000)]
    async with archive.unit() as unit:
        assert await unit.outbox.followers(found[0], limit=10) == found[1:11]
    async with archive.unit() as unit:
        await unit.outbox.told([o.id for o in found], ts="1.2")
        await unit.commit()
    assert await outgoing(archive) == []


async def test_an_answer_and_each_lane_come_to_be_read_however_many_lines_wait_in_another(archive: SqlArchive) -> None:
    await begin(archive, 1, 2)
    await tell(archive, *(news(1, what=PhaseBegun(phase=str(n))) for n in range(300)))
    await tell(archive, news(2), news(2), news(1, audience=Audience.INCIDENT), private(None))
    found = await heads(archive)
    said = [(o.news.operation, o.news.audience) for o in found]
    thread, incident = Audience.THREAD, Audience.INCIDENT
    assert said == [(None, Audience.PERSON), ("op-1", thread), ("op-2", thread), ("op-1", incident)]
    assert [(o.channel, o.thread) for o in found] == [("", ""), *[(CARD.channel, CARD.ts)] * 3]
    assert await heads(archive, limit=1) == found[:1]


async def test_numbers_grow_in_the_order_of_commits(archive: SqlArchive) -> None:
    """Otherwise a line could become visible behind one that was told already."""
    await begin(archive)

    async def tell_some() -> None:
        for _ in range(5):
            await tell(archive, news())

    telling = asyncio.gather(*(tell_some() for _ in range(6)))
    seen: list[int] = []
    while len(seen) < 30:
        found = [o.id for o in await outgoing(archive)]
        assert found[: len(seen)] == seen  # nothing appeared in front of what could be seen before
        seen = found
    await telling


async def test_rolled_back_news_is_never_told(archive: SqlArchive) -> None:
    await begin(archive)
    async with archive.unit() as unit:
        await unit.outbox.tell(news())
    assert await outgoing(archive) == []


@pytest.mark.parametrize("audience", [Audience.THREAD, Audience.INCIDENT])
async def test_what_is_told_under_a_card_waits_until_the_card_stands(archive: SqlArchive, audience: Audience) -> None:
    await begin(archive, card=False)
    await tell(archive, news(audience=audience), private(1))
    assert [o.news.kind for o in await outgoing(archive)] == [Kind.NOTED]
    async with archive.unit() as unit:
        await unit.cards.keep(replace(CARD, ts="", attempted_at=START))
        await unit.commit()
    assert [o.news.kind for o in await outgoing(archive)] == [Kind.NOTED]
    async with archive.unit() as unit:
        await unit.cards.keep(CARD)
        await unit.commit()
    assert [o.news.kind for o in await outgoing(archive)] == [Kind.STARTED, Kind.NOTED]


async def test_news_that_is_put_off_is_never_overtaken_by_its_followers(archive: SqlArchive) -> None:
    await begin(archive, 1, 2)
    await tell(archive, news(1), news(2), news(1), news(1, audience=Audience.INCIDENT), private(1))
    first, *others = await outgoing(archive)
    async with archive.unit() as unit:
        await unit.outbox.postpone([first.id], why="429")
        await unit.commit()
    expected = [o for o in others if (o.news.operation, o.news.audience) != ("op-1", Audience.THREAD)]
    assert await outgoing(archive, put_off=[first.id]) == expected
    assert await outgoing(archive) == [first, *others]


async def test_a_note_to_one_person_does_not_hold_up_a_note_to_another(archive: SqlArchive) -> None:
    await begin(archive)
    await tell(archive, private(1, person="U1"), private(1, person="U2"), private(None, person="U1"))
    first, *others = await outgoing(archive)
    assert await outgoing(archive, put_off=[first.id]) == others
    assert await outgoing(archive, put_off=[o.id for o in (first, *others)]) == []


async def test_news_that_was_given_up_holds_nothing_up_and_is_audited(archive: SqlArchive) -> None:
    await begin(archive)
    await tell(archive, news(), news())
    first, second = await outgoing(archive)
    async with archive.unit() as unit:
        await unit.outbox.postpone([first.id], why="timeout")
        await unit.outbox.give_up([first.id], why="channel_not_found")
        await unit.commit()
    assert await outgoing(archive) == [second]
    async with archive.unit() as unit:
        lines = [line async for line in unit.audit.lines()]
    assert (lines[-1].event, lines[-1].operation_id) == ("news given up", "op-1")
    assert "channel_not_found" in lines[-1].facts


async def test_an_attempt_stays_noted_until_the_post_is_known_to_stand(archive: SqlArchive) -> None:
    """Also over a postponement: the post whose answer was lost may have arrived."""
    await begin(archive)
    await tell(archive, news())
    (found,) = await outgoing(archive)
    async with archive.unit() as unit:
        await unit.outbox.attempt([found.id], now=LATER)
        await unit.outbox.postpone([found.id], why="no answer")
        await unit.commit()
    assert await outgoing(archive) == [replace(found, tries=1, attempted_at=LATER)]


async def test_nothing_happens_to_no_news(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.outbox.attempt([], now=START)
        await unit.outbox.told([], ts="1.1")
        await unit.outbox.postpone([], why="")
        await unit.outbox.give_up([], why="")
        await unit.commit()
    assert await outgoing(archive) == []


async def test_a_further_card_is_behind_until_it_shows_the_latest_and_can_be_forgotten(archive: SqlArchive) -> None:
    await begin(archive)
    copy = Copy(operation=OperationId("op-1"), channel="C2", person=UserId("U1"))
    for kept in (copy, replace(copy, channel="C3"), replace(copy, ts="2.2", revision=1, attempted_at=START)):
        async with archive.unit() as unit:
            await unit.copies.keep(kept)
            await unit.commit()
    async with archive.unit() as unit:
        assert [c.channel for c in await unit.copies.of(OperationId("op-1"))] == ["C2", "C3"]
        assert [(o.id, at, c.channel) for o, at, c in await unit.copies.outdated(limit=9)] == [("op-1", 1, "C3")]
        await unit.copies.drop(replace(copy, channel="C3"))
        await unit.commit()
    async with archive.unit() as unit:
        assert await unit.copies.of(OperationId("op-1")) == [replace(copy, ts="2.2", revision=1, attempted_at=START)]
        assert await unit.copies.outdated(limit=9) == []
        await unit.operations.revise(OperationId("op-1"))
        await unit.commit()
    async with archive.unit() as unit:
        assert [(at, c.channel) for _, at, c in await unit.copies.outdated(limit=9)] == [(2, "C2")]


async def test_of_a_channel_in_doubt_the_cards_of_what_is_live_are_shown_anew(archive: SqlArchive) -> None:
    await begin(archive, 1, 2)
    async with archive.unit() as unit:
        over = await unit.operations.get(OperationId("op-2"))
        await unit.operations.save(replace(over, state=State.CANCELLED), ENTRY)
        await unit.cards.keep(replace(CARD, operation=over.id, revision=2))
        copy = Copy(operation=OperationId("op-1"), channel="C1", person=UserId("U1"), ts="3.3", revision=1)
        await unit.copies.keep(copy)
        await unit.commit()
    async with archive.unit() as unit:
        assert await unit.cards.doubt("C9") == 0
        assert await unit.cards.doubt("C1") == 2
        await unit.commit()
    assert [name for name, _, _ in await unposted(archive)] == ["op-1"]
    async with archive.unit() as unit:
        assert [(o.id, c.ts) for o, _, c in await unit.copies.outdated(limit=9)] == [("op-1", "3.3")]
