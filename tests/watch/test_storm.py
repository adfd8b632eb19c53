"""A storm of alerts: every call is answered at once, nobody is flooded, and each host is told once, by name."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import event, text

from bot.domain.cloud import Host
from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.ports import Rank
from bot.watch.alerted_hosts import AlertedHosts
from bot.watch.alerts import AlertGroup, Alerts
from bot.web import webhooks
from tests.watch.alertmanager import alert, door, payload, send
from tests.watch.conftest import Fleet, Post

GROUPS, EACH = 100, 10


async def storm(url: str, *, groups: int = GROUPS, each: int = EACH, status: str = "firing") -> list[float]:
    """Real seconds until each call was answered."""

    async def call(number: int) -> float:
        began = time.monotonic()
        told = [alert(status, fingerprint=f"f{number}-{n}", instance=f"host-{n % 2 + 1}:9100") for n in range(each)]
        answered, _ = await send(url, payload(*told, group=f"group {number}"))
        assert answered == 200
        return time.monotonic() - began

    return await asyncio.gather(*(call(number) for number in range(groups)))


def group(number: int) -> AlertGroup:
    """What one call of a storm tells."""
    told = [alert(fingerprint=f"f{number}-{n}", instance=f"host-{n % 2 + 1}:9100") for n in range(EACH)]
    return webhooks.parse(json.dumps(payload(*told, group=f"group {number}")).encode(), labels=webhooks.Labels())


async def turns_before(post: Post, rank: Rank) -> int:
    """How many transactions of the storm are begun and stored while a command waits to be recorded, or a decision."""
    stored: list[bool] = []

    def note(_connection: object) -> None:
        stored.append(True)

    async with post.archive.unit(Rank.ACKNOWLEDGED) as unit:
        await unit.alarms.sought_in()
    engine = post.archive._opened().sync_engine
    event.listen(engine, "commit", note)
    async with post.archive.unit(rank) as unit:
        number = len(stored)
        await unit.commit()
    event.remove(engine, "commit", note)
    await asyncio.sleep(0)
    return number


async def slow(post: Post, seconds: float) -> list[str]:
    """Let the cloud take so long; answers what it was asked."""
    hosts, asked = post.fleet.hosts, []

    async def late(matching: str, *, limit: int) -> Sequence[Host]:
        asked.append(matching)
        await post.clock.pass_time(seconds)
        return await hosts(matching, limit=limit)

    post.fleet.hosts = late  # type: ignore[method-assign]
    return asked


async def test_a_thousand_alerts_are_stored_at_once_and_their_hosts_looked_up_later_once_for_all(post: Post) -> None:
    asked = await slow(post, 5.0)
    waits: list[int] = []
    async with door(post) as url:
        raging = asyncio.create_task(storm(url))
        while not raging.done():
            waits += [await turns_before(post, rank) for rank in (Rank.ACKNOWLEDGED, Rank.PEOPLE)]
        await raging
    assert asked == []
    assert len(waits) > 3
    assert max(waits) <= 1  # whoever is waited for waits for whoever has the turn, not for those who queue
    shown: dict[str, Alarm] = {}
    for _ in range(8):
        shown |= {alarm.id: alarm for alarm in await post.shown()}
    assert asked == [""] * len(asked)
    assert len(asked) <= 2
    alerts = [alarm for alarm in shown.values() if alarm.kind is AlarmKind.ALERT]
    (counting,) = [alarm for alarm in shown.values() if alarm.kind is AlarmKind.STORM]
    assert len(alerts) == 2 * GROUPS
    assert {alarm.host for alarm in alerts} == {"host-1", "host-2"}
    assert all(alarm.within == counting.id for alarm in alerts)
    assert counting.sentence == "1,000 alerts about 2 hosts"


@pytest.mark.parametrize("hosts", [1, 100])
async def test_what_one_call_costs_the_database_does_not_grow_with_its_alerts(post: Post, hosts: int) -> None:
    """A hundred calls come at once, and each is answered within a second: they are stored one after the other."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    async def cost(url: str, number: int, status: str = "firing") -> int:
        asked.clear()
        told = [alert(status, fingerprint=f"{number}-{n}", instance=f"host-{n % hosts}") for n in range(number)]
        assert await send(url, payload(*told, group=f"of {number}")) == (200, {"alerts": number, "new": number})
        return len(asked)

    engine = post.archive._opened().sync_engine
    event.listen(engine, "before_cursor_execute", note)
    async with door(post) as url:
        assert await cost(url, 1) == await cost(url, 100) < 6
        assert await cost(url, 1, "resolved") == await cost(url, 100, "resolved") < 9
    event.remove(engine, "before_cursor_execute", note)


async def test_what_many_call_at_once_is_stored_together(post: Post) -> None:
    stored: list[bool] = []

    def note(_connection: object) -> None:
        stored.append(True)

    engine = post.archive._opened().sync_engine
    event.listen(engine, "commit", note)
    taking = Alerts(archive=post.archive, clock=post.clock)
    answers = await asyncio.gather(*(taking.take(group(number)) for number in range(GROUPS)))
    event.remove(engine, "commit", note)
    assert answers == [EACH] * GROUPS
    assert len(stored) <= 12


async def test_what_one_call_tells_of_a_thousand_hosts_is_stored_some_at_a_time(post: Post) -> None:
    """Whoever has the next turn waits for no more than that."""
    stored: list[int] = []

    def note(_connection: object, _cursor: object, statement: str, rows: Sequence[object], *_: object) -> None:
        if "INSERT INTO inbox" in statement:
            stored.append(len(rows))

    engine = post.archive._opened().sync_engine
    event.listen(engine, "before_cursor_execute", note)
    async with door(post) as url:
        told = [alert(fingerprint=f"{n}", instance=f"host-{n}") for n in range(1_000)]
        told[-1] = alert("resolved", fingerprint="0", instance="host-0")
        assert await send(url, payload(*told)) == (200, {"alerts": 1_000, "new": 1_000})
        assert await send(url, payload(*told)) == (200, {"alerts": 1_000, "new": 0})
    event.remove(engine, "before_cursor_execute", note)
    assert len(stored) == 10
    async with post.archive.reading() as unit:
        assert len(await unit.alarms.of(AlarmKind.ALERT, cloud=None)) == 998


async def test_what_cannot_be_stored_of_one_call_fails_none_of_the_others(post: Post) -> None:
    taking = Alerts(archive=post.archive, clock=post.clock)
    groups = [group(number) for number in range(9)]
    bad = group(9)
    broken = replace(bad, alerts=(replace(bad.alerts[0], fingerprint=None),))  # type: ignore[arg-type]  # a bug
    calls = [taking.take(one) for one in (*groups[:5], broken, *groups[5:])]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [EACH] * 9
    assert isinstance(answers[5], TypeError)


async def test_calls_of_one_group_are_taken_one_after_the_other_and_one_who_left_is_taken_too(post: Post) -> None:
    taking = Alerts(archive=post.archive, clock=post.clock)
    begins = group(1)
    ends = replace(begins, alerts=tuple(replace(one, is_over=True) for one in begins.alerts))
    first, left, last = (asyncio.create_task(taking.take(one)) for one in (group(2), begins, ends))
    await asyncio.sleep(0)
    left.cancel()
    assert list(await asyncio.gather(first, last)) == [EACH, EACH]
    async with post.archive.reading() as unit:
        assert len(await unit.alarms.of(AlarmKind.ALERT, cloud=None)) == 2  # those of the group that did not end


async def test_what_was_told_is_read_no_more_while_its_storm_lasts(post: Post) -> None:
    async with door(post) as url:
        await storm(url, groups=12, each=1)
        await post.shown()
        async with post.archive.unit() as unit:
            await unit.transaction.run(text("UPDATE alarm SET body = '' WHERE within IS NOT NULL"))
            await unit.commit()
        await send(url, payload(alert(fingerprint="joins"), group="joins"))
    await post.alerted_hosts.tell()
    async with post.archive.reading() as unit:
        (counting,) = await unit.alarms.of(AlarmKind.STORM, cloud=None)
    assert counting.sentence == "13 alerts about 2 hosts"


async def test_an_alert_that_ends_and_begins_in_one_call_is_over_and_so_is_one_told_of_twice(post: Post) -> None:
    async with door(post) as url:
        await send(url, payload(alert("resolved", fingerprint="x"), alert(fingerprint="x"), group="ends first"))
        twice = [alert(fingerprint="y"), alert(fingerprint="y")]
        assert (await send(url, payload(*twice, group="twice")))[1] == {"alerts": 2, "new": 1}
    (shown,) = await post.shown()
    assert [one.is_over for one in shown.alerts] == [False]


async def test_thousands_about_a_cloud_that_is_silent_hold_up_none_about_another(post: Post) -> None:
    mute = Fleet(clock=post.clock, vms={}, answers=False)
    mute.name = "mute"
    finding = AlertedHosts(archive=post.archive, clock=post.clock, clouds={"toy": post.fleet, "mute": mute})
    async with door(post) as url:
        for number in range(3):
            told = [alert(fingerprint=f"{number}-{n}", instance=f"host-{n}", cloud="mute") for n in range(900)]
            await send(url, payload(*told, group=f"mute {number}"))
        await post.clock.pass_time(60)
        await send(url, payload(alert(fingerprint="toy", instance="host-4", cloud="toy"), group="toy"))
    await finding.find("mute")
    await finding.find("toy")
    async with post.archive.reading() as unit:
        alarms = await unit.alarms.of(AlarmKind.ALERT, cloud=None)
    assert len(alarms) == 2701
    assert [alarm.host for alarm in alarms if alarm.label is None] == ["host-4"]
    assert all("could not be asked" in alarm.sentence for alarm in alarms if alarm.label is not None)


async def test_a_cloud_that_takes_its_time_holds_up_no_host_of_another(post: Post) -> None:
    asked = asyncio.Event()

    async def never(matching: str, *, limit: int) -> Sequence[Host]:
        del matching, limit
        asked.set()
        await asyncio.Event().wait()
        return []

    mute = Fleet(clock=post.clock, vms={})
    mute.name, mute.hosts = "mute", never  # type: ignore[method-assign]
    clouds: dict[str, Fleet] = {"toy": post.fleet, "mute": mute}
    finding = AlertedHosts(archive=post.archive, clock=post.clock, clouds=clouds)
    async with door(post) as url:
        for cloud in clouds:
            await send(url, payload(alert(fingerprint=cloud, instance="host-4", cloud=cloud), group=cloud))
        await send(url, payload(alert(fingerprint="x", instance="host-4", cloud="nowhere"), group="nowhere"))
    waiting = [asyncio.create_task(finding.find(name)) for name in ("", "mute")]
    await asked.wait()
    await finding.find("toy")
    async with post.archive.reading() as unit:
        assert list(await unit.alarms.sought_in()) == ["mute"]
    for one in waiting:
        one.cancel()


async def test_ten_in_a_minute_are_told_each_by_itself(post: Post) -> None:
    async with door(post) as url:
        await storm(url, groups=10, each=1)
        assert {alarm.within for alarm in await post.shown()} == {""}
        await storm(url, groups=11, each=1)
        eleventh = {alarm.kind for alarm in await post.shown()}
    assert eleventh == {AlarmKind.ALERT, AlarmKind.STORM}


async def test_what_comes_long_after_a_storm_is_told_by_itself(post: Post) -> None:
    async with door(post) as url:
        await storm(url, groups=12, each=1)
        await post.shown()
        await post.clock.pass_time(600)
        await send(url, payload(alert(fingerprint="later"), group="later"))
    (later,) = await post.shown()
    assert (later.kind, later.within) == (AlarmKind.ALERT, "")


async def test_what_goes_on_for_long_is_told_anew_for_what_stands_below_a_message_notifies_nobody(post: Post) -> None:
    async with door(post) as url:
        await storm(url, groups=12, each=1)
        (first,) = [one for one in await post.shown() if one.kind is AlarmKind.STORM]
        for number in range(4):
            await post.clock.pass_time(70)
            await send(url, payload(alert(fingerprint=f"trickle {number}"), group=f"trickle {number}"))
            (shown,) = [one for one in await post.shown() if one.kind is AlarmKind.ALERT]
            assert shown.within == first.id
        await post.clock.pass_time(70)
        await send(url, payload(alert(fingerprint="too late"), group="too late"))
        (late,) = [one for one in await post.shown() if one.kind is AlarmKind.ALERT]
        assert late.within == ""
        told = [payload(alert(fingerprint=f"again {n}"), group=f"again {n}") for n in range(12)]
        for one in told:
            await send(url, one)
    second = [one for one in await post.shown() if one.kind is AlarmKind.STORM and one.id != first.id]
    assert [one.sentence for one in second] == ["12 alerts about 1 host"]


async def test_the_count_is_over_when_all_that_it_counts_are_resolved(post: Post) -> None:
    async with door(post) as url:
        await storm(url, groups=12, each=1)
        await post.shown()
        await storm(url, groups=12, each=1, status="resolved")
    assert not any(alarm.is_open for alarm in await post.shown())
