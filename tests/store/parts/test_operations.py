"""Large plans are written and read beside everything else, once each."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.audit import AuditEvent, Entry
from bot.runtime.clock import WakeUp
from bot.store import SqlArchive
from tests.clocks import ManualClock
from tests.store.examples import operation, plan


class Watched(Mapping[str, str]):
    """Facts that know on which threads they were written down."""

    def __init__(self) -> None:
        self.threads: list[int] = []

    def __getitem__(self, key: str) -> str:
        return {"microversion": "2.94"}[key]

    def __iter__(self) -> Iterator[str]:
        self.threads.append(threading.get_ident())
        return iter(("microversion",))

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(("steps", "is_beside"), [(3, False), (500, True)])
async def test_a_large_plan_is_written_once_and_holds_nobody_up(
    tmp_path: Path, clock: ManualClock, steps: int, is_beside: bool
) -> None:
    facts = Watched()
    archive = SqlArchive(f"sqlite:///{tmp_path}/muster.db", clock=clock, bell=WakeUp(clock))
    await archive.open()
    made = operation(1, plan=plan(steps, facts=facts))
    async with archive.unit() as unit:
        await unit.operations.add(made, Entry(event=AuditEvent.REQUESTED))
        await unit.commit()
    assert len(set(facts.threads)) == 1
    assert (threading.get_ident() not in facts.threads) is is_beside
    written = len(facts.threads)
    async with archive.unit() as unit:
        await unit.operations.save(replace(made, version=made.version), Entry(event=AuditEvent.OTHER))
        await unit.commit()
    assert len(facts.threads) == written
    await archive.close()

    again = SqlArchive(f"sqlite:///{tmp_path}/muster.db", clock=clock, bell=WakeUp(clock))
    await again.open()
    async with again.reading() as unit:
        stored = (await unit.operations.get(made.id)).plan
    assert stored is not None
    assert (len(stored.steps), dict(stored.facts)) == (steps, {"microversion": "2.94"})
    await again.close()
