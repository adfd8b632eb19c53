"""Rounds over a fleet of hosts, an archive in memory and a clock that stands still until it is told to go on."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import Host, Request, Unreachable
from bot.domain.messages.alarm import Alarm
from bot.domain.messages.news import News
from bot.domain.operation import Operation, State
from bot.domain.values import Action, HostId, OperationId, UserId
from bot.runtime.clock import WakeUp
from bot.store.archive import SqlArchive
from bot.watch.alerted_hosts import AlertedHosts
from bot.watch.rounds import Rounds
from tests.clocks import ManualClock
from tests.store.migrated import open_migrated
from tests.store.outbox import waiting
from tests.toy_cloud import ToyCloud

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
EVERY = timedelta(seconds=15)


@dataclass
class Fleet(ToyCloud):
    """A cloud whose hosts can be felled and raised."""

    known: dict[str, Host] = field(default_factory=dict)
    answers: bool = True

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        if not self.answers:
            raise Unreachable("the cloud does not answer")
        return [host for host in self.known.values() if matching in host.name][:limit]

    def change(self, name: str, **changes: Any) -> None:
        self.known[name] = replace(self.known[name], **changes)

    def fell(self, *names: str) -> None:
        for name in names:
            since = self.clock.now() - timedelta(seconds=25)
            self.change(name, is_down=True, in_service=False, state="down", down_since=since)

    def raise_again(self, *names: str) -> None:
        for name in names:
            self.change(name, is_down=False, in_service=True, state="up", down_since=None)


@dataclass
class Post:
    """Somebody on watch."""

    archive: SqlArchive
    clock: ManualClock
    fleet: Fleet

    @property
    def rounds(self) -> Rounds:
        """As a replica makes them that has just been started."""
        return Rounds(
            archive=self.archive,
            clock=self.clock,
            clouds={"toy": self.fleet},
            every=EVERY,
            left_over_after=timedelta(hours=4),
        )

    async def look(self, times: int = 1) -> None:
        """Look so often, by a new replica each time, and let time pass in between."""
        for _ in range(times):
            await self.rounds.go()
            await self.clock.pass_time(EVERY.total_seconds())

    @property
    def alerted_hosts(self) -> AlertedHosts:
        """As a replica makes it that has just been started."""
        return AlertedHosts(archive=self.archive, clock=self.clock, clouds={"toy": self.fleet})

    async def shown(self) -> list[Alarm]:
        """Every alarm that was raised or changed since this was asked the last time."""
        await self.alerted_hosts.tell()
        await self.alerted_hosts.find()
        await self.alerted_hosts.find("toy")
        async with self.archive.unit() as unit:
            behind = await unit.notices.outdated(limit=100)
            for alarm, notice in behind:
                await unit.notices.keep(replace(notice, ts="1.0", shown=alarm.version))
            await unit.commit()
        return [alarm for alarm, _ in behind]

    async def told(self) -> list[News]:
        """News since this was asked the last time; the cards they need stand."""
        from bot.domain.ports import Card

        async with self.archive.unit() as unit:
            for operation, revision, _ in await unit.cards.outdated(limit=100):
                await unit.cards.keep(Card(operation=operation.id, channel="C0OPS", ts="1.0", revision=revision))
            await unit.commit()
        async with self.archive.unit() as unit:
            lines = await waiting(unit)
            await unit.outbox.told([line.id for line in lines], ts="2.0")
            await unit.commit()
        return [line.news for line in lines]

    async def operation(
        self,
        host: str,
        state: State,
        *,
        action: Action = Action.EVACUATE,
        id: str = "OP1",
        dry_run: bool = False,
        starts_in: timedelta | None = None,
    ) -> Operation:
        """An operation on a host, as it is stored in this state."""
        now = self.clock.now()
        run = OperationId(id)
        request = Request(action=action, cloud="toy", host=HostId(host), host_name=host, run=run)
        made = Operation(
            id=run,
            request=request,
            host=self.fleet.known[host],
            requested_by=UserId("U0ALICE"),
            channel="C0OPS",
            state=state,
            dry_run=dry_run,
            starts_at=now + starts_in if starts_in else None,
            created_at=now,
            changed_at=now,
            started_at=now if state in {State.RUNNING, State.SUCCEEDED, State.ENDED_INCOMPLETE} else None,
            ended_at=now if state in {State.SUCCEEDED, State.ENDED_INCOMPLETE} else None,
        )
        async with self.archive.unit() as unit:
            await unit.operations.add(made, Entry(event=AuditEvent.REQUESTED))
            await unit.commit()
        return made

    async def move(self, id: str, state: State) -> None:
        async with self.archive.unit() as unit:
            stored = await unit.operations.get(OperationId(id))
            await unit.operations.save(
                replace(stored, state=state, ended_at=self.clock.now()), Entry(event=AuditEvent.OTHER)
            )
            await unit.commit()


@pytest.fixture
async def post() -> AsyncIterator[Post]:
    clock = ManualClock(NOON)
    archive = SqlArchive("sqlite://", clock=clock, bell=WakeUp(clock))
    await open_migrated(archive)
    names = [f"host-{n}" for n in range(1, 6)]
    known = {n: Host(id=HostId(n), name=n, state="up", vms=21, taken_out_by="") for n in names}
    yield Post(archive=archive, clock=clock, fleet=Fleet(clock=clock, vms={}, known=known))
    await archive.close()
