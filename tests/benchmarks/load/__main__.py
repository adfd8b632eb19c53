"""Whether people are served while VMs move: `make bench-load`.

Ten operations of many VMs run in one bot, while people ask and pause. A control client that only acknowledges is asked
at the same moments: its times are the machine's. Then one operation alone, of 50, 200 and 1,000 VMs, for what a VM costs.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager

from tests.benchmarks.load.process import cpu_seconds, peak_megabytes
from tests.benchmarks.load.scene import CAROL, Scene, opened
from tests.store.databases import Postgresql, postgresql_server

ACK_BAR, SHOWN_BAR, CPU_BAR, MEMORY_BAR = 0.2, 3.0, 25.0, 200.0
_OVER = ("done and verified", "Needs attention", "Ended")


async def main(words: list[str]) -> int:
    """Measure; 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=["sqlite", "postgresql"], action="append", help="both when left out")
    parser.add_argument("--operations", type=int, default=10, help="default: %(default)s")
    parser.add_argument("--vms", type=int, default=200, help="of each of them (default: %(default)s; 0: leave it out)")
    parser.add_argument("--alone", type=int, nargs="*", default=[50, 200, 1_000], help="VMs of one operation")
    asked = parser.parse_args(words)
    missed = 0
    for kind in asked.store or ["sqlite", "postgresql"]:
        async with _store(kind) as store:
            if asked.vms:
                missed += await _crowded(kind, store, asked.operations, asked.vms)
        for vms in asked.alone:
            async with _store(kind) as store:
                missed += await _alone(kind, store, vms)
    return 1 if missed else 0


@asynccontextmanager
async def _store(kind: str) -> AsyncIterator[str]:
    if kind == "sqlite":
        yield ""
        return
    with ExitStack() as stack:
        server = Postgresql(stack.enter_context(postgresql_server()))
        async with server.database(migrated=False) as url:
            yield url


async def _crowded(kind: str, store: str, operations: int, vms: int) -> int:
    """People among many operations."""
    hosts = [f"dead-{number + 1}" for number in range(operations)]
    async with opened(hosts=operations, vms=vms, store=store) as scene:
        pid = scene.bot.pid
        await scene.requested(hosts)
        began, before = time.monotonic(), cpu_seconds(pid)
        async with asyncio.TaskGroup() as people:
            tasks = [people.create_task(do) for do in (scene.approve(), _asking(scene), _pausing(scene, hosts))]
            for host in hosts:
                await scene.shows(host, *_OVER)
            took, cost = time.monotonic() - began, (cpu_seconds(pid) - before) * 1_000 / (operations * vms)
            for task in tasks:
                task.cancel()
        peak = peak_megabytes(pid)
        others = [card.plain for host in hosts if (card := scene.card_of(host)) and _OVER[0] not in card.plain]
        if others:
            print(f"  not all were moved: {others[0][:300]}")
        lines = len(scene.log.read_text().splitlines())
    over = _at(scene.acks, 99) - _at(scene.control_acks, 99)
    print(f"{kind}, {operations} operations of {vms} VMs: {took:.0f} s, {operations * vms / took:.1f} VMs a second")
    _print("acknowledgement of a command", scene.acks)
    _print("  the control's", scene.control_acks)
    _print("acknowledgement of a click", scene.clicks)
    _print("answer to /muster list", scene.answers)
    _print("Paused is shown", scene.pauses)
    print(f"  CPU a VM moved {cost:.0f} ms; memory at most {peak:.0f} MB; lines logged {lines}")
    is_met = (
        over < ACK_BAR
        and _at(scene.answers, 99) < SHOWN_BAR
        and _at(scene.pauses, 99) < SHOWN_BAR
        and cost <= CPU_BAR
        and peak < MEMORY_BAR
    )
    print(
        f"  bars {ACK_BAR}, {SHOWN_BAR}, {SHOWN_BAR}, {CPU_BAR}, {MEMORY_BAR}: {'met' if is_met else 'missed'}",
        flush=True,
    )
    return not is_met


async def _asking(scene: Scene) -> None:
    while True:
        await scene.ask(CAROL)
        await asyncio.sleep(0.3)


async def _pausing(scene: Scene, hosts: Sequence[str]) -> None:
    while True:
        for host in hosts:
            await scene.pause(host)
            await asyncio.sleep(4.0)


async def _alone(kind: str, store: str, vms: int) -> int:
    """What a VM costs in one operation."""
    async with opened(hosts=1, vms=vms, store=store) as scene:
        pid = scene.bot.pid
        await scene.requested(["dead-1"])
        began, before = time.monotonic(), cpu_seconds(pid)
        approving = asyncio.create_task(scene.approve())
        await scene.shows("dead-1", *_OVER)
        approving.cancel()
        took, cost = time.monotonic() - began, (cpu_seconds(pid) - before) * 1_000 / vms
        peak = peak_megabytes(pid)
    is_met = cost <= CPU_BAR and peak < MEMORY_BAR
    print(
        f"{kind}, one operation of {vms} VMs: {took:.0f} s, CPU a VM moved {cost:.0f} ms, memory at most {peak:.0f} MB: "
        f"{'met' if is_met else 'missed'}",
        flush=True,
    )
    return not is_met


def _at(times: Sequence[float], percent: int) -> float:
    ranked = sorted(times)
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)] if ranked else 0.0


def _print(name: str, times: Sequence[float]) -> None:
    p50, p99, most = (_at(times, percent) * 1_000 for percent in (50, 99, 100))
    print(f"  {name:32} p50 {p50:7.0f}   p99 {p99:7.0f}   at most {most:7.0f} ms   ({len(times)})")


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
