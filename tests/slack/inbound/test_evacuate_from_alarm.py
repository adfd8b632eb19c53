"""*Evacuate…* under an alarm: one operation for each person's click, wherever the process dies, and no more."""

from dataclasses import replace

from bot.demo.workspace.messages import PostedMessage
from bot.desk import deliveries
from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.values import Action, HostId
from bot.slack import app as slack_app
from tests.slack.house import House
from tests.toy_cloud import ToyCloud


async def alarm(house: House, *, host: str = "host-1", cloud: str = "toy") -> PostedMessage:
    """An alarm's message, as it stands in the incident channel."""
    now = house.desk.clock.now()
    new = Alarm(
        id=f"about {host}",
        kind=AlarmKind.HOST_DOWN,
        cloud=cloud,
        subject=host,
        host=HostId(host),
        host_name=host,
        since=now,
        first_seen_at=now,
        raised_at=now,
        may_evacuate=True,
    )
    async with house.archive.unit() as unit:
        assert await unit.alarms.open(new)
        await unit.commit()

    def shown() -> list[PostedMessage]:
        return [m for m in house.workspace.channel_messages("C0INCIDENT") if host in m.plain]

    await house.workspace.until(shown)
    return shown()[0]


async def test_a_click_asks_for_the_evacuation_of_that_host_as_the_one_who_clicked(house: House) -> None:
    message = await alarm(house)
    await house.workspace.click("U0ALICE", message, label="Evacuate…")
    await house.workspace.until(lambda: len(house.workspace.channel_messages("C0INCIDENT")) == 2)
    (begun,) = await house.operations()
    assert (begun.request.action, begun.request.cloud, begun.request.host) == (Action.EVACUATE, "toy", "host-1")
    assert (begun.requested_by, begun.channel, begun.dry_run) == ("U0ALICE", "C0INCIDENT", False)
    assert house.cards() == []


async def test_a_click_that_is_delivered_three_times_begins_one_operation(house: House) -> None:
    message = await alarm(house)
    house.served.faults.duplicate(1, copies=3)
    await house.workspace.click("U0ALICE", message, label="Evacuate…")
    await house.workspace.until(lambda: len(house.workspace.channel_messages("C0INCIDENT")) == 2)
    assert len(await house.operations()) == 1


async def test_a_second_person_who_clicks_hears_which_operation_holds_the_host(house: House) -> None:
    message = await alarm(house)
    await house.workspace.click("U0ALICE", message, label="Evacuate…")
    await house.workspace.until(lambda: len(house.workspace.channel_messages("C0INCIDENT")) == 2)
    await house.workspace.click("U0BOB", message, label="Evacuate…")
    assert "already holds" in await house.note_to("U0BOB")
    assert len(await house.operations()) == 1


async def test_who_may_not_ask_hears_who_may(house: House) -> None:
    message = await alarm(house)
    await house.workspace.click("U0DAVE", message, label="Evacuate…")
    assert "not among those who may ask" in await house.note_to("U0DAVE")
    assert await house.operations() == []


async def test_a_host_that_is_gone_meanwhile_is_refused_with_a_sentence(house: House) -> None:
    message = await alarm(house, host="host-7")
    await house.workspace.click("U0ALICE", message, label="Evacuate…")
    assert "no host" in await house.note_to("U0ALICE")
    assert await house.operations() == []


async def test_a_click_recorded_before_the_process_died_is_served_after_the_restart(house: House) -> None:
    message = await alarm(house)
    house.cloud.answers.clear()
    await house.workspace.click("U0ALICE", message, label="Evacuate…")
    (kept,) = await deliveries.unsettled(house.desk)
    assert (kept.payload["cloud"], kept.payload["host"]) == ("toy", "host-1")
    alive = replace(house.desk, clouds={"toy": ToyCloud(clock=house.desk.clock, vms={})})
    assert await slack_app.receive_at(alive, house.people).serve_left_over() == 1
    house.cloud.answers.set()  # the dead one comes to itself: too late, and it knows
    await house.workspace.until(lambda: len(house.workspace.channel_messages("C0INCIDENT")) == 2)
    assert len(await house.operations()) == 1
    assert await deliveries.unsettled(house.desk) == []
