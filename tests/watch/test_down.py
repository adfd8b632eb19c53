"""A host that is down in two looks in a row is told of once, and cleared when it returns."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.messages.alarm import AlarmKind
from bot.domain.operation import State
from bot.domain.values import Action, OperationId
from bot.slack.views import alarm as view
from bot.store.parts import audit
from tests.watch.conftest import EVERY, Post


async def test_a_host_is_told_of_at_the_second_look_that_shows_it_down(post: Post) -> None:
    post.fleet.fell("host-3")
    await post.look()
    assert await post.shown() == []
    await post.look()
    (alarm,) = await post.shown()
    assert (alarm.kind, alarm.cloud, alarm.host_name, alarm.vms) == (AlarmKind.HOST_DOWN, "toy", "host-3", 21)
    assert alarm.raised_at is not None
    assert alarm.raised_at - alarm.since == timedelta(seconds=25) + EVERY
    assert alarm.may_evacuate
    assert alarm.evidence == (
        "toy reports it as down.",
        "Muster has seen that twice, 15 s apart.",
        "4 of 4 other hosts of toy are up.",
    )


@pytest.mark.parametrize("by", [-86_400, -3_600])
async def test_a_clock_that_is_set_back_between_two_looks_costs_one_look(post: Post, by: float) -> None:
    post.fleet.fell("host-3")
    await post.look()
    post.clock.set_by(by)
    await post.look()
    assert await post.shown() == []
    await post.look()
    (alarm,) = await post.shown()
    assert alarm.raised_at == post.clock.now() - EVERY
    assert alarm.evidence[1] == "Muster has seen that twice, 15 s apart."


async def test_most_hosts_down_are_told_of_though_the_clock_is_set_back(post: Post) -> None:
    post.fleet.fell("host-1", "host-2", "host-3", "host-4")
    await post.look()
    post.clock.set_by(-3_600)
    await post.look(2)
    assert [alarm.kind for alarm in await post.shown()] == [AlarmKind.MOST_DOWN]


async def test_one_failure_is_told_of_once_however_long_it_lasts_and_cleared_when_it_is_over(post: Post) -> None:
    post.fleet.fell("host-3")
    await post.look(20)
    assert len(await post.shown()) == 1
    post.fleet.raise_again("host-3")
    await post.look(3)
    (alarm,) = await post.shown()
    assert not alarm.is_open
    await post.look(3)
    assert await post.shown() == []


async def test_the_next_failure_of_the_same_host_is_told_of_again(post: Post) -> None:
    post.fleet.fell("host-3")
    await post.look(2)
    (first,) = await post.shown()
    post.fleet.raise_again("host-3")
    await post.look()
    await post.shown()
    post.fleet.fell("host-3")
    await post.look(2)
    (second,) = await post.shown()
    assert second.id != first.id


async def test_a_host_that_is_down_in_every_second_look_only_is_not_told_of(post: Post) -> None:
    for _ in range(5):
        post.fleet.fell("host-3")
        await post.look()
        post.fleet.raise_again("host-3")
        await post.look()
    assert await post.shown() == []


async def test_the_looks_of_two_replicas_at_about_the_same_time_are_one_look(post: Post) -> None:
    post.fleet.fell("host-3")
    await post.rounds.go()
    await post.clock.pass_time(2)
    await post.rounds.go()
    assert await post.shown() == []


async def test_replicas_that_look_at_the_same_moment_tell_once(post: Post) -> None:
    post.fleet.fell("host-3")
    await post.look()
    await asyncio.gather(*(post.rounds.go() for _ in range(5)))
    assert len(await post.shown()) == 1
    async with post.archive.unit() as unit:
        assert len(await unit.alarms.of(AlarmKind.HOST_DOWN, cloud="toy")) == 1


async def test_a_cloud_that_does_not_answer_neither_raises_nor_clears_anything(post: Post) -> None:
    post.fleet.fell("host-3")
    await post.look(2)
    await post.shown()
    post.fleet.answers = False
    await post.look(5)
    post.fleet.answers = True
    post.fleet.known = {}
    await post.look(2)
    assert await post.shown() == []


async def test_a_live_operation_on_the_host_explains_it(post: Post) -> None:
    await post.operation("host-3", State.AWAITING_APPROVAL)
    post.fleet.fell("host-3")
    await post.look(5)
    assert await post.shown() == []


async def test_a_dry_run_explains_nothing(post: Post) -> None:
    await post.operation("host-3", State.READY, dry_run=True)
    post.fleet.fell("host-3")
    await post.look(2)
    assert len(await post.shown()) == 1


async def test_a_host_that_bears_the_mark_of_a_run_of_ours_is_not_told_of(post: Post) -> None:
    post.fleet.fell("host-3")
    post.fleet.change("host-3", taken_out_by="OP9")
    await post.look(5)
    assert await post.shown() == []


async def test_an_operation_that_begins_after_the_alarm_is_named_on_it_and_its_button_comes_back_when_it_ends(
    post: Post,
) -> None:
    post.fleet.fell("host-3")
    await post.look(2)
    await post.shown()
    await post.operation("host-3", State.AWAITING_APPROVAL)
    await post.look()
    (alarm,) = await post.shown()
    assert alarm.operation == OperationId("OP1")
    await post.move("OP1", State.EXPIRED)
    await post.look()
    (alarm,) = await post.shown()
    assert (alarm.operation, alarm.is_open) == (None, True)


async def test_when_most_hosts_look_down_one_message_suspects_the_observer(post: Post) -> None:
    post.fleet.fell("host-1", "host-2", "host-3")
    await post.look(4)
    (alarm,) = await post.shown()
    assert alarm.kind is AlarmKind.MOST_DOWN
    assert alarm.evidence == ("3 of 5 hosts look down: host-1, host-2, host-3.",)
    assert not alarm.may_evacuate
    post.fleet.raise_again("host-1", "host-2")
    await post.look(2)
    cleared, real = sorted(await post.shown(), key=lambda a: a.is_open)
    assert (cleared.kind, cleared.is_open) == (AlarmKind.MOST_DOWN, False)
    assert (real.kind, real.host_name) == (AlarmKind.HOST_DOWN, "host-3")


@pytest.mark.parametrize(
    ("retired", "said"),
    [
        (
            ("host-5",),
            ("3 of 4 hosts look down: host-1, host-2, host-3.", "1 host that is down and empty is not counted."),
        ),
        (
            ("host-4", "host-5"),
            ("3 of 3 hosts look down: host-1, host-2, host-3.", "2 hosts that are down and empty are not counted."),
        ),
    ],
)
async def test_what_does_not_count_is_in_neither_number_and_is_told(
    post: Post, retired: tuple[str, ...], said: tuple[str, ...]
) -> None:
    post.fleet.fell("host-1", "host-2", "host-3", *retired)
    for name in retired:
        post.fleet.change(name, vms=0)
    await post.look(4)
    (alarm,) = [alarm for alarm in await post.shown() if alarm.kind is AlarmKind.MOST_DOWN]
    assert alarm.evidence == said


async def test_hosts_that_were_retired_long_ago_do_not_hide_one_that_dies(post: Post) -> None:
    post.fleet.fell("host-1", "host-2", "host-3", "host-4")
    for retired in ("host-1", "host-2", "host-3"):
        post.fleet.change(retired, vms=0)
    await post.look(2)
    raised = await post.shown()
    assert {alarm.kind for alarm in raised} == {AlarmKind.HOST_DOWN}
    assert "host-4" in {alarm.host_name for alarm in raised}


async def test_most_hosts_down_in_one_look_only_is_not_told_of(post: Post) -> None:
    post.fleet.fell("host-1", "host-2", "host-3")
    await post.look()
    post.fleet.raise_again("host-1", "host-2", "host-3")
    await post.look(3)
    assert await post.shown() == []


async def test_a_host_that_the_cloud_does_not_list_any_more_is_cleared_with_that_sentence(post: Post) -> None:
    post.fleet.fell("host-3")
    await post.look(2)
    await post.shown()
    del post.fleet.known["host-3"]
    await post.look()
    (alarm,) = await post.shown()
    assert not alarm.is_open
    assert alarm.sentence == "The cloud does not list it any more."


@pytest.mark.parametrize("changes", [{"clouds": {}}, {"tells_of_down_hosts": False}], ids=["no cloud", "no watch"])
async def test_what_nobody_looks_at_any_more_by_the_settings_is_cleared_with_that_sentence(
    post: Post, changes: dict[str, Any]
) -> None:
    post.fleet.fell("host-3")
    await post.look(2)
    assert len(await post.shown()) == 1
    post.fleet.fell("host-1", "host-2")
    await post.look(2)
    assert [alarm.kind for alarm in await post.shown()] == [AlarmKind.MOST_DOWN]
    for _ in range(2):
        await replace(post.rounds, **changes).go()
    ends = await post.shown()
    assert {alarm.kind: alarm.is_open for alarm in ends} == {AlarmKind.HOST_DOWN: False, AlarmKind.MOST_DOWN: False}
    assert {alarm.sentence for alarm in ends} == {"Muster does not look at the hosts of this cloud any more."}
    assert all("does not look at the hosts" in view.render(alarm).text for alarm in ends)


async def test_a_host_of_which_the_cloud_cannot_tell_is_neither_told_of_nor_cleared(post: Post) -> None:
    post.fleet.fell("host-3")
    await post.look(2)
    await post.shown()
    post.fleet.change("host-3", is_down=False, is_silent=True, state="unknown")
    post.fleet.change("host-4", in_service=False, is_silent=True, state="unknown")
    await post.look(4)
    assert await post.shown() == []
    post.fleet.raise_again("host-3")
    post.fleet.change("host-3", is_silent=False)
    await post.look()
    (alarm,) = await post.shown()
    assert not alarm.is_open


async def test_alarms_and_their_ends_are_in_the_audit(post: Post) -> None:
    post.fleet.fell("host-3")
    await post.look(2)
    post.fleet.raise_again("host-3")
    await post.look()
    async with post.archive.unit() as unit:
        events = [line["event"] async for line in audit.export(unit.audit)]
    assert events == ["host seen down", "alarm over"]


async def test_a_host_that_dies_before_its_planned_work_begins_is_told_of(post: Post) -> None:
    await post.operation("host-3", State.QUEUED, action=Action.ENTER, starts_in=timedelta(hours=8))
    await post.operation("host-4", State.QUEUED, action=Action.ENTER, starts_in=timedelta(seconds=1), id="OP2")
    post.fleet.fell("host-3")
    post.fleet.fell("host-4")
    await post.look(3)
    assert [alarm.host_name for alarm in await post.shown()] == ["host-3"]
