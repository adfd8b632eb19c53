"""How long VMs stay down on a cloud whose rebuilds mostly wait: firing one call after the other, and the whole bot.

`make bench-wait`. Both find the same simulated OpenStack: 60 VMs on a dead host, an accepting call of 0.35 s, 25 ms for any
other, a claim at a time per target, and 15 s or 30 s until a VM has its ports, volumes and boot. The simulator has no shared cores, where
firing everything at once looks best; so the most that were unclaimed at once is told beside the times.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from adapters.openstack.wire.session import Session
from adapters.simulated import datacentre
from adapters.simulated.datacentre import DEAD
from adapters.simulated.faults import CallFault, Effect
from adapters.simulated.records import Platform
from adapters.simulated.world import World
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

SERVERS = 60
ACCEPTING, OTHER = "/action$", "^(?!.*/action$)"
SECONDS = {ACCEPTING: 0.35, OTHER: 0.025}
"""Of a call, by its path."""
MAKESPAN_BAR, DOWNTIME_BAR, UNCLAIMED_BAR = 0.75, 0.85, 24


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One client's run, in seconds from when it was told to begin."""

    makespan: float
    downtime: float  #: mean over the servers, until Nova's record says done
    first: float  #: until the first record of an evacuation was made
    most_unclaimed: int  #: records that were `accepted` at one moment


async def main(words: list[str]) -> int:
    """Race both for each wait; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wait", type=float, action="append", help="seconds of a rebuild; 15 and 30 when left out")
    missed = 0
    for wait in parser.parse_args(words).wait or [15.0, 30.0]:
        loop, muster = await _of(_loop, wait), await _of(_muster, wait)
        ratios = muster.makespan / loop.makespan, muster.downtime / loop.downtime
        print(
            f"a rebuild waits {wait:g} s, {SERVERS} VMs        makespan   mean downtime   most unclaimed at once   first"
        )
        for name, run in (("one call after the other", loop), ("Muster", muster)):
            print(
                f"  {name:32} {run.makespan:9.1f} s {run.downtime:13.1f} s {run.most_unclaimed:12d} {run.first:18.2f} s"
            )
        print(f"  {'ratio':32} {ratios[0]:9.2f}   {ratios[1]:13.2f}")
        is_met = ratios[0] <= MAKESPAN_BAR and ratios[1] <= DOWNTIME_BAR and muster.most_unclaimed <= UNCLAIMED_BAR
        print(f"  bars {MAKESPAN_BAR}, {DOWNTIME_BAR}, {UNCLAIMED_BAR}: {'met' if is_met else 'missed'}\n", flush=True)
        missed += not is_met
    return 1 if missed else 0


Client = Callable[[Stage], Awaitable[datetime]]
"""Empties the dead host; answers when it was told to begin."""


async def _of(client: Client, wait: float) -> Measured:
    with TemporaryDirectory() as folder:
        async with staged(Path(folder)) as stage:
            world = stage.world
            dead = world.host(DEAD)
            world.groups.clear()  # members of one go one after the other, which the loop does not care about
            _alike(world)
            datacentre.crowd(world, dead, number=SERVERS, seconds=wait)
            for path, seconds in SECONDS.items():
                world.faults.order(
                    CallFault(effect=Effect.SLOW, face="openstack", path=path, seconds=seconds, times=None)
                )
            most = Most()
            watching = asyncio.create_task(most.watch(stage))
            began = await client(stage)
            ended = datetime.now(UTC)
            watching.cancel()
            done = [m.updated_at or m.created_at for m in world.moves if m.status == "done"]
            if len(done) < SERVERS:
                raise AssertionError(f"{len(done)} of {SERVERS} were evacuated")
            return Measured(
                makespan=(ended - began).total_seconds(),
                downtime=mean((at - began).total_seconds() for at in done),
                first=min((m.created_at - began).total_seconds() for m in world.moves),
                most_unclaimed=most.unclaimed,
            )


def _alike(world: World) -> None:
    """Put all hosts into one zone and aggregate: Muster names the target of a VM only among hosts of a kind.

    Nova's scheduler, which chooses for the loop, puts VMs without a zone of their own onto hosts of any.
    """
    first, *others = world.aggregates.values()
    for host in world.hosts_of(Platform.OPENSTACK):
        host.zone = first.zone or host.zone
    first.hosts = world.hosts_of(Platform.OPENSTACK)
    for other in others:
        other.hosts = []


class Most:
    """The most records that were `accepted` at one moment."""

    def __init__(self) -> None:
        self.unclaimed = 0

    async def watch(self, stage: Stage) -> None:
        """Count until cancelled. The simulated cloud comes on when somebody looks, and the loop never does."""
        while True:
            stage.world.settle()
            self.unclaimed = max(self.unclaimed, sum(1 for m in stage.world.moves if m.status == "accepted"))
            await asyncio.sleep(0.02)


async def _loop(stage: Stage) -> datetime:
    """`nova host-evacuate` in its barest form: the next call once the last was answered, none waited for."""
    dead = stage.world.host(DEAD)
    session = Session.of("prod", clouds_yaml=stage.folder / "clouds.yaml", timeout=30)
    began = datetime.now(UTC)
    try:
        for vm in stage.world.vms_on(dead):
            path = f"/servers/{vm.id}/action"
            body: dict[str, dict[str, str]] = {"evacuate": {}}
            await session.act("compute", "POST", path, body, microversion="2.94", doing=f"evacuate {vm.name}")
        await stage.until(lambda: not stage.world.vms_on(dead), seconds=600, what="all have left the host")
    finally:
        await session.aclose()
    return began


async def _muster(stage: Stage) -> datetime:
    """The production bot, from the click on *Approve* to the card that says that all are verified."""
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{DEAD}")
    card = await stage.card_says("Waiting for approval")
    began = datetime.now(UTC)
    await stage.workspace.click(BOB, card, label="Approve")
    await stage.card_says(f"{SERVERS} of {SERVERS} done and verified", seconds=600)
    return began


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
