"""No VM is sent to a host that is itself under an operation: when one is asked for, begun, and at each start."""

import asyncio
from dataclasses import replace

import pytest

from bot.desk.control import Steer
from bot.domain.audit import AuditEvent, Entry
from bot.domain.errors import AlreadyUnderWay
from bot.domain.messages.kind import Kind
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import Receipt, Step
from bot.domain.rules.order import Order
from bot.domain.values import Action, HostId, OperationId
from bot.store.archive import SqlArchive
from tests.store.examples import operation
from tests.workshop import ALICE, BOB, Workshop


async def to(shop: Workshop, target: str, *, host: str = "host-1", check: bool = False) -> OperationId:
    order = Order(action=Action.EVACUATE, cloud="toy", host=host, to=target, check=check)
    return await shop.desk.ask(order, by=ALICE, channel="C0OPS", key=await shop.key())


async def work_all(shop: Workshop) -> None:
    while await shop.work():
        pass


async def test_a_target_under_an_operation_is_refused_with_the_operation_and_what_to_do(shop: Workshop) -> None:
    other = await shop.ask("host-10")
    with pytest.raises(AlreadyUnderWay) as refused:
        await to(shop, "host-10")
    assert refused.value.other == other
    assert refused.value.sentence == (
        f"host-10, where the VMs of host-1 are to go, is itself held by operation {other}."
    )
    assert refused.value.remedy == "Wait for its end or cancel it, or ask again with another target."
    await shop.steer(other, Steer.CANCEL, by=ALICE)
    await to(shop, "host-10")


async def test_a_dry_run_takes_no_host_until_it_turns_serious(shop: Workshop) -> None:
    id = await to(shop, "host-10", check=True)
    await shop.work()
    other = await shop.ask("host-10")
    with pytest.raises(AlreadyUnderWay, match=other):
        await shop.steer(id, Steer.REQUEST_APPROVAL, by=ALICE)


async def test_a_target_that_fails_before_the_start_ends_it_before_anything_is_done(shop: Workshop) -> None:
    id = await to(shop, "host-10")
    await shop.work()
    await shop.vote(id)
    other = await shop.ask("host-10")
    await work_all(shop)
    ended = await shop.operation(id)
    assert ended.state is State.BLOCKED
    assert other in ended.outcome
    assert shop.cloud.starts == []


async def test_a_target_that_fails_while_vms_move_there_gets_no_more_of_them(shop: Workshop) -> None:
    id = await to(shop, "host-10")
    await shop.work()
    await shop.vote(id)

    async def target_fails() -> None:
        await shop.ask("host-10", by=BOB)

    shop.cloud.on_move = target_fails
    await shop.work()
    assert sum(1 for start in shop.cloud.starts if start.startswith("move")) == shop.cloud.concurrency
    ended = await shop.operation(id)
    assert ended.state is State.NEEDS_ATTENTION
    assert "host-10, where the VMs of host-1 are to go, is itself held by operation" in ended.outcome
    kinds = await shop.kinds()
    assert kinds.count(Kind.CLOSED) == 2  # in the thread and in the incident channel


async def test_nothing_is_wished_onto_a_host_under_an_operation(shop: Workshop) -> None:
    shop.cloud.wish = "host-10"
    start, wishes = shop.cloud.start, []

    async def listen(step: Step) -> Receipt:
        wishes.append(step.wish)
        return await start(step)

    shop.cloud.start = listen  # type: ignore[method-assign]
    id = await shop.approved()
    await shop.ask("host-10")
    await work_all(shop)
    assert set(wishes) == {""}
    assert (await shop.operation(id)).state is State.SUCCEEDED


def sent(number: int, *, host: str, target: str, action: Action = Action.ENTER) -> Operation:
    one = operation(number)
    request = replace(one.request, action=action, to=target, host=HostId(host), host_name=host)
    return replace(one, request=request)


async def add(archive: SqlArchive, one: Operation) -> None:
    async with archive.unit() as unit:
        await unit.operations.add(one, Entry(event=AuditEvent.REQUESTED))
        await unit.commit()


async def test_a_host_that_vms_are_sent_to_is_not_taken_out_of_service(archive: SqlArchive) -> None:
    await add(archive, sent(1, host="a", target="b"))
    with pytest.raises(AlreadyUnderWay) as refused:
        await add(archive, sent(2, host="b", target=""))
    assert (refused.value.other, refused.value.sentence) == ("op-1", "Operation op-1 sends VMs of a to b.")
    await add(archive, sent(3, host="b", target="", action=Action.EVACUATE))


async def test_of_two_requests_in_the_same_moment_for_each_others_host_one_is_refused(
    shops: list[Workshop],
) -> None:
    for number in range(0, 10, 2):
        one = sent(number, host=f"a{number}", target=f"b{number}")
        other = sent(number + 1, host=f"b{number}", target=f"a{number}")
        asked = [add(shop.archive, each) for shop, each in zip(shops, (one, other), strict=False)]  # type: ignore[arg-type]
        ends = await asyncio.gather(*asked, return_exceptions=True)
        assert sorted(type(end).__name__ for end in ends) == ["AlreadyUnderWay", "NoneType"]
