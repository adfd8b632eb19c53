"""What an operation asks of the database: as many transactions and readings for hundreds of VMs as for a few."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from bot.domain.operation import State
from bot.domain.ports import Archive, Entry, Rank, Unit
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import OperationId
from tests.workshop import Workshop


@dataclass
class CountingArchive:
    """Hands everything on, and notes what is asked of it."""

    archive: Archive
    saved: list[list[StepState]] = field(default_factory=list)  #: the states that steps came into, by transaction
    ranks: list[Rank] = field(default_factory=list)
    steps_read: int = 0

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.PEOPLE) -> AsyncIterator[Unit]:
        self.ranks.append(rank)
        async with self.archive.unit(rank) as unit:
            save = unit.steps.save

            async def counted(operation: OperationId, records: Sequence[tuple[StepRecord, Entry | None]]) -> None:
                self.saved.append([record.state for record, entry in records if entry is not None])
                await save(operation, records)

            unit.steps.save = counted  # type: ignore[method-assign]
            unit.steps.of = self._counting(unit.steps.of)  # type: ignore[method-assign, assignment]
            yield unit

    @asynccontextmanager
    async def _read(self) -> AsyncIterator[Unit]:
        async with self.archive.reading() as unit:
            unit.steps.of = self._counting(unit.steps.of)  # type: ignore[method-assign, assignment]
            yield unit

    def reading(self) -> AbstractAsyncContextManager[Unit]:
        return self._read()

    def _counting(self, read: object) -> object:
        async def steps(operation: OperationId, *, alone: bool = False) -> Sequence[StepRecord]:
            self.steps_read += 1
            found: Sequence[StepRecord] = await read(operation, alone=alone)  # type: ignore[operator]
            return found

        return steps


async def evacuated(shop: Workshop, vms: int) -> CountingArchive:
    """What the evacuation of so many VMs asked of the database."""
    shop.cloud.vms = {f"vm-{number}": "host-1" for number in range(vms)}
    shop.cloud.concurrency = vms
    id = await shop.approved()
    counting = CountingArchive(shop.archive)
    await shop.work(counting)
    assert (await shop.operation(id)).state is State.SUCCEEDED
    return counting


@pytest.mark.parametrize("vms", [4, 40])
async def test_steps_are_read_again_only_when_somebody_changed_the_operation(shop: Workshop, vms: int) -> None:
    asked = await evacuated(shop, vms)
    assert asked.steps_read == 3  # when it is taken up, has begun and has ended


async def test_the_answers_of_a_round_are_one_commit(shop: Workshop) -> None:
    asked = await evacuated(shop, 40)
    with_intents = [states for states in asked.saved if StepState.INTENT in states]
    with_answers = [states for states in asked.saved if StepState.ACCEPTED in states]
    assert max(states.count(StepState.ACCEPTED) for states in with_answers) >= 6
    assert len(with_answers) <= len(with_intents)


async def test_what_moves_vms_lets_people_go_first(shop: Workshop) -> None:
    asked = await evacuated(shop, 4)
    assert set(asked.ranks) - {Rank.BULK} <= {Rank.PEOPLE}
    assert asked.ranks.count(Rank.PEOPLE) == 2  # to claim the operation, and to give it back
