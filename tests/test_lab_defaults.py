"""The lab's Nova is as it comes, but for a list with reasons; and so is the simulated one where it is slow or narrow."""

from pathlib import Path

import pytest

from adapters.simulated.records import Knobs
from tests.openstack.lab.configuration import CONDUCTOR_OF_CELL2, CONTROLLER, nova
from tests.openstack.lab.differences import ACCOUNTS, DIFFERENCES, WIRING
from tests.openstack.lab.settings import Settings

HOSTS = (CONTROLLER, "compute-1", CONDUCTOR_OF_CELL2)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def written(settings: Settings) -> set[tuple[str, str]]:
    """All that the lab says to any Nova of its own, but for accounts."""
    said = {(section, option) for host in HOSTS for section, found in nova(settings, host).items() for option in found}
    accounts = nova(settings, CONTROLLER)["keystone"].keys() | nova(settings, CONTROLLER)["keystone_authtoken"].keys()
    return {(section, option) for section, option in said if section not in ACCOUNTS or option not in accounts}


def test_whatever_is_not_nova_s_default_has_a_reason(settings: Settings) -> None:
    assert written(settings) - WIRING == set(DIFFERENCES)
    assert written(settings) >= WIRING
    assert all(DIFFERENCES.values())


def test_a_host_migrates_one_vm_at_a_time_and_waits_for_ports_as_nova_comes(settings: Settings) -> None:
    for host in HOSTS:
        options = nova(settings, host)["DEFAULT"]
        assert not options.keys() & {
            "max_concurrent_live_migrations",
            "max_concurrent_builds",
            "vif_plugging_timeout",
            "vif_plugging_is_fatal",
        }
    assert Knobs().live_slots == 1
