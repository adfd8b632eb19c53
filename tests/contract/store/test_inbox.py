"""The archive records what comes in before anybody acts on it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings

from bot.domain.ports import Archive, Delivery, Stale
from bot.store import SqlArchive
from tests.store.examples import ENTRY, START, any_of, operation
from tests.tiers import examples

DELIVERY = Delivery(key="k1", kind="command", payload={"text": "enter prod/host-1"}, received_at=START)
EVER = START - timedelta(days=50_000)
_numbers = iter(range(10**9))


async def receive(archive: Archive, delivery: Delivery = DELIVERY) -> bool:
    async with archive.unit() as unit:
        fresh = await unit.inbox.receive(delivery)
        await unit.commit()
    return fresh


async def unsettled(archive: Archive) -> list[Delivery]:
    async with archive.unit() as unit:
        return list(await unit.inbox.unsettled(since=START - timedelta(minutes=1)))


async def test_a_repeated_delivery_is_known(archive: SqlArchive) -> None:
    assert await receive(archive)
    assert not await receive(archive, replace(DELIVERY, received_at=START + timedelta(hours=1)))


async def test_five_copies_at_once_are_received_once(archive: SqlArchive) -> None:
    assert sorted(await asyncio.gather(*(receive(archive) for _ in range(5)))) == [False] * 4 + [True]


async def test_a_repeated_delivery_does_not_break_the_transaction(archive: SqlArchive) -> None:
    await receive(archive)
    async with archive.unit() as unit:
        assert not await unit.inbox.receive(DELIVERY)
        await unit.operations.add(operation(), ENTRY)
        await unit.commit()
    async with archive.unit() as unit:
        assert len(await unit.operations.newest()) == 1


async def test_what_nobody_acted_on_is_found_again_oldest_first(archive: SqlArchive) -> None:
    ages = {"old": -timedelta(hours=1), "b": timedelta(seconds=2), "a": timedelta(seconds=1), "done": timedelta(0)}
    given = {key: replace(DELIVERY, key=key, received_at=START + age) for key, age in ages.items()}
    for each in given.values():
        await receive(archive, each)
    async with archive.unit() as unit:
        await unit.inbox.settle("done", result="began op-1")
        await unit.commit()
    assert await unsettled(archive) == [given["a"], given["b"]]


async def test_a_delivery_is_settled_once(archive: SqlArchive) -> None:
    await receive(archive)
    async with archive.unit() as unit:
        await unit.inbox.settle("k1", result="")
        await unit.commit()
    async with archive.unit() as unit:
        with pytest.raises(Stale):
            await unit.inbox.settle("k1", result="again")


async def test_settling_and_its_effect_are_one(archive: SqlArchive) -> None:
    await receive(archive)
    async with archive.unit() as unit:
        await unit.operations.add(operation(), ENTRY)
        await unit.inbox.settle("k1", result="began op-1")
    assert await unsettled(archive) == [DELIVERY]


async def test_two_replicas_that_serve_one_delivery_have_one_effect(archive: SqlArchive) -> None:
    await receive(archive)

    async def serve(number: int) -> None:
        async with archive.unit() as unit:
            await unit.operations.add(operation(number), ENTRY)
            await unit.inbox.settle("k1", result=f"began {number}")
            await unit.commit()

    results = await asyncio.gather(*(serve(n) for n in range(5)), return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["NoneType", *["Stale"] * 4]
    async with archive.unit() as unit:
        assert len(await unit.operations.newest()) == 1


async def test_a_key_that_never_came_in_may_be_settled(archive: SqlArchive) -> None:
    async with archive.unit() as unit:
        await unit.inbox.settle("tick", result="expired op-1")
        await unit.commit()


@given(drawn=any_of(Delivery))
@settings(max_examples=examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_delivery_comes_back_as_it_was(archive: SqlArchive, drawn: Delivery) -> None:
    stored = replace(drawn, key=f"{drawn.key}{next(_numbers)}")
    assert await receive(archive, stored)
    async with archive.unit() as unit:
        assert stored in await unit.inbox.unsettled(since=EVER)


async def test_what_is_taken_in_at_once_is_settled_and_only_what_was_not_known_is_new(archive: SqlArchive) -> None:
    known = replace(DELIVERY, key="key-7")
    await receive(archive, known)
    many = [replace(DELIVERY, key=f"key-{number}") for number in range(1_200)]
    async with archive.unit() as unit:
        fresh = await unit.inbox.take_in([*many, *many], result="taken in")
        assert fresh == {one.key for one in many} - {known.key}
        assert await unit.inbox.take_in([], result="taken in") == frozenset()
        await unit.commit()
    assert await unsettled(archive) == [known]
    async with archive.unit() as unit:
        assert not await unit.inbox.take_in(many, result="taken in")
