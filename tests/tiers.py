"""The gate and the long tier: which tests run in which, with how many examples, and which share when time is short.

`make test` is the gate. `make test-long` runs what is marked `long`, and again, with many more examples, every property
test and what is marked `both_tiers`. A share of the long tier is as many of its tests, in an order that a seed decides,
as can be begun in the seconds that are given.
"""

import hashlib
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

IN_THE_GATE, IN_A_SHARE, IN_THE_LONG_TIER = 50, 250, 2_500
"""Examples of a property test that does not say another number."""

LAST_BEGUN = 0.8
"""The part of a share's time after which no test is begun: what was begun needs time to end."""

settings.register_profile("gate", max_examples=IN_THE_GATE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("share", settings.get_profile("gate"), max_examples=IN_A_SHARE)
settings.register_profile("long", settings.get_profile("gate"), max_examples=IN_THE_LONG_TIER)
settings.load_profile("gate")


def examples(in_the_gate: int) -> int:
    """How many examples to try where 50 in the gate are too many or too few: the long tier tries so much more."""
    return in_the_gate * settings().max_examples // IN_THE_GATE


def place(id: str, seed: object) -> bytes:
    """Where a test stands in a seed's order: the same on every machine, elsewhere for another seed."""
    return hashlib.sha256(f"{seed} {id}".encode()).digest()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tiers")
    group.addoption("--long", action="store_true", help="run the long tier instead of the gate")
    group.addoption(
        "--share", type=float, metavar="SECONDS", help="with --long: what fits; --hypothesis-seed decides which"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: runs in `make test-long` alone")
    config.addinivalue_line("markers", "both_tiers: runs in the gate and, with more examples, in `make test-long`")
    if not config.getoption("--long"):
        return
    seconds = config.getoption("--share")
    settings.load_profile("long" if seconds is None else "share")
    if seconds is not None:
        config.pluginmanager.register(Share(config, seconds))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    here = _is_long if config.getoption("--long") else _is_in_the_gate
    config.hook.pytest_deselected(items=[item for item in items if not here(item)])
    items[:] = filter(here, items)
    if hasattr(config, "workerinput"):  # one of several: what waits most of the time shall go beside what computes
        items.sort(key=lambda item: place(item.nodeid.partition("::")[0], seed="files"))


def _is_in_the_gate(item: pytest.Item) -> bool:
    return item.get_closest_marker("long") is None


def _is_long(item: pytest.Item) -> bool:
    marked = item.get_closest_marker("long") or item.get_closest_marker("both_tiers")
    return marked is not None or is_hypothesis_test(getattr(item, "obj", None))


class Share:
    """Puts the tests into the seed's order, begins none when the time is over, and says at the end which ran."""

    def __init__(self, config: pytest.Config, seconds: float) -> None:
        self.seconds, self.seed = seconds, config.getoption("--hypothesis-seed")
        handed = getattr(config, "workerinput", {})
        self.until: float = handed.get("until", time.monotonic() + seconds * LAST_BEGUN)
        self.all, self.ran = 0, set[str]()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """The clock of all workers is this process's: it starts before they do."""
        node.workerinput["until"] = self.until

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: place(item.nodeid, self.seed))
        self.all = len(items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        self.all = len(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        """True: this test is passed over."""
        return True if time.monotonic() > self.until else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.ran.add(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(f"{len(self.ran)} of the long tier's {self.all} tests ran")
        terminalreporter.line(
            f"what could be begun within {self.seconds * LAST_BEGUN:.0f} s, in the order of seed {self.seed}:"
        )
        for id in sorted(self.ran):
            terminalreporter.line(f"  {id}")
