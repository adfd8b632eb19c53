"""*Ask Again* on a card that ended without being done: the same request, by the rights of whoever presses it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.operation import Operation, State
from bot.domain.values import Action
from bot.slack.inbound import clicks
from tests.slack.house import House
from tests.slack.views.examples import operation


async def ended(house: House, state: State, *, dry_run: bool = False) -> Operation:
    """An operation that ended so, with its card."""
    await house.planned()
    (one,) = await house.operations()
    request = replace(one.request, to="host-2", vms=("web-1",), reason="DIMM")
    await house.save(replace(one, state=state, request=request, dry_run=dry_run))
    await house.workspace.until(lambda: "Ask Again" in house.cards()[0].buttons)
    (one,) = await house.operations()
    return one


@pytest.mark.parametrize("state", [State.BLOCKED, State.DENIED, State.EXPIRED, State.CANCELLED, State.ENDED_INCOMPLETE])
async def test_it_asks_for_the_very_same_and_a_new_card_stands_there(house: House, state: State) -> None:
    old = await ended(house, state)
    await house.workspace.click("U0BOB", house.cards()[0], label="Ask Again")
    await house.workspace.until(lambda: len(house.cards()) == 2)
    new = next(one for one in await house.operations() if one.id != old.id)
    assert new.request == replace(old.request, run=new.id)
    assert (new.state, new.requested_by, new.plan) == (State.CHECKING, "U0BOB", None)


async def test_a_second_press_hears_of_the_first(house: House) -> None:
    await ended(house, State.DENIED)
    card = house.cards()[0]
    await house.workspace.click("U0ALICE", card, label="Ask Again")
    await house.workspace.until(lambda: len(house.cards()) == 2)
    await house.workspace.click("U0BOB", card, label="Ask Again")
    assert "already holds" in await house.note_to("U0BOB")
    assert len(await house.operations()) == 2


async def test_who_may_not_ask_may_not_ask_again(house: House) -> None:
    await ended(house, State.EXPIRED)
    await house.workspace.click("U0CAROL", house.cards()[0], label="Ask Again")
    assert "not among those who may ask" in await house.note_to("U0CAROL")
    assert len(await house.operations()) == 1


async def test_a_dry_run_is_asked_for_again_as_one(house: House) -> None:
    old = await ended(house, State.BLOCKED, dry_run=True)
    await house.workspace.click("U0ALICE", house.cards()[0], label="Ask Again")
    await house.workspace.until(lambda: len(house.cards()) == 2)
    new = next(one for one in await house.operations() if one.id != old.id)
    assert new.dry_run


def test_its_time_and_window_are_kept_and_ticked_vms_are_named() -> None:
    old = operation(State.EXPIRED)
    starts = old.created_at + timedelta(hours=5)
    chosen = replace(old.request, is_choice=True, vms=("id-1", "id-2"))
    order = clicks.order_of(replace(old, request=chosen, starts_at=starts, window=timedelta(hours=2)))
    assert (order.at, order.window, order.vms) == (starts, timedelta(hours=2), ("id-1", "id-2"))
    returned = clicks.order_of(replace(old, request=replace(chosen, action=Action.EXIT)))
    assert returned.vms == ()  # its list is another one by then


async def test_where_its_time_is_past_it_says_so_and_begins_nothing(house: House) -> None:
    old = await ended(house, State.EXPIRED)
    await house.save(replace(old, starts_at=house.desk.clock.now() - timedelta(minutes=1)))
    await house.workspace.click("U0ALICE", house.cards()[0], label="Ask Again")
    assert "is past" in await house.note_to("U0ALICE")
    assert len(await house.operations()) == 1
