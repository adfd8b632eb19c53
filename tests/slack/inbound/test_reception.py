"""A delivery is recorded before it is served: what is doubled, left over, or comes while the database or Slack is away."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.desk import deliveries
from bot.domain.operation import State
from bot.domain.ports import Delivery
from bot.domain.values import Action
from bot.runtime.clock import SystemClock
from bot.slack import app as slack_app
from tests.slack.house import House
from tests.toy_cloud import ToyCloud

NOT_NOTED = "Muster's database takes nothing just now, so nothing was noted"


async def test_a_command_delivered_three_times_begins_one_operation(house: House) -> None:
    house.served.faults.duplicate(1, copies=3)
    await house.types("U0ALICE", "/evacuate toy/host-1")
    await house.begun()
    await house.types("U0BOB", "/muster list")
    assert await house.note_to("U0BOB", number=1) != ""
    assert len(await house.operations()) == 1
    assert house.workspace.ephemerals("U0ALICE") == []


async def test_commands_doubled_and_out_of_their_order_begin_each_operation_once(house: House) -> None:
    house.served.faults.duplicate(3, copies=5)
    house.served.faults.held = 1
    hosts = ("host-1", "host-2", "host-10")
    await asyncio.gather(*(house.types("U0ALICE", f"/evacuate toy/{host}") for host in hosts))
    await house.workspace.until(lambda: len(house.cards()) == 3)
    assert sorted(o.host.name for o in await house.operations()) == sorted(hosts)
    assert house.served.faults.used["held"] == 1
    assert house.workspace.ephemerals("U0ALICE") == []


async def test_a_click_delivered_five_times_counts_once(house: House) -> None:
    card = await house.planned()
    house.served.faults.duplicate(1, copies=5)
    await house.workspace.click("U0BOB", card, label="Approve")
    await house.workspace.until(lambda: "Approved by <@U0BOB>" in house.cards()[0].plain)
    await house.types("U0BOB", "/muster list")
    await house.note_to("U0BOB")
    (one,) = await house.operations()
    assert len(one.votes) == 1
    assert len(house.workspace.ephemerals("U0BOB")) == 1


async def test_a_command_that_a_dead_process_had_taken_is_served_by_the_next_one(house: House) -> None:
    house.cloud.answers.clear()
    await house.types("U0ALICE", "/evacuate toy/host-1")
    assert len(await deliveries.unsettled(house.desk)) == 1
    alive = replace(house.desk, clouds={"toy": ToyCloud(clock=house.desk.clock, vms={})})
    next_process = slack_app.receive_at(alive, house.people)
    assert await next_process.serve_left_over() == 1
    assert len(await house.operations()) == 1
    house.cloud.answers.set()  # the dead one comes to itself: too late, and it knows
    await house.types("U0ALICE", "/muster list")
    await house.note_to("U0ALICE")
    assert len(await house.operations()) == 1
    assert len(house.workspace.ephemerals("U0ALICE")) == 1
    assert await deliveries.unsettled(house.desk) == []


async def test_what_was_left_over_waits_while_slack_cannot_say_who_asked(house: House) -> None:
    told = {"command": "/evacuate", "text": "toy/host-1", "user": "U0ALICE", "channel": "C0OPS"}
    left = Delivery(key="left", kind="request", payload=told, received_at=house.desk.clock.now())
    await deliveries.receive(house.desk, left)
    house.served.faults.fail(method="users.info", times=2)
    next_process = slack_app.receive_at(house.desk, house.people)
    assert [await next_process.serve_left_over() for _ in range(2)] == [0, 0]
    assert await deliveries.unsettled(house.desk) == [left]
    assert await next_process.serve_left_over() == 1
    assert (await house.begun()).requested_by == "U0ALICE"
    assert house.workspace.ephemerals("U0ALICE") == []


async def test_whoever_sent_what_is_too_old_to_be_served_is_told_that_nothing_was_done(house: House) -> None:
    told = {"command": "/evacuate", "text": "toy/host-1", "user": "U0ALICE", "channel": "C0OPS"}
    now = house.desk.clock.now()
    for age in (timedelta(minutes=31), timedelta(days=2)):
        old = Delivery(key=f"of {age}", kind="request", payload=told, received_at=now - age)
        await deliveries.receive(house.desk, old)
    next_process = slack_app.receive_at(house.desk, house.people)
    assert [await next_process.serve_left_over() for _ in range(2)] == [1, 0]
    said = await house.note_to("U0ALICE", number=1)
    assert "nothing was done about it. Do it again if it is still wanted." in said
    assert await house.operations() == []
    assert len(house.workspace.ephemerals("U0ALICE")) == 1


async def test_what_a_living_process_is_at_is_not_left_over(house: House) -> None:
    next_process = slack_app.receive_at(house.desk, house.people)
    house.cloud.answers.clear()
    await house.types("U0ALICE", "/evacuate toy/host-1")
    assert await next_process.serve_left_over() == 0
    house.cloud.answers.set()
    await house.begun()


async def test_the_first_delivery_is_served_though_slack_cannot_say_who_the_app_is(house: House) -> None:
    house.served.faults.fail(method="auth.test")
    said = await house.types("U0ALICE", "/muster help")
    assert "/maintenance" in said
    assert "reinstall" not in said


async def test_what_is_kept_of_a_delivery_opens_nothing(house: House) -> None:
    house.cloud.answers.clear()
    result = await house.workspace.type_command("U0ALICE", "C0OPS", "/evacuate toy/host-1")
    (kept,) = await deliveries.unsettled(house.desk)
    typed = {"command": "/evacuate", "text": "toy/host-1", "user": "U0ALICE", "channel": "C0OPS"}
    assert kept.payload == {**typed, "answer_at": result.response_url}  # as long as an answer may be owed
    assert result.trigger_id not in str(kept)
    house.cloud.answers.set()
    await house.begun()
    async with house.archive.unit() as unit:
        settled = await unit.inbox.find(kept.key)
    assert settled is not None
    assert settled.payload == typed


async def test_an_error_that_nobody_foresaw_has_a_reference_and_changes_nothing(house: House) -> None:
    house.desk.rules.pop(("toy", Action.EVACUATE))  # type: ignore[attr-defined]  # a hole that settings never leave
    await house.types("U0ALICE", "/evacuate toy/host-1")
    said = await house.note_to("U0ALICE")
    assert "Something went wrong on Muster's side, nothing was changed. Reference" in said
    assert await house.operations() == []
    assert await deliveries.unsettled(house.desk) == []


async def test_with_the_database_gone_a_command_is_answered_and_so_is_a_click(house: House) -> None:
    card = await house.planned()
    house.doors_archive.is_broken = True
    said = await house.types("U0ALICE", "/evacuate toy/host-2")
    assert NOT_NOTED in said
    assert (await house.workspace.click("U0BOB", card, label="Approve")).error == ""
    assert NOT_NOTED in await house.note_to("U0BOB")
    assert await house.state() is State.AWAITING_APPROVAL


async def test_a_click_that_can_be_told_nothing_shows_slacks_own_sign(house: House) -> None:
    card = await house.planned()
    house.doors_archive.is_broken = True
    await house.workspace.outage(100)
    assert (await house.workspace.click("U0BOB", card, label="Approve")).error != ""


async def test_a_database_that_fails_after_slack_was_answered_is_told_so_and_nothing_is_acted_on(house: House) -> None:
    house.doors_archive.fails_at = house.doors_archive.begun + 2  # the first one notes the command
    await house.types("U0ALICE", "/evacuate toy/host-1")
    assert NOT_NOTED in await house.note_to("U0ALICE")
    assert await house.operations() == []
    assert await deliveries.unsettled(house.desk) == []


async def test_a_database_that_goes_away_after_slack_was_answered_leaves_the_command_to_be_served_later(
    house: House,
) -> None:
    told = {"command": "/evacuate", "text": "toy/host-1", "user": "U0ALICE", "channel": "C0OPS"}
    noted = Delivery(key="noted", kind="request", payload=told, received_at=house.desk.clock.now())
    await deliveries.receive(house.desk, noted)
    door = slack_app.receive_at(house.desk, house.people)
    house.doors_archive.is_broken = True
    await door.serve(noted)
    house.doors_archive.is_broken = False
    assert await slack_app.receive_at(house.desk, house.people).serve_left_over() == 1
    await house.begun()


async def test_while_the_database_takes_nothing_the_answer_says_so_and_stays_true(house: House, tmp_path: Path) -> None:
    card = await house.planned()
    await house.workspace.click("U0CAROL", card, label="Reject")
    await house.workspace.until(lambda: house.workspace.form("U0CAROL"))
    file = tmp_path / "muster.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as another:
        await asyncio.to_thread(another.execute, "BEGIN IMMEDIATE")
        assert NOT_NOTED in await house.types("U0ALICE", "/evacuate toy/host-2")
        await house.workspace.submit("U0CAROL")
        window = house.workspace.form("U0CAROL")
        assert window is not None
        assert NOT_NOTED in str(window.errors)
        another.execute("ROLLBACK")
    await house.types("U0DAVE", "/muster list")
    await house.note_to("U0DAVE")
    assert await deliveries.unsettled(house.desk) == []
    assert len(await house.operations()) == 1
    assert await house.state() is State.AWAITING_APPROVAL
    await house.workspace.submit("U0CAROL")
    await house.workspace.until(lambda: "Rejected by <@U0CAROL>" in house.cards()[0].plain)


async def test_a_key_names_a_delivery_and_tells_nothing() -> None:
    from bot.slack.inbound import intake

    clock = SystemClock()
    body = {"trigger_id": "1.2.secret", "command": "/muster", "text": "list", "user_id": "U", "channel_id": "C"}
    first, again = (intake.command(body, kind="question", clock=clock) for _ in range(2))
    other: Delivery = intake.command({**body, "trigger_id": "1.3.secret"}, kind="question", clock=clock)
    assert first.key == again.key != other.key
    assert "secret" not in str(first)
