"""What other approved operations have still to start is told to the adapter that judges the room."""

from datetime import timedelta

from bot.domain.cloud import NO_BOOKS, Books, Request
from bot.domain.operation import State
from bot.domain.plans.plan import Receipt, Step
from tests.workshop import Workshop


def listen(shop: Workshop) -> dict[str, list[str]]:
    """Beside what the last plan of each host was made."""
    told: dict[str, list[str]] = {}
    survey = shop.cloud.survey

    async def listening(request: Request, books: Books = NO_BOOKS) -> dict[str, str]:
        told[request.host] = [s.key for s in books.promised]
        return await survey(request, books)

    shop.cloud.survey = listening  # type: ignore[method-assign]
    return told


async def test_a_plan_is_made_beside_all_steps_of_an_operation_that_is_approved(shop: Workshop) -> None:
    first = await shop.approved()
    told = listen(shop)
    async with shop.archive.unit() as unit:  # somebody else's hands are on it, and have not begun
        lease = await unit.leases.claim("another worker", span=timedelta(hours=1))
        await unit.commit()
    assert lease is not None
    assert lease.operation == first
    second = await shop.ask("host-10")
    await shop.work()
    assert (await shop.operation(second)).state is State.AWAITING_APPROVAL
    assert told == {"host-10": ["disable", *(f"move:vm-{n}" for n in range(6)), "empty"]}


async def test_of_an_operation_that_runs_only_what_the_cloud_has_not_taken_counts(shop: Workshop) -> None:
    first = await shop.approved()
    told = listen(shop)
    start = shop.cloud.start

    async def start_and_ask(step: Step) -> Receipt:
        receipt = await start(step)
        if step.key == "move:vm-0":
            await shop.ask("host-10")
            await shop.work()
        return receipt

    shop.cloud.start = start_and_ask  # type: ignore[method-assign]
    await shop.work()
    assert (await shop.operation(first)).state is State.SUCCEEDED
    assert told["host-1"] == []
    assert set(told["host-10"]) >= {"move:vm-3", "move:vm-4", "move:vm-5", "empty"}
    assert "disable" not in told["host-10"]


async def test_what_waits_for_approval_or_has_ended_keeps_no_room(shop: Workshop) -> None:
    await shop.ask()
    await shop.work()
    told = listen(shop)
    await shop.ask("host-10")
    await shop.work()
    assert told == {"host-10": []}
