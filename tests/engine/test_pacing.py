"""One cloud's pace over all its operations: who may go next, and where to, with what others have in flight."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bot.domain.progress.pace import Limit, MoveInFlight, Pace
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import OperationId, VmId
from bot.engine.pacing import Named, Pacing
from tests.domain.build import NOW, record

OURS, THEIRS = OperationId("ours"), OperationId("theirs")


def planned(seq: int, **changes: Any) -> StepRecord:
    return record(seq, vm=VmId(f"vm-{seq}"), **changes)


def in_flight(seq: int, *, is_claimed: bool = False, whose: OperationId = THEIRS, **changes: Any) -> Named:
    begun = record(seq, StepState.ACCEPTED, vm=VmId(f"vm-{seq}"), **changes)
    return whose, replace(begun, begun_at=NOW if is_claimed else None)


def at(now: float) -> datetime:
    return NOW + timedelta(seconds=now)


def chosen(pacing: Pacing, ready: list[StepRecord], *moving: Named, most: int = 100, now: float = 0.0) -> list[int]:
    return [r.seq for r in pacing.choose(OURS, ready, moving, most=most, now=now, moment=at(now))]


def test_what_other_operations_have_in_flight_takes_places_too() -> None:
    ready = [planned(n) for n in range(10)]
    assert chosen(Pacing(), ready) == [0, 1, 2, 3, 4, 5]
    assert chosen(Pacing(), ready, *[in_flight(20 + n) for n in range(4)]) == [0, 1]
    claimed = [in_flight(20 + n, is_claimed=True) for n in range(4)]
    assert chosen(Pacing(), ready, *claimed) == [0, 1, 2, 3, 4, 5]
    assert chosen(Pacing(), ready, *claimed, most=5) == [0]


def test_an_operation_that_finds_no_room_gets_its_share_as_soon_as_another_has_less_to_do() -> None:
    pacing, ready = Pacing(), [planned(n) for n in range(10)]
    theirs = [in_flight(20 + n, is_claimed=True) for n in range(4)]

    def begins(whose: OperationId, *moving: Named, now: float) -> int:
        return len(pacing.choose(whose, ready, moving, most=4, now=now, moment=at(now)))

    assert begins(OURS, *theirs, now=1.0) == 0
    assert begins(THEIRS, *theirs[1:], now=1.2) == 0, "three are more than its half"
    assert begins(OURS, *theirs[1:], now=1.5) == 1
    ours = [in_flight(40 + n, is_claimed=True, whose=OURS) for n in range(2)]
    assert begins(THEIRS, *theirs[2:], ours[0], now=1.7) == 0
    assert begins(OURS, *theirs[2:], ours[0], now=2.0) == 1
    assert begins(THEIRS, *theirs[3:], *ours, now=2.2) == 1
    assert begins(OURS, *theirs[2:], ours[0], now=2.5) == 1
    assert begins(THEIRS, *theirs[3:], now=20.0) == 3, "nobody else has asked for long"


def test_so_it_does_where_another_has_found_out_that_there_is_none() -> None:
    pacing, ready = Pacing(), [planned(n) for n in range(10)]
    theirs = [in_flight(20 + n, is_claimed=True) for n in range(4)]
    assert pacing.choose(THEIRS, ready, theirs, most=4, now=1.0, moment=at(1.0)) == []
    assert not pacing.may_take(OURS, ready, now=1.2)
    assert pacing.choose(THEIRS, ready, theirs[1:], most=4, now=1.4, moment=at(1.4)) == [], (
        "three are more than its half"
    )
    assert len(pacing.choose(OURS, ready, theirs[1:], most=4, now=1.5, moment=at(1.5))) == 1


def test_so_it_does_of_what_may_be_unclaimed_and_of_what_may_be_begun_a_second() -> None:
    pacing, ready = Pacing(), [planned(n) for n in range(10)]
    theirs = [in_flight(20 + n) for n in range(5)]
    find_no_room(pacing, now=1.0)
    assert pacing.choose(THEIRS, ready, theirs[:4], most=100, now=1.1, moment=at(1.1)) == []
    assert not pacing.is_full(now=1.1), "there is room, for the others"
    assert len(pacing.choose(OURS, ready, theirs[:4], most=100, now=1.2, moment=at(1.2))) == 2
    rated, late = Pacing(), [in_flight(20 + n, is_claimed=True) for n in range(2)]
    find_no_room(rated, now=1.0)
    for whose, begun in ((THEIRS, 0), (OURS, 2)):
        found = rated.choose(whose, ready, late, most=100, rate=2.0, now=1.1, moment=at(1.1))
        assert len(found) == begun, whose


def find_no_room(pacing: Pacing, *, now: float) -> None:
    """We have something to begin, while as much is unclaimed as may be."""
    assert (
        pacing.choose(OURS, [planned(50)], [in_flight(60 + n) for n in range(6)], most=100, now=now, moment=at(now))
        == []
    )


def test_operations_with_something_to_begin_or_unclaimed_share_the_looks_of_one_while_they_have_it() -> None:
    pacing = Pacing(poll=2.0)
    assert (pacing.crowd(now=0.0), pacing.between(now=0.0)) == (0, 0.5)
    (_, unclaimed), (_, claimed) = in_flight(1), in_flight(2, is_claimed=True)
    pacing.watch(OURS, [unclaimed], is_left=False, now=0.0)
    assert (pacing.crowd(now=0.0), pacing.between(now=0.0)) == (1, 0.5)
    pacing.watch(THEIRS, [], is_left=True, now=2.0)
    assert (pacing.crowd(now=2.0), pacing.between(now=2.0)) == (2, 1.0)
    pacing.watch(OperationId("calm"), [claimed], is_left=False, now=2.0)
    assert pacing.crowd(now=2.0) == 2
    for n in range(9):
        pacing.watch(OperationId(f"more-{n}"), [], is_left=True, now=3.0)
    assert pacing.between(now=3.0) == 2.0, "never less often than the settings say"
    assert pacing.crowd(now=4.5) == 10, "ours was not heard of for two polls"


@dataclass(frozen=True, kw_only=True)
class CountedPace(Pace):
    """Counts how often it is asked for the cloud's limit, and for a target."""

    asked: list[int] = field(default_factory=list)
    sought: list[str] = field(default_factory=list)

    def of_cloud(self, moving: Collection[MoveInFlight], **more: Any) -> Limit | None:
        self.asked.append(len(moving))
        return super().of_cloud(moving, **more)

    def best_target(
        self, moving: Collection[MoveInFlight], targets: Sequence[str], **more: Any
    ) -> tuple[str, Limit | None]:
        self.sought.append(targets[0])
        return super().best_target(moving, targets, **more)


def test_what_the_cloud_takes_is_asked_once_for_each_that_is_begun_however_many_wait() -> None:
    pace = CountedPace()
    ready = [planned(n, wish="t1", also=("t2",)) for n in range(1_000)]
    assert chosen(Pacing(pace=pace), ready, *[in_flight(2_000 + n) for n in range(3)]) == [0, 1, 2]
    assert pace.asked == [3, 4, 5, 6]


def test_a_target_that_takes_no_more_is_asked_once_however_many_wait_for_it() -> None:
    pace = CountedPace()
    waiting = [planned(n, wish=f"t{n % 2}") for n in range(1_000)]
    taken = [in_flight(2_000 + n, wish="t0") for n in range(2)]
    assert chosen(Pacing(pace=pace), waiting, *taken) == [1, 3]
    assert pace.sought == ["t0", "t1", "t0", "t1", "t0", "t1"]


def test_that_a_cloud_takes_no_more_is_known_to_its_other_operations_until_something_makes_room() -> None:
    pacing, ready = Pacing(), [planned(n) for n in range(10)]
    taken = [in_flight(20 + n) for n in range(2)]
    assert not pacing.is_full(now=0.9)
    assert chosen(pacing, ready, *taken, now=1.0) == [0, 1, 2, 3]
    assert pacing.is_full(now=1.4)
    assert not pacing.is_full(now=1.5), "what others do shows after a while only"
    (_, waiting), *_ = taken
    pacing.looked({waiting.key: waiting}, [waiting], now=1.1)
    assert pacing.is_full(now=1.1)
    pacing.looked({waiting.key: waiting}, [replace(waiting, begun_at=NOW)], now=1.1)
    assert not pacing.is_full(now=1.1)
    chosen(pacing, ready, *[in_flight(20 + n) for n in range(6)], now=1.2)
    assert pacing.is_full(now=1.2)
    pacing.answered(waiting.step, now=1.3, is_good=True)
    assert not pacing.is_full(now=1.3)


def test_what_is_in_flight_is_not_read_again_while_each_place_is_known_to_have_enough() -> None:
    pacing, now = Pacing(), 1.0
    ready = [planned(n, wish="t1", also=("t2",)) for n in range(10)]
    assert pacing.may_take(OURS, ready, now=now), "nothing was read yet"
    first = pacing.choose(OURS, ready, [], most=100, now=now, moment=at(now))
    assert [r.step.wish for r in first] == ["t1", "t1", "t2", "t2"]
    begun = [replace(r, state=StepState.INTENT, intent_at=at(now)) for r in first]
    pacing.watch(OURS, begun, is_left=True, now=1.1)
    assert not pacing.may_take(OURS, ready[4:], now=1.2)
    assert pacing.limit is Limit.CLAIMS
    stuck = [planned(20, wish="t1"), planned(21, wish="t2"), planned(22, wish="t1")]
    assert not pacing.may_take(THEIRS, stuck, now=1.2), "theirs could go nowhere else"
    assert pacing.may_take(THEIRS, [planned(20, wish="t3")], now=1.2)
    assert pacing.may_take(THEIRS, [*ready[4:], planned(20, waits_at="t3")], now=1.2)
    pacing.watch(OURS, begun[1:], is_left=True, now=1.3)
    assert pacing.may_take(OURS, ready[4:], now=1.3), "one of ours was claimed"
    pacing.watch(OURS, begun, is_left=True, now=1.3)
    assert pacing.may_take(OURS, ready[4:], now=1.5), "others may have been claimed in another process"


def test_two_of_one_server_group_are_kept_apart_over_all_operations() -> None:
    ready = [planned(0, apart="db"), planned(1, apart="db"), planned(2, apart="web")]
    assert chosen(Pacing(), ready) == [0, 2]
    assert chosen(Pacing(), ready, in_flight(20, apart="web", is_claimed=True)) == [0]


def test_a_step_that_waits_for_nobody_is_never_put_off() -> None:
    of_the_host = replace(planned(1), step=replace(planned(1).step, vm=None))
    unlock = planned(2, tidies=planned(0).key)
    assert chosen(Pacing(), [planned(0), of_the_host, unlock], *[in_flight(20 + n) for n in range(6)]) == [1, 2]


def test_a_target_that_takes_up_nothing_is_shunned_and_named_once_to_whose_vm_waits_there() -> None:
    pacing = Pacing()
    stuck = [in_flight(20, wish="t1")]
    ready = [planned(0, wish="t1", also=("t2",))]
    pacing.choose(OURS, ready, stuck, most=100, now=0.0, moment=at(0.0))
    assert pacing.stale(THEIRS, [], now=15.0) == frozenset()
    (sent,) = pacing.choose(OURS, ready, stuck, most=100, now=16.0, moment=at(16.0))
    assert sent.step.wish == "t2"
    assert pacing.stale(THEIRS, [], now=16.0) == {"t1"}
    assert pacing.stale(OURS, ready, now=16.0) == frozenset(), "it can go elsewhere"
    assert chosen(pacing, [planned(0, wish="t1")], *stuck, now=17.0) == []
    assert pacing.limit is Limit.STALE
    assert pacing.stale(OURS, [planned(0, wish="t1")], now=17.0) == {"t1"}, "it can not"


def test_a_call_whose_answer_was_lost_tells_nothing_of_its_target() -> None:
    pacing, lost = Pacing(), replace(planned(20, wish="t1"), state=StepState.INTENT, intent_at=NOW)
    ready = [planned(0, wish="t1")]
    another = replace(planned(21, wish="t1"), state=StepState.INTENT, intent_at=NOW)
    for now, begun in ((0.0, []), (14.0, []), (16.0, [0])):
        pacing.watch(THEIRS, [lost, another], is_left=False, now=now)
        assert pacing.stale(THEIRS, [], now=now) == frozenset()
        assert pacing.may_take(OURS, ready, now=now + 0.1) or not begun
        assert chosen(pacing, ready, (THEIRS, lost), (THEIRS, another), now=now) == begun, now
    pacing.called(another.step, now=0.0)
    pacing.called(lost.step, now=0.0)
    assert chosen(pacing, ready, (THEIRS, lost), (THEIRS, another), now=17.0) == [], "both are on the wire"
    taken = replace(lost, state=StepState.ACCEPTED)
    pacing.watch(THEIRS, [taken], is_left=False, now=20.0)
    assert pacing.stale(THEIRS, [], now=34.0) == frozenset(), "it has had it for 14 s"
    assert pacing.stale(THEIRS, [], now=36.0) == {"t1"}
    assert chosen(pacing, ready, (THEIRS, taken), now=36.0) == []


def test_an_operation_that_has_nothing_to_begin_leaves_what_is_known_of_others_as_it_is() -> None:
    pacing, (_, mine), stuck = Pacing(), in_flight(1, wish="t2", whose=OURS), in_flight(20, wish="t1")
    for now in (0.0, 8.0, 16.0):
        pacing.watch(THEIRS, [stuck[1]], is_left=False, now=now)
        pacing.watch(OURS, [mine] if now < 8.0 else [], is_left=False, now=now)
    assert pacing.stale(THEIRS, [], now=16.0) == {"t1"}
    assert pacing.stale(OURS, [], now=16.0) == frozenset()
    assert chosen(pacing, [planned(0, wish="t1")], stuck, now=16.0) == []


def test_a_source_of_live_migrations_gets_one_more_than_it_runs() -> None:
    ready = [planned(n, waits_at="src") for n in range(5)]
    assert chosen(Pacing(), ready) == [0]
    running = in_flight(20, waits_at="src", is_claimed=True)
    assert chosen(Pacing(), ready, running) == [0]
    assert chosen(Pacing(), ready, running, in_flight(21, waits_at="src")) == []


def test_answers_and_looks_teach_the_pace() -> None:
    pacing = Pacing()
    for n in range(6):
        pacing.called(planned(n).step, now=0.0)
        pacing.answered(planned(n).step, now=0.3, is_good=True)
    assert pacing.pace.shortest == 0.3
    _, before = in_flight(1, wish="t1")
    pacing.looked({before.key: before}, [replace(before, begun_at=NOW)], now=1.0)
    assert pacing.pace.speed("t1", between=0.5, now=1.0) > 0
    window = pacing.pace.window
    pacing.called(planned(9).step, now=2.0)
    pacing.answered(planned(9).step, now=2.1, is_good=False)
    assert pacing.pace.window < window


def test_a_call_that_is_not_answered_for_long_cuts_the_window_before_its_time_out() -> None:
    pacing = Pacing(pace=Pace(window=40, shortest=0.3, recent=(0.3,), usual=0.3))
    pacing.called(planned(1).step, now=0.0)
    pacing.watch(OURS, [], is_left=False, now=1.2)
    assert pacing.pace.window == 40
    pacing.watch(OURS, [], is_left=False, now=1.4)
    assert pacing.pace.window == 28, "whichever operation looks"


def test_what_is_done_to_the_host_says_nothing_of_how_quickly_vms_are_accepted() -> None:
    pacing = Pacing()
    of_the_host = replace(planned(1).step, vm=None)
    pacing.called(of_the_host, now=0.0)
    pacing.answered(of_the_host, now=0.01, is_good=True)
    assert pacing.pace == Pacing().pace


def test_a_cloud_that_takes_any_call_is_not_one_that_takes_nothing() -> None:
    pacing, of_the_host = Pacing(), replace(planned(1).step, vm=None)
    for second in range(0, 100, 10):
        pacing.put_off(of_the_host, 0.0, now=second)
    assert pacing.is_held_off(now=97.9)
    assert pacing.pace.takes_nothing(now=301.0)
    pacing.answered(of_the_host, now=299.0, is_good=True)
    assert not pacing.pace.takes_nothing(now=301.0)


def test_good_answers_to_a_full_window_make_it_grow() -> None:
    pacing = Pacing()
    ready = [planned(n) for n in range(20)]
    begun = pacing.choose(OURS, ready, [], most=100, now=0.0, moment=at(0.0))
    for each in begun:
        pacing.called(each.step, now=0.0)
        pacing.answered(each.step, now=0.3, is_good=True)
    assert len(pacing.choose(OURS, ready, [], most=100, now=0.5, moment=at(0.5))) > len(begun)


def test_a_move_that_failed_before_it_was_taken_up_is_no_claim_but_a_sign_of_haste() -> None:
    pacing = Pacing()
    _, before = in_flight(1, wish="t1")
    pacing.looked({before.key: before}, [replace(before, state=StepState.FAILED)], now=1.0)
    assert pacing.pace.speed("t1", between=0.5, now=1.0) == 0
    assert pacing.pace.cut_at == 1.0


def test_where_the_settings_limit_the_rate_the_starts_of_all_operations_count() -> None:
    ready = [planned(n) for n in range(10)]

    def begun(now: float, *moving: Named, rate: float) -> list[int]:
        found = Pacing().choose(OURS, ready, moving, most=100, rate=rate, now=now, moment=at(now))
        return [r.seq for r in found]

    assert begun(0.0, rate=2.0) == [0, 1, 2, 3], "in two seconds"
    theirs = [in_flight(20 + n, is_claimed=True) for n in range(3)]
    assert begun(1.0, *theirs, rate=2.0) == [0]
    assert begun(3.0, *theirs, rate=2.0) == [0, 1, 2, 3]
    assert begun(1.9, *theirs[:1], rate=0.5) == []
    assert begun(2.0, *theirs[:1], rate=0.5) == [0]


def test_a_limit_that_people_are_told_of_is_borne_by_the_next_that_waits_and_by_no_other() -> None:
    pacing, ready = Pacing(), [planned(n) for n in range(4)]
    assert chosen(pacing, ready, most=2) == [0, 1]
    assert pacing.held_back(ready[2:], now=0.0) == {ready[2].key: Limit.CLOUD, ready[3].key: None}
    assert chosen(pacing, ready, *[in_flight(20 + n) for n in range(6)]) == []
    assert set(pacing.held_back(ready, now=0.0).values()) == {None}, "the cloud's own pace is nothing to tell"
