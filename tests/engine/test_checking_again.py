"""*Re-check* says in the thread what it found, and calls nobody a second time to the same plan."""

from bot.desk.control import Steer
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience, News
from bot.domain.operation import State
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.values import OperationId
from tests.news import facts_of
from tests.workshop import BOB, Workshop


async def rechecked(shop: Workshop, id: OperationId) -> list[News]:
    """What is told of somebody's Re-check."""
    before = len(await shop.news())
    await shop.steer(id, Steer.RECHECK, by=BOB)
    await shop.work()
    return [n for n in (await shop.news())[before:] if n.audience is Audience.THREAD]


async def test_the_same_plan_is_told_as_that_and_its_approvers_are_not_called_again(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    (line,) = await rechecked(shop, id)
    assert (line.kind, facts_of(line)["by"], facts_of(line)["same"]) == (Kind.RECHECKED, "U0BOB", True)
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL


async def test_another_plan_is_told_with_its_differences_and_its_approvers_are_called(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    shop.cloud.vms["vm-9"] = "host-1"
    line, call = await rechecked(shop, id)
    assert (facts_of(line)["same"], facts_of(line)["lines"]) == (False, ["+ name-vm-9 (ACTIVE): evacuate"])
    assert call.kind is Kind.WAITING


async def test_what_forbids_it_now_is_told_before_the_end(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    up = Finding(code="up", verdict=Verdict.BLOCKER, topic=Topic.HOST, sentence="host-1 is up.", remedy="Leave it.")
    shop.cloud.blockers = [up]
    line, end = await rechecked(shop, id)
    assert "host-1 is up." in str(facts_of(line)["lines"])
    assert end.kind is Kind.BLOCKED


async def test_a_dry_run_is_told_too(shop: Workshop) -> None:
    id = await shop.ask(check=True)
    await shop.work()
    assert [n.kind for n in await rechecked(shop, id)] == [Kind.RECHECKED]
    assert (await shop.operation(id)).state is State.READY


async def test_what_was_found_is_told_once(shop: Workshop) -> None:
    id = await shop.ask(check=True)
    await shop.work()
    await rechecked(shop, id)
    before = len(await shop.news())
    await shop.steer(id, Steer.REQUEST_APPROVAL)
    await shop.work()
    assert Kind.RECHECKED not in [n.kind for n in (await shop.news())[before:]]
