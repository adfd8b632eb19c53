"""Die at every seam, before and after every commit and every outside call: same end, nothing done twice."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from bot.domain.cloud import Sighting
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.plans.plan import Receipt, Step
from bot.domain.ports import Archive, Rank, Unit
from bot.domain.values import StepKey
from bot.store.archive import SqlArchive
from tests.store.migrated import open_migrated
from tests.toy_cloud import ToyCloud
from tests.workshop import RULE, LeapingClock, NoBell, Workshop


class Died(BaseException):
    """The process is gone: nobody catches this."""


@dataclass
class Fate:
    """Dies at the n-th seam."""

    n: int
    seen: int = 0

    def seam(self) -> None:
        self.seen += 1
        if self.seen == self.n:
            raise Died


class MortalArchive:
    def __init__(self, archive: Archive, fate: Fate) -> None:
        self._archive, self._fate = archive, fate

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.PEOPLE) -> AsyncIterator[Unit]:
        async with self._archive.unit(rank) as unit:
            commit = unit.commit

            async def mortal_commit() -> None:
                self._fate.seam()
                await commit()
                self._fate.seam()

            unit.commit = mortal_commit  # type: ignore[method-assign]
            yield unit

    def reading(self) -> AbstractAsyncContextManager[Unit]:
        return self._archive.reading()


class MortalCloud(ToyCloud):
    fate: Fate

    async def look(self, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        self.fate.seam()
        return await super().look(steps)

    async def start(self, step: Step) -> Receipt:
        self.fate.seam()
        receipt = await super().start(step)
        self.fate.seam()
        return receipt


async def evacuation_that_dies_at(
    n: int, *, shows_after: float = 0.0, is_put_off: bool = False
) -> tuple[Fate, Workshop, str]:
    clock = LeapingClock()
    archive = SqlArchive("sqlite://", clock=clock, bell=NoBell())
    await open_migrated(archive)
    cloud = MortalCloud(
        clock=clock, vms={f"vm-{i}": "host-1" for i in range(4)}, concurrency=2, shows_after=shows_after
    )
    cloud.poll = 4.0  # every look is a seam, and a quarter of this lies between two while VMs move quickly
    cloud.fate = Fate(0)
    if is_put_off:
        cloud.puts_off = {key: [2.0] for key in ("disable", "move:vm-1", "move:vm-3")}
    # the lease of a dead worker runs out after hours here: the approval must outlive that
    shop = Workshop(archive=archive, clock=clock, cloud=cloud, rule=replace(RULE, expires=timedelta(days=9)))
    try:
        id = await shop.approved()
        fate = cloud.fate = Fate(n)
        try:
            await shop.work(MortalArchive(archive, fate))
        except (Died, BaseExceptionGroup):
            cloud.fate = Fate(0)
            for _ in range(3):
                if not await shop.work():
                    await clock.sleep(10 * 3600)  # it died with the lease in hand: that runs out
        operation = await shop.operation(id)
        assert operation.state is State.SUCCEEDED, operation.outcome
        assert sorted(cloud.starts) == ["disable", "move:vm-0", "move:vm-1", "move:vm-2", "move:vm-3"]
        kinds = await shop.kinds()
        assert kinds.count(Kind.VM_DONE) == 4
        assert kinds.count(Kind.STARTED) == 2
        assert kinds.count(Kind.FINISHED) == 2
        return fate, shop, id
    finally:
        await archive.close()


@pytest.mark.parametrize(
    ("shows_after", "is_put_off"),
    [(0.0, False), (20.0, False), (20.0, True)],
    ids=["shown at once", "shown late", "put off at first"],
)
@pytest.mark.parametrize("nth", [pytest.param(1, marks=pytest.mark.long), 4], ids=["every seam", "every fourth seam"])
async def test_death_at_any_seam_ends_the_same_with_nothing_done_twice(
    shows_after: float, is_put_off: bool, nth: int
) -> None:
    """A cloud may show a move only a while after it has accepted it: an intent is why that is waited for."""
    n = 1 if shows_after or nth == 1 else 3  # the fourths of the one lie half-way between those of the other
    while True:
        fate, _, _ = await evacuation_that_dies_at(n, shows_after=shows_after, is_put_off=is_put_off)
        if fate.seen < n:
            break
        n += nth
    assert n > 40, f"only {n} seams were found: the sweep has lost its grip"
