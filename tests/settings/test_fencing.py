"""`[clouds.fencing]`: the BMCs of hosts, and whether they are used to power a host off."""

from pathlib import Path

import pytest

from adapters.registry import CLOUDS
from bot.settings import load
from tests.settings.written import ENV, SAMPLE, SMALL, complaints, openstack_of, read

BMC = '[clouds.fencing.redfish]\n"a" = { url = "https://bmc-a/redfish/v1/Systems/1", password_env = "BMC_89"'


def test_hosts_are_fenced_only_when_it_is_said_and_each_bmc_has_a_certificate_of_its_own(tmp_path: Path) -> None:
    assert not openstack_of(load(SAMPLE, ENV, CLOUDS)).fencing.fence
    (tmp_path / "ca.pem").write_text("-")
    text = (
        "[clouds.fencing]\nfence = true\n[clouds.fencing.redfish]\n"
        '"a" = { url = "https://bmc-a/redfish/v1/Systems/1/", password_env = "BMC_89", ca_file = "ca.pem" }\n'
        '"b" = { url = "https://bmc-b/redfish/v1/Systems/1", password_env = "BMC_89", insecure = true }\n'
    )
    fencing = openstack_of(read(tmp_path, SMALL + text)).fencing
    assert fencing.fence
    assert fencing.redfish["a"].url == "https://bmc-a/redfish/v1/Systems/1"
    assert [(b.ca_file, b.insecure) for b in fencing.redfish.values()] == [(tmp_path / "ca.pem", False), (None, True)]
    assert "planted-bmc" not in repr(fencing)


@pytest.mark.parametrize(
    ("addition", "sentence"),
    [
        (BMC.replace("/Systems/1", "") + " }\n", "clouds.prod.fencing.redfish.a.url: names no system."),
        (BMC.replace("https", "ftp") + " }\n", "clouds.prod.fencing.redfish.a.url: is not an http or https address."),
        (BMC.replace("BMC_89", "NOT_SET") + " }\n", "clouds.prod.fencing.redfish.a.password_env: NOT_SET is not set"),
        (BMC + ', ca_file = "none.pem" }\n', 'clouds.prod.fencing.redfish.a.ca_file: "'),
        (
            BMC + ', ca_file = "muster.toml", insecure = true }\n',
            "clouds.prod.fencing.redfish.a.insecure: makes ca_file meaningless.",
        ),
        ("[clouds.fencing]\nfence = true\n", "clouds.prod.fencing.fence: has no BMC to power a host off with."),
    ],
)
def test_a_bmc_that_could_not_be_used_is_told_with_its_key(tmp_path: Path, addition: str, sentence: str) -> None:
    (problem,) = complaints(tmp_path, SMALL + addition)
    assert problem.startswith(sentence)
