"""Where the volumes and backups of a dead host go, by which commands, and what is refused before anything is run."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.survey.storage import backups_in
from bot.domain.cloud import Refused
from bot.domain.plans.plan import By, Plan, Verdict, digest_of
from tests.adapters.openstack.build import DEAD, cinder, finding, manager, rehomed, volumes_with


def commands(made: Plan) -> list[str]:
    """What is run, without the program and its configuration."""
    run: list[Any] = [s.arguments["command"] for s in made.steps if "command" in s.arguments]
    return [" ".join(command[3:]) for command in run]


# ---------------------------------------------------------------------- the commands


def test_each_pool_the_service_and_the_backups_get_one_command_each_before_the_host_is_touched() -> None:
    made = rehomed(cinder())
    assert not made.is_blocked, made.sorted_findings
    assert commands(made) == [
        f"volume update_host --currenthost {DEAD}@ceph#ceph --newhost storage-2@ceph#ceph",
        "volume update_service",
        f"backup update_backup_host --currenthost {DEAD} --newhost storage-2",
    ]
    mine = [s for s in made.steps if s.phase == "Re-home volumes"]
    assert [s.follows for s in mine] == [None, *(s.key for s in mine[:-1])]
    assert all(s.essential for s in mine)
    assert mine[-1].by is By.CLOUD
    assert made.phases_used == ("Re-home volumes", "Take the host out of service", "Evacuate")
    assert mine[0].arguments["volumes"] == ["id-data-1", "id-data-2"]
    assert mine[2].arguments["backups"] == ["id-nightly"]


def test_a_pool_keeps_its_pool_and_a_name_without_one_comes_after_those_with_one() -> None:
    old = (*volumes_with(DEAD, 1, manager="@ceph"), *volumes_with(DEAD, 1, manager="@ceph#gold"))
    pools = {"storage-2@ceph#gold": "", "storage-10@ceph#ceph": ""}
    made = rehomed(cinder(volumes=old, pools=pools, backups=()))
    assert commands(made)[:2] == [
        f"volume update_host --currenthost {DEAD}@ceph#gold --newhost storage-2@ceph#gold",
        f"volume update_host --currenthost {DEAD}@ceph --newhost storage-2@ceph",
    ]


def test_the_new_manager_is_on_the_card_and_in_the_digest() -> None:
    one, other = rehomed(cinder()), rehomed(cinder(services=cinder().services[:-3]))
    found = finding(one, "volumes-rehomed")
    assert found is not None
    for word in ("2 volumes (data-1, data-2)", "storage-2@ceph#ceph", "storage-10@ceph would do as well"):
        assert word in found.sentence
    assert digest_of(one, terms={}) != digest_of(other, terms={})


def test_how_it_is_known_whose_a_backup_is_stands_there() -> None:
    found = finding(rehomed(cinder()), "backups-rehomed")
    assert found is not None
    assert "1 backup (nightly)" in found.sentence
    assert "cinder-manage backup list" in found.sentence


def test_a_record_that_names_no_service_needs_no_new_one() -> None:
    old = tuple(replace(v, service="") for v in volumes_with(DEAD, 2))
    assert "volume update_service" not in commands(rehomed(cinder(volumes=old)))


def test_nothing_of_it_where_the_host_manages_nothing() -> None:
    made = rehomed(cinder(volumes=(), backups=()))
    assert commands(made) == []
    assert not {f.code for f in made.findings} & {"volumes-rehomed", "volumes-stay", "backups-rehomed"}


def test_a_person_runs_the_same_commands_where_muster_may_not() -> None:
    made = rehomed(cinder(backups=None), by=By.PERSON)
    assert [s.by for s in made.steps if "command" in s.arguments] == [By.PERSON] * 3
    found = finding(made, "backups-rehomed")
    assert found is not None
    assert "whose backups they are tells only" in found.sentence


def test_without_a_runner_it_is_only_told() -> None:
    made = rehomed(cinder(), by=None)
    assert commands(made) == []
    assert finding(made, "volumes-managed-here") is not None


# ---------------------------------------------------------------------- what has no new home


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"services": cinder().services[:2]}, "no other service of the backend ceph is up and enabled"),
        ({"services": tuple(replace(s, is_up=False) for s in cinder().services)}, "is up and enabled"),
        ({"services": tuple(replace(s, is_enabled=False) for s in cinder().services)}, "is up and enabled"),
        ({"services": (*cinder().services[:2], manager("storage-1@lvm"))}, "is up and enabled"),
        ({"services": cinder().services[1:]}, f"Cinder lists no service {DEAD}@ceph"),
        ({"pools": {"storage-2@ceph#other": ""}}, "reports the pool ceph"),
        ({"pools": {"storage-2@ceph#ceph": "LVMVolumeDriver:storage-2:vg:thin:0"}}, "on the disks of each host"),
        ({"volumes": volumes_with(DEAD, 2, manager="#ceph")}, "carries no backend"),
    ],
)
def test_volumes_stay_with_a_reason_where_no_service_can_take_them(changes: dict[str, Any], why: str) -> None:
    made = rehomed(cinder(**changes, backups=()))
    found = finding(made, "volumes-stay")
    assert found is not None
    assert found.verdict is Verdict.WARNING
    assert why in found.sentence
    assert commands(made) == []


def test_backups_stay_where_no_other_service_lives() -> None:
    alone = tuple(s for s in cinder().services if s.binary != "cinder-backup" or s.host == DEAD)
    assert finding(rehomed(cinder(services=alone)), "backups-stay") is not None


def test_volumes_of_a_cluster_are_left_to_its_members() -> None:
    clustered = tuple(replace(v, is_clustered=True) for v in volumes_with(DEAD, 2))
    made = rehomed(cinder(volumes=clustered, backups=()))
    assert commands(made) == []
    assert finding(made, "volumes-clustered") is not None


def test_a_runner_that_does_not_work_forbids_what_relies_on_it() -> None:
    made = rehomed(cinder(backups=None, trouble="The host key of controller-1 is unknown.", remedy="Enter it."))
    found = finding(made, "cannot-run-cinder-manage")
    assert found is not None
    assert made.is_blocked
    assert "host key" in found.sentence
    assert 'runner = "manual"' in found.remedy


# ---------------------------------------------------------------------- the list of backups

ROW = "0e64e4a4-6a4a-4f5c-9d41-1d2f1f2c3b4a\tuser\tproject\tcompute-1   \t{name}\tc\tavailable\t1\t0"


def test_a_backup_whose_name_forges_a_row_of_the_list_is_found_out() -> None:
    forged = "x\n" + ROW.format(name="y").replace("compute-1", "storage-9")
    with pytest.raises(Refused, match="on two hosts"):
        backups_in(ROW.format(name="good") + "\n" + forged)
    assert [b.host for b in backups_in("ID\tHost\n" + ROW.format(name="a\tb"))] == ["compute-1"]
