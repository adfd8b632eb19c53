"""Several replicas look, and hear of alerts, at the same moment over one PostgreSQL: each thing is told once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from bot.domain.cloud import Host
from bot.domain.messages.alarm import Alarm, AlarmKind
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.values import HostId, OperationId
from bot.runtime.clock import WakeUp
from bot.store.archive import SqlArchive
from bot.store.parts.alarms import SqlAlarms
from bot.watch.alerts import AlertGroup, Alerts, ToldAlert
from tests.clocks import ManualClock
from tests.store.databases import Postgresql
from tests.watch.conftest import NOON, Fleet, Post

REPLICAS = 4


@pytest.fixture
async def posts(server: Postgresql) -> AsyncIterator[list[Post]]:  # pytest hands it in
    clock = ManualClock(NOON)
    known = {n: Host(id=HostId(n), name=n, vms=3, taken_out_by="") for n in (f"host-{i}" for i in range(1, 8))}
    fleet = Fleet(clock=clock, vms={}, known=known)
    async with server.database() as url, AsyncExitStack() as stack:
        archives = [SqlArchive(url, clock=clock, bell=WakeUp(clock)) for _ in range(REPLICAS)]
        for archive in archives:
            await archive.open()
            stack.push_async_callback(archive.close)
        yield [Post(archive=archive, clock=clock, fleet=fleet) for archive in archives]


async def look(posts: list[Post]) -> None:
    """All at once."""
    await asyncio.gather(*(post.rounds.go() for post in posts))


async def alarms(post: Post, kind: AlarmKind) -> list[Alarm]:
    async with post.archive.unit() as unit:
        return list(await unit.alarms.of(kind, cloud=None))


async def test_hosts_that_die_are_told_of_once_each(posts: list[Post]) -> None:
    posts[0].fleet.fell("host-2", "host-3")
    for _ in range(4):
        await look(posts)
        await posts[0].clock.pass_time(15)
    assert sorted(a.host_name for a in await posts[0].shown()) == ["host-2", "host-3"]
    posts[0].fleet.raise_again("host-2", "host-3")
    for _ in range(2):
        await look(posts)
    assert [a.is_open for a in await posts[0].shown()] == [False, False]
    assert await alarms(posts[0], AlarmKind.HOST_DOWN) == []


async def test_a_left_over_is_reminded_of_once(posts: list[Post]) -> None:
    await posts[0].operation("host-3", State.SUCCEEDED)
    posts[0].fleet.change("host-3", in_service=False, state="disabled", taken_out_by="OP1")
    await look(posts)
    await posts[0].clock.pass_time(5 * 3600)
    for _ in range(3):
        await look(posts)
    assert [news.kind for news in await posts[0].told()] == [Kind.LEFT_OVER] * 2


async def test_a_replica_that_is_overtaken_between_two_reads_does_not_undo_what_the_other_one_did(
    posts: list[Post], monkeypatch: pytest.MonkeyPatch
) -> None:
    await posts[0].operation("host-3", State.SUCCEEDED)
    posts[0].fleet.change("host-3", in_service=False, state="disabled", taken_out_by="OP1")
    read = SqlAlarms.unwatched
    ahead = iter(posts[1:2])

    async def read_and_be_overtaken(alarms: SqlAlarms, cloud: str, *, limit: int) -> Sequence[OperationId]:
        found = await read(alarms, cloud, limit=limit)
        for other in ahead:
            await other.rounds.go()
        return found

    monkeypatch.setattr(SqlAlarms, "unwatched", read_and_be_overtaken)
    await posts[0].rounds.go()
    (alarm,) = await alarms(posts[0], AlarmKind.LEFT_OVER)
    assert alarm.host == "host-3"


async def test_an_alert_that_every_replica_hears_of_is_one_alarm(posts: list[Post]) -> None:
    told = ToldAlert(fingerprint="f1", starts_at=NOON, is_over=False, summary="down", host="host-3")
    group = AlertGroup(key="g", alerts=(told, replace(told, fingerprint="f2")))
    takes = [Alerts(archive=p.archive, clock=p.clock).take(group) for p in posts]
    assert sum(await asyncio.gather(*takes)) == 2
    (alarm,) = await alarms(posts[0], AlarmKind.ALERT)
    assert len(alarm.alerts) == 2
