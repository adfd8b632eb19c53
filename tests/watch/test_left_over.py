"""A host that an operation took out of service is reminded of until somebody returns it."""

import asyncio
from datetime import timedelta

import pytest

from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience, News
from bot.domain.operation import State
from bot.domain.values import Action
from tests.news import facts_of
from tests.watch.conftest import EVERY, Post

HOURS = 3600.0
BOTH = [Audience.THREAD, Audience.INCIDENT]


def kinds(told: list[News]) -> list[Kind]:
    return [news.kind for news in told]


async def take_out(post: Post, *, mark: str | None = "OP1", id: str = "OP1", action: Action = Action.EVACUATE) -> None:
    await post.operation("host-3", State.SUCCEEDED, id=id, action=action)
    post.fleet.change("host-3", in_service=False, state="down, forced down, disabled", taken_out_by=mark)


async def wait(post: Post, hours: float) -> None:
    await post.clock.pass_time(hours * HOURS)
    await post.look(2)


async def test_it_is_reminded_of_after_four_hours_and_then_once_a_day(post: Post) -> None:
    await take_out(post)
    await post.look()
    await wait(post, 3.9)
    assert await post.told() == []
    await wait(post, 0.1)
    told = await post.told()
    assert kinds(told) == [Kind.LEFT_OVER] * 2
    assert [news.audience for news in told] == BOTH
    assert told[0].operation == "OP1"
    assert facts_of(told[0])["state"] == "down, forced down, disabled"
    await wait(post, 23)
    assert await post.told() == []
    await wait(post, 1)
    assert kinds(await post.told()) == [Kind.LEFT_OVER] * 2


async def test_its_return_is_told_once_to_those_who_were_reminded(post: Post) -> None:
    await take_out(post)
    await wait(post, 4)
    await post.told()
    post.fleet.change("host-3", in_service=True, state="up", taken_out_by="")
    await post.look(3)
    told = await post.told()
    assert kinds(told) == [Kind.LEFT_OVER_GONE] * 2
    assert [news.audience for news in told] == BOTH
    post.fleet.change("host-3", in_service=False, state="disabled", taken_out_by="")
    await wait(post, 48)
    assert await post.told() == []


async def test_a_host_of_which_the_cloud_cannot_tell_is_not_taken_to_be_back(post: Post) -> None:
    await take_out(post)
    await wait(post, 4)
    await post.told()
    post.fleet.change("host-3", is_silent=True, state="unknown", taken_out_by="")
    await wait(post, 30)
    gone = post.fleet.known.pop("host-3")
    await wait(post, 30)
    assert await post.told() == []
    post.fleet.known["host-3"] = gone
    post.fleet.change("host-3", is_silent=False, in_service=False, state="disabled", taken_out_by="OP1")
    await post.look(2)
    assert kinds(await post.told()) == [Kind.LEFT_OVER] * 2


async def test_a_host_that_returns_in_time_is_never_spoken_of(post: Post) -> None:
    await take_out(post)
    await post.look()
    post.fleet.change("host-3", in_service=True, state="up", taken_out_by="")
    await wait(post, 1)
    post.fleet.change("host-3", in_service=False, taken_out_by="OP1")
    await wait(post, 48)
    assert await post.told() == []


async def test_what_became_due_while_the_bot_was_stopped_is_told_once_when_it_runs_again(post: Post) -> None:
    await take_out(post)
    await wait(post, 100)
    await asyncio.gather(*(post.rounds.go() for _ in range(3)))
    assert kinds(await post.told()) == [Kind.LEFT_OVER] * 2


async def test_where_the_cloud_shows_marks_only_a_host_with_ours_is_a_left_over(post: Post) -> None:
    await take_out(post, mark="")
    await wait(post, 5)
    assert await post.told() == []


async def test_where_the_cloud_shows_no_marks_our_own_record_decides(post: Post) -> None:
    await take_out(post, mark=None, action=Action.ENTER)
    await wait(post, 4)
    assert kinds(await post.told()) == [Kind.LEFT_OVER] * 2


@pytest.mark.parametrize("state", [State.DENIED, State.EXPIRED, State.CANCELLED, State.BLOCKED])
async def test_an_operation_that_changed_nothing_leaves_nothing_over(post: Post, state: State) -> None:
    await post.operation("host-3", state)
    post.fleet.change("host-3", in_service=False, state="disabled", taken_out_by=None)
    await wait(post, 5)
    assert await post.told() == []


async def test_one_that_ended_incomplete_is_reminded_of_too(post: Post) -> None:
    await post.operation("host-3", State.ENDED_INCOMPLETE)
    post.fleet.change("host-3", in_service=False, state="disabled", taken_out_by="OP1")
    await wait(post, 4)
    assert kinds(await post.told()) == [Kind.LEFT_OVER] * 2


async def test_nobody_is_reminded_while_another_operation_is_at_work_there(post: Post) -> None:
    await take_out(post)
    await post.look()
    await post.operation("host-3", State.RUNNING, id="OP2", action=Action.EXIT)
    await wait(post, 30)
    assert await post.told() == []


async def test_an_exit_that_succeeded_ends_it(post: Post) -> None:
    await take_out(post, mark=None)
    await wait(post, 4)
    await post.told()
    await post.operation("host-3", State.SUCCEEDED, id="OP2", action=Action.EXIT)
    await post.look()
    assert kinds(await post.told()) == [Kind.LEFT_OVER_GONE] * 2
    await wait(post, 48)
    assert await post.told() == []


async def test_a_second_operation_on_the_host_takes_the_reminders_over(post: Post) -> None:
    await take_out(post)
    await wait(post, 4)
    await post.told()
    await take_out(post, id="OP2", mark="OP2")
    await post.look()
    assert await post.told() == []
    await wait(post, 4)
    told = await post.told()
    assert {news.operation for news in told} == {"OP2"}


async def test_the_first_reminder_comes_at_the_first_look_after_it_is_due(post: Post) -> None:
    await take_out(post)
    await post.look()
    await post.clock.pass_time(timedelta(hours=4).total_seconds() - 2 * EVERY.total_seconds())
    await post.look()
    assert await post.told() == []
    await post.look()
    assert len(await post.told()) == 2


async def test_vms_left_locked_are_reminded_of_though_the_host_is_back_until_they_are_not(post: Post) -> None:
    await take_out(post)
    post.fleet.change("host-3", in_service=True, state="up", taken_out_by="", left="1 VM still locked by Muster (db-1)")
    await wait(post, 4)
    told = await post.told()
    assert kinds(told) == [Kind.LEFT_OVER] * 2
    assert (facts_of(told[0])["still"], facts_of(told[0])["out"]) == ("1 VM still locked by Muster (db-1)", False)
    post.fleet.change("host-3", left="")
    await post.look(2)
    assert kinds(await post.told()) == [Kind.LEFT_OVER_GONE] * 2
