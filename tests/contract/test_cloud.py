"""What every cloud promises to the house: one suite over each face of the simulated world, and over the real services.

Here each face is asked, by the arenas of `conftest.py`; `tests/openstack/test_contract.py` asks a real OpenStack.
"""

from dataclasses import replace

import pytest

from adapters.simulated.faults import Effect
from bot.domain.cloud import NotSupported, Refused, Seen, Unreachable, as_planned
from bot.domain.plans.drift import between
from bot.domain.plans.plan import By, Disposition, digest_of
from bot.domain.values import StepKey
from tests.contract.clouds import ArenaOf, carry_out, first_move, up_to_the_move
from tests.steps import steps_of


async def test_a_survey_changes_nothing(arena_of: ArenaOf) -> None:
    async with arena_of(vms=3) as arena:
        await arena.planned()
        assert arena.calls()
        assert arena.mutations() == []


async def test_the_plan_of_a_healthy_request_is_not_blocked_and_names_every_vm(arena_of: ArenaOf) -> None:
    async with arena_of(vms=3) as arena:
        plan = await arena.planned()
        assert not plan.is_blocked, plan.sorted_findings
        assert {vm.id for vm in plan.vms} == {guest.id for guest in await arena.guests()}
        assert all(vm.disposition is not Disposition.CANNOT for vm in plan.vms)
        assert plan.action is arena.action
        assert plan.host == arena.host_id


async def test_every_step_stands_in_a_phase_and_has_a_key_of_its_own(arena_of: ArenaOf) -> None:
    async with arena_of(vms=3) as arena:
        plan = await arena.planned()
        assert plan.steps
        assert {s.phase for s in plan.steps} <= set(plan.phases)
        assert len({s.key for s in plan.steps}) == len(plan.steps)
        keys = [s.key for s in plan.steps]
        assert all(s.follows is None or s.follows in keys for s in plan.steps)
        meant = [vm for vm in plan.vms if vm.disposition is not Disposition.LEAVE]
        assert meant
        assert all(any(s.vm == vm.id for s in plan.steps) for vm in meant)


async def test_every_finding_that_is_not_ok_says_what_it_is_about(arena_of: ArenaOf) -> None:
    async with arena_of(vms=3) as arena:
        plan = await arena.planned()
        assert all(f.sentence.endswith((".", "?")) and f.code for f in plan.findings), plan.findings


async def test_the_digest_stays_the_same_while_nothing_changes(arena_of: ArenaOf) -> None:
    async with arena_of(vms=3) as arena:
        first = await arena.planned()
        await arena.pass_time(47)
        second = await arena.planned()
        assert digest_of(first, terms={}) == digest_of(second, terms={})
        assert between(first, second).lines == ()


async def test_a_vm_that_was_added_shows_as_drift(arena_of: ArenaOf) -> None:
    async with arena_of(vms=2) as arena:
        approved = await arena.planned()
        await arena.one_more("newcomer")
        present = await arena.planned()
        drift = between(approved, present)
        assert digest_of(approved, terms={}) != digest_of(present, terms={})
        assert not drift.only_shrinks
        assert any("newcomer" in line for line in drift.lines)


async def test_a_vm_that_was_deleted_only_shrinks_the_plan(arena_of: ArenaOf) -> None:
    async with arena_of(vms=3) as arena:
        approved = await arena.planned()
        leaving = (await arena.misplaced())[0]
        await arena.delete(leaving)
        drift = between(approved, await arena.planned())
        assert drift.only_shrinks, drift.lines
        assert any(leaving.name in line for line in drift.lines)


async def test_a_vm_that_was_named_and_deleted_since_only_shrinks_what_was_approved(arena_of: ArenaOf) -> None:
    async with arena_of(vms=3) as arena:
        first, second, _ = await arena.misplaced()
        named = {"vms": (first.name, second.id), "is_choice": False}
        approved = await arena.planned(**named)
        asked = as_planned(arena.request(**named), approved)
        meant = {"vms": asked.vms, "is_choice": asked.is_choice}
        assert digest_of(await arena.planned(**meant), terms={}) == digest_of(approved, terms={})
        await arena.delete(first)
        present = await arena.planned(**meant)
        assert not present.is_blocked, present.sorted_findings
        assert between(approved, present).only_shrinks


async def test_a_look_before_the_start_says_never_started(arena_of: ArenaOf) -> None:
    async with arena_of(vms=2) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        sightings = await arena.cloud.look([step])
        assert sightings[step.key].seen is Seen.NEVER_STARTED
        assert arena.move_calls() == []


async def test_starting_and_looking_leads_to_the_end(arena_of: ArenaOf) -> None:
    async with arena_of(vms=4) as arena:
        plan = await arena.planned()
        assert await arena.misplaced()
        done = await carry_out(arena, plan)
        assert not done.bad()
        assert not await arena.misplaced()
        assert all(r.place for r in done.records.values() if r.counts and r.step.vm and r.step.by is By.MUSTER)


async def test_each_step_of_ours_is_one_mutating_call(arena_of: ArenaOf) -> None:
    async with arena_of(vms=3) as arena:
        plan = await arena.planned()
        done = await carry_out(arena, plan)
        assert len(arena.mutations()) == sum(r.starts for r in done.records.values())
        assert {r.starts for r in done.records.values() if r.step.verb in arena.move_verbs()} == {1}


async def test_a_finished_plan_is_as_wanted_already_when_looked_at_afresh(arena_of: ArenaOf) -> None:
    async with arena_of(vms=2) as arena:
        plan = await arena.planned()
        await carry_out(arena, plan)
        sightings = await arena.cloud.look(steps_of(plan))
        assert {s.seen for s in sightings.values()} == {Seen.DONE}, sightings


async def test_an_accepted_start_is_underway_and_moves(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        receipt = await arena.cloud.start(step)
        started = replace(step, receipt=receipt)
        seen = (await arena.cloud.look([started]))[step.key]
        assert seen.seen is Seen.UNDERWAY, seen
        assert seen.movement
        assert seen.sentence


async def test_a_lost_reply_is_resolved_by_a_look_and_nothing_is_started_twice(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        arena.fault(Effect.LOSE_REPLY)
        with pytest.raises(Unreachable):
            await arena.cloud.start(step)
        assert (await arena.cloud.look([step]))[step.key].seen is arena.lost
        for _ in range(60):
            await arena.pass_time(1)
            if (await arena.cloud.look([step]))[step.key].seen is Seen.DONE:
                break
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.DONE
        assert len(arena.move_calls()) == 1


async def test_a_call_that_was_cut_before_it_took_effect_was_never_started(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        arena.fault(Effect.CUT)
        with pytest.raises(Unreachable):
            await arena.cloud.start(step)
        await arena.pass_time(5)
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.NEVER_STARTED
        assert len(arena.move_calls()) == 1


async def test_an_answer_that_proves_nothing_is_never_repeated_and_leaves_the_fate_open(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        for asked, status in enumerate((500, 502, 503, 504, 429), start=1):
            arena.fault(Effect.ANSWER, status=status)
            with pytest.raises(Unreachable):
                await arena.cloud.start(step)
            assert len(arena.move_calls()) == asked, status


async def test_only_a_call_that_was_put_off_for_being_one_too_many_is_known_not_to_have_been_taken(
    arena_of: ArenaOf,
) -> None:
    async with arena_of(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        for status, retry_after, put_off in ((429, 7, 7.0), (429, None, 0.0), (503, 7, None), (500, None, None)):
            arena.fault(Effect.ANSWER, status=status, retry_after=retry_after)
            with pytest.raises(Unreachable) as lost:
                await arena.cloud.start(step)
            assert lost.value.put_off == put_off, status


async def test_a_refused_start_says_so_with_the_raw_words(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        for asked, status in enumerate((400, 403, 404, 409), start=1):
            arena.fault(Effect.ANSWER, status=status)
            with pytest.raises(Refused) as refused:
                await arena.cloud.start(step)
            assert refused.value.sentence
            assert "ordered by a fault" in refused.value.raw
            assert len(arena.move_calls()) == asked, status


async def test_a_login_that_was_over_is_renewed_once_and_unseen(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena:
        step = await up_to_the_move(arena, await arena.planned())
        arena.fault(Effect.ANSWER, status=401, method="", path="", times=1)
        assert (await arena.cloud.look([step]))[step.key].seen is Seen.NEVER_STARTED


async def test_an_unreachable_cloud_says_so(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena, arena.unreachable() as cloud:
        with pytest.raises(Unreachable) as lost:
            await cloud.survey(arena.request())
        assert lost.value.remedy
        with pytest.raises(Unreachable):
            await cloud.hosts("", limit=5)
        assert await cloud.check()


async def test_bad_credentials_are_refused_with_a_remedy_and_never_shown(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena, arena.with_bad_credentials() as cloud:
        with pytest.raises(Refused) as refused:
            await cloud.survey(arena.request())
        assert refused.value.remedy
        assert "wrong-secret" not in f"{refused.value} {refused.value.raw}"
        complaints = await cloud.check()
        assert complaints
        assert "wrong-secret" not in " ".join(complaints)


async def test_a_healthy_cloud_has_nothing_to_complain_about(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena:
        assert list(await arena.cloud.check()) == []


async def test_hosts_are_found_by_any_part_of_their_name_and_the_exact_one_comes_first(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena:
        name = arena.host.name
        found = await arena.cloud.hosts(name, limit=10)
        assert found[0].name == name
        assert found[0].id == arena.host_id
        everyone = await arena.cloud.hosts("", limit=100)
        assert len(everyone) > 1
        assert len({h.id for h in everyone}) == len(everyone)
        assert len(await arena.cloud.hosts("", limit=1)) == 1
        assert [h.name for h in await arena.cloud.hosts(name.upper(), limit=10)][:1] == [name]
        assert list(await arena.cloud.hosts("no-such-host", limit=10)) == []


async def test_a_step_of_another_cloud_is_not_supported(arena_of: ArenaOf) -> None:
    async with arena_of(vms=1) as arena:
        step = replace(first_move(arena, await arena.planned()), verb="juggle", key=StepKey("juggle:1"))
        with pytest.raises(NotSupported):
            await arena.cloud.start(step)
        assert arena.mutations() == []


async def test_a_step_that_is_done_stays_done(arena_of: ArenaOf) -> None:
    async with arena_of(vms=2) as arena:
        plan = await arena.planned()
        done = await carry_out(arena, plan)
        await arena.pass_time(600)
        for _ in range(4):  # what is watched for a while is watched anew
            sightings = await arena.cloud.look([r.step for r in done.records.values()])
            await arena.pass_time(10)
        assert {s.seen for s in sightings.values()} == {Seen.DONE}, sightings
        assert not done.bad()
