"""Alarms: one open at most for each thing, saved by compare-and-set, shown by one message."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages.alarm import Alarm, AlarmKind, Alert, Notice
from bot.domain.operation import State
from bot.domain.ports import Stale
from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from tests.clocks import ManualClock
from tests.store.databases import ALL, Postgresql, database_url
from tests.store.examples import operation

START = ManualClock().now()


@pytest.fixture(params=ALL)
async def any_archive(request: pytest.FixtureRequest, tmp_path: Path, server: Postgresql) -> AsyncIterator[SqlArchive]:
    clock = ManualClock()
    async with database_url(request.param, folder=tmp_path, server=server) as url:
        archive = SqlArchive(url, clock=clock, bell=WakeUp(clock))
        await archive.open()
        yield archive
        await archive.close()


def alarm(id: str = "a1", **changes: Any) -> Alarm:
    alert = Alert(key="k", summary="<!channel> it burns", since=START)
    plain = Alarm(
        id=id, kind=AlarmKind.HOST_DOWN, cloud="prod", subject="h-1", since=START, first_seen_at=START, alerts=(alert,)
    )
    return replace(plain, **changes)


async def opened(archive: SqlArchive, new: Alarm) -> bool:
    async with archive.unit() as unit:
        first = await unit.alarms.open(new)
        await unit.commit()
    return first


async def saved(archive: SqlArchive, changed: Alarm) -> Alarm:
    async with archive.unit() as unit:
        stored = await unit.alarms.save(changed)
        await unit.commit()
    return stored


async def test_an_alarm_comes_back_as_it_was_stored(any_archive: SqlArchive) -> None:
    assert await opened(any_archive, alarm())
    async with any_archive.unit() as unit:
        assert list(await unit.alarms.of(AlarmKind.HOST_DOWN, cloud="prod")) == [alarm()]
        assert await unit.alarms.find("a1") == alarm()
        assert list(await unit.alarms.of(AlarmKind.ALERT, cloud="prod")) == []


async def test_a_second_alarm_about_the_same_thing_is_not_opened_while_the_first_is_open(
    any_archive: SqlArchive,
) -> None:
    assert await opened(any_archive, alarm())
    assert not await opened(any_archive, alarm("a2"))
    assert await opened(any_archive, alarm("a3", subject="h-2"))
    await saved(any_archive, alarm().cleared(START))
    assert await opened(any_archive, alarm("a2"))


async def test_who_comes_second_with_a_change_is_told_so(any_archive: SqlArchive) -> None:
    await opened(any_archive, alarm())
    await saved(any_archive, alarm(raised_at=START))
    with pytest.raises(Stale):
        await saved(any_archive, alarm().cleared(START))
    async with any_archive.unit() as unit:
        with pytest.raises(Stale):
            await unit.alarms.drop(alarm())


async def test_only_what_is_raised_and_has_changed_waits_to_be_shown(any_archive: SqlArchive) -> None:
    await opened(any_archive, alarm())
    await opened(any_archive, alarm("left", kind=AlarmKind.LEFT_OVER, raised_at=START))
    async with any_archive.unit() as unit:
        assert list(await unit.notices.outdated(limit=10)) == []
    raised = await saved(any_archive, alarm(raised_at=START))
    async with any_archive.unit() as unit:
        assert list(await unit.notices.outdated(limit=10)) == [(raised, Notice(alarm="a1"))]
        await unit.notices.keep(Notice(alarm="a1", channel="C0", ts="1.5", shown=raised.version))
        await unit.commit()
    async with any_archive.unit() as unit:
        assert list(await unit.notices.outdated(limit=10)) == []
    cleared = await saved(any_archive, raised.cleared(START))
    async with any_archive.unit() as unit:
        ((shown, notice),) = await unit.notices.outdated(limit=10)
    assert (shown, notice.ts) == (cleared, "1.5")


async def test_an_operation_that_acted_is_unwatched_until_an_alarm_bears_its_id(any_archive: SqlArchive) -> None:
    async with any_archive.unit() as unit:
        for number, state in enumerate((State.SUCCEEDED, State.DENIED, State.RUNNING, State.ENDED_INCOMPLETE)):
            await unit.operations.add(replace(operation(number), state=state), Entry(event=AuditEvent.REQUESTED))
        await unit.commit()
    done = operation(0)
    async with any_archive.unit() as unit:
        assert list(await unit.alarms.unwatched(done.request.cloud, limit=5)) == [done.id, operation(3).id]
        assert await unit.alarms.open(alarm(done.id, kind=AlarmKind.LEFT_OVER))
        await unit.commit()
    async with any_archive.unit() as unit:
        assert list(await unit.alarms.unwatched(done.request.cloud, limit=5)) == [operation(3).id]


async def test_an_operation_that_another_release_took_up_is_taken_up_once(any_archive: SqlArchive) -> None:
    done = replace(operation(0), state=State.SUCCEEDED)
    async with any_archive.unit() as unit:
        await unit.operations.add(done, Entry(event=AuditEvent.REQUESTED))
        await unit.alarms.open(alarm(done.id, kind=AlarmKind.LEFT_OVER))
        await unit.transaction.run(text("UPDATE operation SET unwatched = true"))  # that release knows no such mark
        await unit.commit()
    async with any_archive.unit() as unit:
        assert list(await unit.alarms.unwatched(done.request.cloud, limit=5)) == [done.id]
        assert not await unit.alarms.open(alarm(done.id, kind=AlarmKind.LEFT_OVER))
        await unit.commit()
    async with any_archive.unit() as unit:
        assert list(await unit.alarms.unwatched(done.request.cloud, limit=5)) == []
