"""A storm of alerts: every call is answered at once, nobody is flooded, and each host is told once, by name."""

import asyncio
import time
from collections.abc import Sequence

from sqlalchemy import event

from bot.domain.cloud import Host
from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.ports import Rank
from bot.watch.alerted_hosts import AlertedHosts
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


async def turns_before(post: Post, rank: Rank) -> int:
    """How many of the storm's calls are stored while a command waits to be recorded, or somebody's decision."""

    async def alarms() -> int:
        async with post.archive.unit(Rank.ACKNOWLEDGED) as unit:
            return len(await unit.alarms.of(AlarmKind.ALERT, cloud=None))

    before = await alarms()
    async with post.archive.unit(rank) as unit:
        now = len(await unit.alarms.of(AlarmKind.ALERT, cloud=None))
        await unit.commit()
    await asyncio.sleep(0)
    return (now - before + 1) // 2  # each call tells of two hosts


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
    assert len(waits) > 10
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


async def test_what_one_call_costs_the_database_does_not_grow_with_its_alerts(post: Post) -> None:
    """A hundred calls come at once, and each is answered within a second: they are stored one after the other."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    async def cost(url: str, number: int) -> int:
        asked.clear()
        told = [alert(fingerprint=f"{number}-{n}", instance="host-1") for n in range(number)]
        assert await send(url, payload(*told, group=f"of {number}")) == (200, {"alerts": number, "new": number})
        return len(asked)

    engine = post.archive._opened().sync_engine
    event.listen(engine, "before_cursor_execute", note)
    async with door(post) as url:
        one, hundred = await cost(url, 1), await cost(url, 100)
    event.remove(engine, "before_cursor_execute", note)
    assert one == hundred < 6


async def test_an_alert_that_ends_and_begins_in_one_call_is_over_and_so_is_one_told_of_twice(post: Post) -> None:
    async with door(post) as url:
        await send(url, payload(alert("resolved", fingerprint="x"), alert(fingerprint="x"), group="ends first"))
        twice = [alert(fingerprint="y"), alert(fingerprint="y")]
        assert (await send(url, payload(*twice, group="twice")))[1] == {"alerts": 2, "new": 1}
    (shown,) = await post.shown()
    assert [one.is_over for one in shown.alerts] == [False]


async def test_hundreds_about_a_cloud_that_is_silent_hold_up_none_about_another(post: Post) -> None:
    mute = Fleet(clock=post.clock, vms={}, answers=False)
    mute.name = "mute"
    finding = AlertedHosts(archive=post.archive, clock=post.clock, clouds={"toy": post.fleet, "mute": mute})
    async with door(post) as url:
        for number in range(3):
            told = [alert(fingerprint=f"{number}-{n}", instance=f"host-{n}", cloud="mute") for n in range(90)]
            await send(url, payload(*told, group=f"mute {number}"))
            await finding.tell()
        await finding.tell()
        await post.clock.pass_time(60)
        await send(url, payload(alert(fingerprint="toy", instance="host-4", cloud="toy"), group="toy"))
    await finding.tell()
    await finding.find()
    async with post.archive.reading() as unit:
        alarms = await unit.alarms.of(AlarmKind.ALERT, cloud=None)
    assert len(alarms) == 271
    assert [alarm.host for alarm in alarms if alarm.label is None] == ["host-4"]


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
