"""The lab itself: what the other tests of this folder rely on is true."""

import socket
import subprocess
from pathlib import Path

import pytest

from tests.openstack.cloud import Cloud
from tests.openstack.lab.settings import LabError
from tests.ports import free_port

HOST = "OS-EXT-SRV-ATTR:host"


def test_a_dead_host_is_seen_down_evacuated_and_brought_back(cloud: Cloud) -> None:
    cloud.boot(3, on="compute-2")
    listed = cloud.cli_json("server", "list", "--all-projects", "--host", "compute-2")
    assert {each["Name"]: each["Status"] for each in listed} == {
        "vm-1": "ACTIVE",
        "vm-2": "ACTIVE",
        "vm-3": "ACTIVE",
    }
    moved = next(each["ID"] for each in listed if each["Name"] == "vm-1")

    cloud.kill_compute("compute-2")
    cloud.wait_for_service("compute-2", "down")
    service = cloud.cli_json("compute", "service", "list", "--host", "compute-2")
    assert [each["State"] for each in service] == ["down"]
    cloud.cli("server", "evacuate", moved)
    cloud.wait_for_evacuations("compute-2", 1)
    shown = cloud.cli_json("server", "show", moved)
    assert shown[HOST] in {"compute-1", "compute-3", "compute-4"}

    cloud.revive("compute-2")
    assert [each["status"] for each in cloud.migrations("compute-2")] == ["completed"]
    assert {each["name"] for each in cloud.servers(on="compute-2")} == {"vm-2", "vm-3"}
    cloud.tidy()
    assert cloud.cli_json("server", "list", "--all-projects") == []
    assert [each["State"] for each in cloud.cli_json("volume", "service", "list")] == ["up"] * 5


def test_a_knob_makes_a_host_fail_until_the_test_is_over(cloud: Cloud) -> None:
    cloud.turn_knobs("compute-3", spawn_fail="the disk is broken")
    with pytest.raises(LabError, match="the disk is broken"):
        cloud.boot(1, on="compute-3")
    cloud.tidy()
    assert cloud.boot(1, on="compute-3")[0][HOST] == "compute-3"


def test_a_member_sees_its_own_servers_and_no_services(cloud: Cloud) -> None:
    cloud.boot(1, on="compute-1")
    assert [each["Name"] for each in cloud.cli_json("server", "list", cloud="demo")] == ["vm"]
    with pytest.raises(LabError, match="403"):
        cloud.cli("compute", "service", "list", cloud="demo")


def test_its_processes_stand_in_the_labs_own_folder_and_import_nothing_from_where_a_person_stands(cloud: Cloud) -> None:
    pids = {name: cloud.processes.pid(name) for name in cloud.processes.names()}
    folders = {name: Path(f"/proc/{pid}/cwd").resolve() for name, pid in pids.items()}
    assert {name for name, folder in folders.items() if not folder.is_relative_to(cloud.settings.home)} == set()
    assert {name for name, folder in folders.items() if [*folder.glob("*.py")]} == set()


def test_rabbitmq_starts_no_epmd_that_would_outlive_the_lab(cloud: Cloud) -> None:
    """RabbitMQ looks each minute whether epmd knows it; if not, it starts a node, and Erlang an epmd for the node.

    Source: rabbit_epmd_monitor and rabbit_nodes_common:ensure_epmd of RabbitMQ 3.10.
    """
    given = Path(f"/proc/{cloud.processes.pid('rabbit')}/environ").read_text().split("\0")
    environment = dict(each.split("=", 1) for each in given if each)
    port = free_port()
    node = ["erl", "-sname", "epmd-starter", "-noinput", "-s", "erlang", "halt"]
    subprocess.run(
        node,
        env=environment | {"ERL_EPMD_PORT": str(port)},
        cwd=cloud.settings.run,
        capture_output=True,
        timeout=60,
        check=False,  # without an epmd the node cannot live
    )
    with socket.socket() as door, pytest.raises(ConnectionRefusedError):
        door.connect(("127.0.0.1", port))
