"""What holds for every test: a property is about what comes out, not about how long a busy machine takes."""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where workers share the tests, the longest come first: at the end, one would keep the others waiting for minutes."""
    if hasattr(config, "workerinput"):
        items.sort(key=_seconds_allowed, reverse=True)


def _seconds_allowed(item: pytest.Item) -> float:
    mark = item.get_closest_marker("timeout")
    return float(mark.args[0]) if mark else 0.0
