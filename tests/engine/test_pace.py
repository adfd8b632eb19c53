"""At what pace VMs move: a place is taken again as soon as a VM is verified, and operations share what a cloud takes."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from math import inf

from bot.desk.control import Steer
from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import Sighting, Unreachable
from bot.domain.messages.executed import TargetsStale
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.plans.plan import Step
from bot.domain.progress.pace import STALE, Limit
from bot.domain.progress.steps import AWAY, StepRecord, StepState
from bot.domain.values import OperationId, StepKey
from bot.engine.pacing import Pacing
from tests.toy_cloud import DEAD, MOVE_SECONDS
from tests.workshop import Workshop

GIVEN_UP = 120.0
"""Seconds of the clock, which either of two operations takes along while the other one waits for the database."""


async def test_a_place_that_becomes_free_is_taken_in_the_same_round(shop: Workshop) -> None:
    id = await shop.approved()
    await shop.work()
    moves = sorted(shop.cloud.moves, key=lambda m: m.at)
    for early, late in zip(moves, moves[3:], strict=False):
        assert late.at - early.at < timedelta(seconds=MOVE_SECONDS + 2 * shop.cloud.poll), "a look, or the one after it"
    waves = 2
    assert await shop.took(id) <= waves * (MOVE_SECONDS + shop.cloud.poll)


async def test_the_first_vm_moves_without_a_pause_after_the_host_is_out(shop: Workshop) -> None:
    id = await shop.approved()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.started_at == min(m.at for m in shop.cloud.moves), "no time passed, however many looks it took"


async def test_while_nothing_moves_the_card_is_drawn_anew_each_minute(shop: Workshop) -> None:
    shop.cloud.hangs, shop.cloud.poll = {"vm-1"}, 40.0
    await shop.approved()
    revisions: dict[int, int] = {}
    original = shop.cloud.look

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        async with shop.archive.unit() as unit:
            ((_, revision, _),) = await unit.cards.outdated(limit=1)
        revisions[int(shop.clock.monotonic() // 60)] = revision
        return await original(steps)

    shop.cloud.look = look  # type: ignore[method-assign]
    await shop.work()
    by_minute = [revisions[minute] for minute in range(5, 25)]
    assert [b - a for a, b in pairwise(by_minute)] == [1] * 19, "and no more often"


async def test_a_plan_s_estimate_comes_from_the_last_moves_of_its_cloud(shop: Workshop) -> None:
    await shop.approved()
    await shop.work()
    shop.cloud.vms |= {"vm-8": "host-1", "vm-9": "host-1"}
    id = await shop.ask()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.plan is not None
    assert operation.plan.estimate is not None
    assert timedelta(seconds=MOVE_SECONDS - 1) < operation.plan.estimate <= timedelta(seconds=4 * MOVE_SECONDS)


async def test_moves_in_another_cloud_tell_nothing_of_this_one(shop: Workshop) -> None:
    ended = await shop.approved()
    await shop.work()
    operation = await shop.operation(ended)
    async with shop.archive.unit() as unit:
        elsewhere = replace(operation, request=replace(operation.request, cloud="other"))
        await unit.operations.save(elsewhere, Entry(event=AuditEvent.OTHER))
        await unit.commit()
    shop.cloud.vms |= {"vm-8": "host-1", "vm-9": "host-1"}
    id = await shop.ask()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.plan is not None
    assert operation.plan.estimate is None


async def test_the_rate_of_the_settings_is_kept_and_the_next_vm_says_what_holds_it_back(shop: Workshop) -> None:
    shop.cloud.rate, shop.cloud.poll = 0.25, 1.0
    id = await shop.approved()
    held_back: set[Limit | None] = set()
    original = shop.cloud.look

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        held_back.update(r.held_back for r in await shop.steps(id) if r.state is StepState.PLANNED)
        return await original(steps)

    shop.cloud.look = look  # type: ignore[method-assign]
    await shop.work()
    began = sorted(move.at for move in shop.cloud.moves)
    assert min(b - a for a, b in pairwise(began)) >= timedelta(seconds=4)
    assert held_back == {None, Limit.RATE}
    assert {r.held_back for r in await shop.steps(id)} == {None}


async def test_nothing_is_begun_towards_a_place_that_is_away_and_all_goes_on_once_it_is_back(shop: Workshop) -> None:
    shop.cloud.away_until = shop.clock.monotonic() + 90
    id = await shop.approved()
    held_back: set[Limit | None] = set()
    original = shop.cloud.look

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        held_back.update(r.held_back for r in await shop.steps(id) if r.key.startswith("move"))
        return await original(steps)

    shop.cloud.look = look  # type: ignore[method-assign]
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert min(m.at for m in shop.cloud.moves) >= shop.cloud.time.now() - timedelta(seconds=shop.clock.monotonic() - 90)
    assert {r.starts for r in await shop.steps(id) if r.key.startswith("move")} == {1}, "none was begun in vain"
    assert held_back >= {Limit.PLACE, None}


async def test_two_operations_of_a_cloud_share_its_limit_and_keep_server_groups_apart(shop: Workshop) -> None:
    shop.cloud.vms |= {f"vm-1{n}": "host-10" for n in range(6)}
    shop.cloud.groups = {"vm-0": "db", "vm-10": "db", "vm-15": "db"}  # or the cloud is wrecked
    both = [await shop.ask(host) for host in ("host-1", "host-10")]
    await shop.work()
    await shop.work()
    for id in both:
        await shop.vote(id)
    await asyncio.gather(shop.work(), shop.work())
    assert [(await shop.operation(id)).state for id in both] == [State.SUCCEEDED] * 2
    assert shop.cloud.most_at_once == shop.cloud.concurrency == 3


async def test_no_operation_waits_until_another_has_begun_all_it_has(shop: Workshop) -> None:
    shop.cloud.vms = {f"vm-{host}-{n}": host for host in DEAD for n in range(20)}
    shop.cloud.concurrency = 4
    both = [await shop.ask(host) for host in DEAD]
    await shop.work()
    await shop.work()
    for id in both:
        await shop.vote(id)
    await asyncio.gather(shop.work(), shop.work())
    assert [(await shop.operation(id)).state for id in both] == [State.SUCCEEDED] * 2
    began = [move.vm.rpartition("-")[0] for move in shop.cloud.moves]
    fifth = [[n for n, vm in enumerate(began) if vm == f"vm-{host}"][4] for host in DEAD]
    assert max(fifth) < 20, began


@dataclass
class FullAtFirst(Pacing):
    """Another operation has found that the cloud takes no more, so often; keeps who finds no room then."""

    times: int = 30
    came: list[OperationId] = field(default_factory=list)

    def is_full(self, *, now: float) -> bool:
        self.times -= 1
        return self.times >= 0 or super().is_full(now=now)

    def may_take(self, whose: OperationId, waiting: Sequence[StepRecord], *, now: float) -> bool:
        may = super().may_take(whose, waiting, now=now)
        self.came += [] if may else [whose]
        return may


async def test_an_operation_that_need_not_ask_whether_there_is_room_waits_for_its_share_all_the_same(
    shop: Workshop,
) -> None:
    shop.pacing = pacing = FullAtFirst()
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert set(pacing.came) == {id}
    assert len(pacing.came) > 20


class Crowded(Pacing):
    """Three others have something to begin too."""

    def crowd(self, *, now: float) -> int:
        return 3 + super().crowd(now=now)


async def test_operations_that_wait_for_room_in_one_cloud_look_at_it_no_more_often_than_one_would(
    shop: Workshop,
) -> None:
    looks, original = Counter[str](), shop.cloud.look
    shop.cloud.concurrency = 2

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        looks[type(shop.pacing).__name__] += 1
        return await original(steps)

    shop.cloud.look = look  # type: ignore[method-assign]
    for shop.pacing, host in ((Pacing(), "host-1"), (Crowded(), "host-10")):
        shop.cloud.vms = {f"{host}-{n}": host for n in range(12)}
        shop.cloud.poll = 1.0
        id = await shop.ask(host)
        await shop.work()
        await shop.vote(id)
        await shop.work()
        assert (await shop.operation(id)).state is State.SUCCEEDED
    assert looks["Crowded"] < looks["Pacing"] * 0.6, looks


async def test_a_target_that_takes_up_nothing_gets_two_vms_and_people_are_told(shop: Workshop) -> None:
    vms = set(shop.cloud.vms)
    shop.cloud.wish, shop.cloud.hangs, shop.cloud.waits, shop.cloud.poll = "host-3", set(vms), set(vms), 40.0
    id = await shop.approved()
    await shop.work()
    patience = next(r for r in await shop.steps(id) if r.key == "move:vm-0").step.patience
    first, second, third, *_ = sorted(move.at for move in shop.cloud.moves)
    assert second - first < timedelta(seconds=STALE)
    assert third - first >= patience, "once it is not waited for any more"
    told = [n for n in await shop.news() if n.kind is Kind.TARGET_STALE]
    assert told[0].what == TargetsStale(targets=("host-3",), seconds=15)
    assert len(told) == len(vms) // 2, "once for each two"


async def test_a_target_that_takes_up_nothing_is_told_in_time_where_its_vms_wait_whatever_else_runs(
    shop: Workshop,
) -> None:
    """Beside it an operation that has begun all of its moves looks on, again and again."""
    sick = {f"vm-1{n}" for n in range(4)}
    shop.cloud.vms |= dict.fromkeys(sick, "host-10")
    shop.cloud.wishes = dict.fromkeys(sick, "host-3")
    shop.cloud.wish, shop.cloud.concurrency, shop.cloud.move_seconds = "host-2", 20, 2 * GIVEN_UP
    shop.cloud.hangs, shop.cloud.waits = set(sick), set(sick)
    healthy_one, sick_one = await shop.ask("host-1"), await shop.ask("host-10")
    await shop.work()
    await shop.work()
    sent: list[str] = []
    told: list[tuple[OperationId | None, float]] = []
    original, reading = shop.cloud.look, asyncio.Lock()

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        passed = shop.clock.monotonic() - began
        async with reading:
            if passed >= STALE and shop.cloud.waits:
                known = len(shop.told)
                told.extend((n.operation, passed) for n in (await shop.news())[known:] if n.kind is Kind.TARGET_STALE)
            if passed >= (told[0][1] + STALE if told else GIVEN_UP) and shop.cloud.waits:
                sent.extend(m.vm for m in shop.cloud.moves if m.vm in sick)
                shop.cloud.waits, shop.cloud.hangs = set(), set()
                for move in shop.cloud.moves:
                    move.hangs = False
        return await original(steps)

    shop.cloud.look = look  # type: ignore[method-assign]
    for id in (healthy_one, sick_one):
        await shop.vote(id)
    began = shop.clock.monotonic()
    await asyncio.gather(shop.work(), shop.work())
    assert [(await shop.operation(id)).state for id in (healthy_one, sick_one)] == [State.SUCCEEDED] * 2
    assert len(sent) == 2
    ((whose, after),) = told
    assert whose == sick_one
    assert after < GIVEN_UP
    assert (await shop.kinds()).count(Kind.TARGET_STALE) == 1, "nor afterwards"


async def test_a_place_that_stays_away_is_told_to_people(shop: Workshop) -> None:
    shop.cloud.away_until = inf
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.NEEDS_ATTENTION
    assert shop.cloud.moves == []
    moves = [r for r in await shop.steps(id) if r.key.startswith("move")]
    began = (await shop.operation(id)).started_at
    assert began is not None
    assert {r.state for r in moves} == {StepState.FAILED}
    assert all(r.ended_at and AWAY <= r.ended_at - began <= AWAY + timedelta(seconds=10) for r in moves)
    assert Kind.STEP_FAILED in await shop.kinds()


async def test_the_end_is_told_without_a_pause_after_the_last_vm_is_verified(shop: Workshop) -> None:
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert max(r.ended_at for r in await shop.steps(id) if r.ended_at) == shop.clock.now()


async def test_a_cloud_that_falls_silent_before_the_second_look_leaves_the_step_as_if_never_begun(
    shop: Workshop,
) -> None:
    original, looks = shop.cloud.look, 0

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        nonlocal looks
        looks += 1
        if looks == 2:
            raise Unreachable("the cloud does not answer")
        return await original(steps)

    shop.cloud.look = look  # type: ignore[method-assign]
    id = await shop.approved()
    await shop.work()
    assert await shop.took(id) < 60, "nobody waits out the quiet period of a call that was never made"
    assert [r.starts for r in await shop.steps(id) if r.key == "disable"] == [1]


async def test_a_vm_that_its_wished_for_host_refuses_is_started_once_more_without_the_wish(shop: Workshop) -> None:
    shop.cloud.wish = "host-3"
    shop.cloud.turns_away = {"vm-2"}
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert shop.cloud.starts.count("move:vm-2") == 2
    assert {k: shop.cloud.starts.count(k) for k in shop.cloud.starts if k != "move:vm-2"} == dict.fromkeys(
        ["disable", "move:vm-0", "move:vm-1", "move:vm-3", "move:vm-4", "move:vm-5"], 1
    )
    assert {vm: host for vm, host in shop.cloud.vms.items() if vm == "vm-2"} == {"vm-2": "host-2"}
    assert shop.cloud.vms["vm-1"] == "host-3"


async def test_what_waits_is_looked_at_once_all_together_and_once_more_right_before_its_start(shop: Workshop) -> None:
    original, looks = shop.cloud.look, []

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        looks.append([s.key for s in steps if s.verb == "move" and s.before is None])
        return await original(steps)

    shop.cloud.look = look  # type: ignore[method-assign]
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    assert [sorted(keys) for keys in looks if keys] == [[f"move:vm-{n}" for n in range(6)]]


async def test_a_vm_that_somebody_moves_while_it_waits_for_its_turn_is_left_alone(shop: Workshop) -> None:
    shop.cloud.meddler = "vm-5"
    id = await shop.approved()
    await shop.work()
    record = next(r for r in await shop.steps(id) if r.key == "move:vm-5")
    assert (record.state, record.sentence) == (StepState.DONE, "moved by others")
    assert "move:vm-5" not in shop.cloud.starts
    assert record.starts == 0


async def test_after_a_pause_everything_that_waits_is_looked_at_anew(shop: Workshop) -> None:
    original, looks, paused = shop.cloud.look, [], asyncio.Event()

    async def look(steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        looks.append({s.key for s in steps if s.verb == "move" and s.before is None})
        sightings = await original(steps)
        if len(shop.cloud.starts) > 1 and not paused.is_set():
            paused.set()
            await shop.steer(asked, Steer.PAUSE)
        elif paused.is_set() and not [m for m in shop.cloud.moves if not shop.cloud._ended(m)]:
            operation = await shop.operation(asked)
            if operation.state is State.PAUSED:
                await shop.steer(asked, Steer.RESUME)
        return sightings

    shop.cloud.look = look  # type: ignore[method-assign]
    asked = await shop.approved()
    await shop.work()
    assert (await shop.operation(asked)).state is State.SUCCEEDED
    assert [len(keys) for keys in looks if keys] == [6, 3]
