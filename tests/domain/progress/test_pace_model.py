"""The law of pace against a model of clouds, in virtual time: the same figures on every machine (`make bench-pace`)."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import exp, log
from random import Random
from statistics import mean

import pytest

from tests.benchmarks.pace import clients, profiles
from tests.benchmarks.pace.clients import Client, Outcome
from tests.benchmarks.pace.cloud import Profile
from tests.benchmarks.pace.ratios import BEST_FIXED, SEEDS, Ratio, ratio

WAITING = [profiles.WAIT_15, profiles.WAIT_30]


def against_loop(profile: Profile, *, quick: float = 0.5, slow: float = 1.0) -> Ratio:
    return ratio(_muster(quick, slow), clients.loop, profile)


@cache
def _muster(quick: float, slow: float) -> Client:
    return clients.muster(quick=quick, slow=slow)


@pytest.mark.parametrize("profile", WAITING, ids=lambda p: p.name)
@pytest.mark.parametrize(("quick", "slow"), [(0.5, 1.0), (1.0, 1.0), (2.0, 2.0)])
def test_a_cloud_that_waits_is_emptied_no_slower_than_by_the_loop(profile: Profile, quick: float, slow: float) -> None:
    found = against_loop(profile, quick=quick, slow=slow)
    assert found.makespan <= 1.00
    assert found.downtime <= 0.95
    assert found.most_unclaimed <= 24


@pytest.mark.parametrize("cores", [4, 6])
@pytest.mark.parametrize("profile", WAITING, ids=lambda p: p.name)
def test_a_control_plane_of_four_cores_is_enough_for_that(profile: Profile, cores: int) -> None:
    found = against_loop(replace(profile, cores=cores))
    assert found.makespan <= 1.00
    assert found.downtime <= 0.95


def test_many_targets_are_used_side_by_side() -> None:
    found = against_loop(profiles.BIG)
    assert found.makespan <= 0.95
    assert found.downtime <= 0.75


def test_a_cloud_whose_cores_are_the_limit_is_not_crowded() -> None:
    found = against_loop(profiles.CPU)
    assert found.makespan <= 1.05
    assert found.downtime <= 1.00


def test_no_fixed_window_and_rate_is_much_better_for_any_cloud_and_none_is_for_all() -> None:
    found = [ratio(_muster(0.5, 1.0), clients.fixed(*BEST_FIXED[p.name]), p) for p in profiles.RACED]
    assert exp(sum(log(r.makespan) for r in found) / len(found)) <= 1.00
    assert max(r.makespan for r in found) <= 1.11
    assert exp(sum(log(r.downtime) for r in found) / len(found)) <= 1.02
    assert max(r.downtime for r in found) <= 1.20


def test_without_what_comes_before_the_first_start_no_fixed_pair_is_better_by_much() -> None:
    """The second survey, disabling and forcing down: 0.65 s that no rival spends."""
    at_once = cache(clients.muster(before=0.0))
    found = [ratio(at_once, clients.fixed(*BEST_FIXED[p.name]), p) for p in profiles.RACED]
    assert exp(sum(log(r.downtime) for r in found) / len(found)) <= 1.00
    assert max(r.downtime for r in found) <= 1.14


def starts(outcome: Outcome, begin: float, end: float) -> float:
    """Starts a second."""
    return sum(1 for at in outcome.starts if begin <= at < end) / (end - begin)


@pytest.mark.parametrize(
    "profile", [profiles.OVERLOAD, profiles.OVERLOAD_40, profiles.SMALL_OVERLOAD], ids=lambda p: p.name
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_control_plane_that_becomes_slow_gets_less_at_once_and_all_of_it_again(profile: Profile, seed: int) -> None:
    found = clients.muster()(replace(profile, vms=200), seed)  # so that some are left when it is over
    before = starts(found, clients.BEFORE_THE_FIRST, 10)
    assert starts(found, 20, 30) <= before / 4
    assert starts(found, 30, 70) <= before / 4
    assert max(starts(found, at, at + 4) for at in range(70, 77)) >= before / 2, (
        "back, though its targets are fuller now"
    )
    assert found.lost == 0
    assert not [at for at in found.lost_starts if at >= 10]


@pytest.mark.parametrize("neighbours", [profiles.jitter, profiles.spells], ids=lambda n: n.__name__)
@pytest.mark.parametrize("profile", [*WAITING, profiles.CPU, profiles.SMALL], ids=lambda p: p.name)
def test_neighbours_that_make_calls_slow_at_random_are_not_taken_for_the_cloud_s_own_strain(
    profile: Profile, neighbours: Callable[[Random, float], float]
) -> None:
    noisy, client = replace(profile, neighbours=neighbours), _muster(0.5, 1.0)
    quiet, shaken = [[client(each, seed) for seed in SEEDS] for each in (profile, noisy)]
    assert mean(one.makespan for one in shaken) <= 1.10 * mean(other.makespan for other in quiet)
    assert mean(one.downtime for one in shaken) <= 1.15 * mean(other.downtime for other in quiet)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_target_that_never_claims_gets_two_vms_and_no_more(seed: int) -> None:
    assert clients.muster()(profiles.DEAF, seed).stuck <= 2
    assert clients.fixed(10)(profiles.SICK, seed).makespan > clients.muster()(profiles.SICK, seed).makespan
