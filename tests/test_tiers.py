"""The gate, the long tier and its share, each run over a few tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiers import place

ROOT = Path(__file__).parents[1]
FEW = """
import pytest
from hypothesis import given, settings, strategies as st
from tests.tiers import examples

drawn = []

def test_quick(): pass

@pytest.mark.long
@pytest.mark.parametrize("which", range(20))
def test_slow(which): pass

@given(st.integers())
def test_default(number): drawn.append(number)

@settings(max_examples=examples(3))
@given(st.integers())
def test_own_number(number): pass

@pytest.mark.both_tiers
def test_both(): print("tries", examples(3))
"""


@pytest.fixture
def few(tmp_path: Path) -> Path:
    (tmp_path / "test_few.py").write_text(FEW)
    return tmp_path


def run(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "tests.tiers", "-p", "no:cacheprovider", "-rP", *options]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_gate_leaves_out_what_is_long(few: Path) -> None:
    said = run(few)
    assert "4 passed, 20 deselected" in said
    assert "tries 3\n" in said


def test_the_long_tier_runs_what_is_long_and_tries_more_examples_of_the_properties(few: Path) -> None:
    said = run(few, "--long", "--hypothesis-show-statistics")
    assert "23 passed, 1 deselected" in said
    assert "tries 150\n" in said
    assert "settings.max_examples=2500" in said
    assert "settings.max_examples=150" in said


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_share_whose_time_is_over_begins_nothing_more_and_says_so(few: Path, workers: str) -> None:
    said = run(few, "--long", "--share", "0", "--hypothesis-seed", "abc", "-n", workers)
    assert "0 of the long tier's 23 tests ran" in said
    assert "in the order of seed abc" in said


def test_a_share_names_what_ran(few: Path) -> None:
    said = run(few, "--long", "--share", "600", "--hypothesis-seed", "abc", "-n", "2")
    assert "23 of the long tier's 23 tests ran" in said
    assert "\n  test_few.py::test_slow[19]\n" in said


def test_another_seed_begins_with_other_tests_until_all_came_round() -> None:
    def first(seed: str) -> set[str]:
        return set(sorted(tests, key=lambda test: place(test, seed))[:40])

    tests = [f"test_{number}" for number in range(300)]
    assert first("a") == first("a") != first("b")
    assert set[str]().union(*(first(f"commit {number}") for number in range(60))) == set(tests)
