"""One real cloud for the whole run; each test finds it empty and whole."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.openstack.cloud import Cloud
from tests.openstack.lab.life import Lab
from tests.openstack.lab.settings import from_environment

HERE = Path(__file__).parent
# The first test waits for the installation and the start of the cloud.
TEST_SECONDS = 900


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_SECONDS))


@pytest.fixture(scope="session")
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """The running cloud; with MUSTER_LAB_KEEP=1 it is left running, and found again next time."""
    lab = Lab(from_environment())
    keep = os.environ.get("MUSTER_LAB_KEEP") == "1"
    terminal = request.config.pluginmanager.getplugin("capturemanager")
    with lab.alone():
        with terminal.global_and_fixture_disabled():
            lab.install()
            if not (keep and lab.is_up()):
                lab.up()
        running = Cloud(lab)
        try:
            running.tidy()
            yield running
        finally:
            if not keep:
                lab.down()


@pytest.fixture(autouse=True)
def _empty_and_whole(cloud: Cloud) -> Iterator[None]:
    """Put everything right after a test."""
    yield
    cloud.tidy()
