"""Volumes and backups go back to the host that managed them, by the map that the evacuation's steps are."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.openstack.model.resources import Storage
from bot.domain.plans.plan import By, Plan
from bot.domain.values import Action
from tests.adapters.openstack.build import (
    DEAD,
    NIGHTLY,
    cinder,
    finding,
    given_back,
    rehomed,
    taken_over,
    volumes_with,
)


def commands(made: Plan) -> list[str]:
    run: list[Any] = [s.arguments["command"] for s in made.steps]
    return [" ".join(command[3:]) for command in run]


def test_each_name_goes_back_to_what_it_was() -> None:
    made = given_back(taken_over())
    assert not made.findings
    assert commands(made) == [
        f"volume update_host --currenthost storage-2@ceph#ceph --newhost {DEAD}@ceph#ceph",
        "volume update_service",
        f"backup update_backup_host --currenthost storage-2 --newhost {DEAD}",
    ]
    assert not any(s.undone_by for s in made.steps)


def test_only_what_was_given_away_can_be_taken_back() -> None:
    away = rehomed(cinder()).steps
    assert {s.undone_by for s in away if s.verb.startswith("rehome")} == {Action.REHOME}
    assert {s.undone_by for s in away if not s.verb.startswith("rehome")} == {None}


def test_what_the_other_had_itself_is_named_and_approved_by_id() -> None:
    own = replace(volumes_with(DEAD, 3)[2], manager="storage-2@ceph#ceph")
    made = given_back(taken_over(volumes=(*taken_over().volumes, own)))
    found = finding(made, "comes-along")
    assert found is not None
    assert "data-3" in found.sentence
    taken: Any = made.steps[0].arguments["volumes"]
    assert "id-data-3" in taken


@pytest.mark.parametrize(
    "storage",
    [
        taken_over(services=cinder().services),
        taken_over(services=taken_over().services[1:]),
        taken_over(pools={}),
    ],
)
def test_a_host_whose_services_are_not_back_gets_nothing(storage: Storage) -> None:
    made = given_back(storage)
    assert made.is_blocked
    assert finding(made, "old-manager-not-up") is not None


def test_what_somebody_moved_on_meanwhile_is_left_there() -> None:
    elsewhere: dict[str, Any] = {
        "volumes": tuple(replace(v, manager="storage-10@ceph#ceph") for v in volumes_with(DEAD, 2)),
        "backups": (NIGHTLY,),
    }
    made = given_back(taken_over(**elsewhere))
    assert finding(made, "nothing-to-give-back") is not None
    assert commands(made) == []


def test_backups_that_nobody_could_list_go_back_too() -> None:
    by_hand = [s for s in rehomed(cinder(backups=None), by=By.PERSON).steps if s.undone_by]
    assert f"backup update_backup_host --currenthost storage-2 --newhost {DEAD}" in commands(
        given_back(taken_over(backups=None), *by_hand)
    )


def test_a_runner_that_does_not_work_forbids_it() -> None:
    assert given_back(taken_over(trouble="Nobody answers.")).is_blocked
