"""One host under two names: matched where that is certain, told where it is not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.openstack.model import names
from adapters.redfish.bmcs import Bmc, Bmcs
from adapters.simulated.records import CinderService, Project
from bot.domain.plans.plan import By
from tests.adapters.openstack.build import DEAD, NOW, altered, cinder, codes, finding, plan, rehomed, service, survey
from tests.contract.arena_openstack import OpenStackArena, adapter, openstack_arena

FULL = "compute-1.example.com"


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        ("compute-1", "compute-1.example.com", True),
        ("COMPUTE-1.Example.com", "compute-1", True),
        ("compute-1.a.org", "compute-1.b.org", False),
        ("compute-1", "compute-11.example.com", False),
        ("10.0.0.1", "10.0.0.2", False),
    ],
)
def test_which_names_may_be_those_of_one_host(name: str, other: str, same: bool) -> None:
    assert names.may_be_one(name, other) is same
    assert names.may_be_one(other, name) is same


def test_a_name_that_nova_lists_means_that_host_alone() -> None:
    assert names.meant("compute-1", ["compute-1", FULL]) == ("compute-1",)
    assert names.meant("COMPUTE-1", ["compute-1", FULL]) == ("compute-1", FULL)
    assert names.meant("ceph", ["compute-1", FULL]) == ()


def cinder_on(arena: OpenStackArena, name: str) -> None:
    """Cinder's services on the dead host, under a name of their own, with a volume."""
    for host, binary in ((f"{name}@ceph", "cinder-volume"), (name, "cinder-backup")):
        arena.world.cinder_services.append(
            CinderService(binary=binary, host=host, died_at=arena.world.now - timedelta(minutes=2))
        )
    owner: Project = next(iter(arena.world.projects.values()))
    arena.world.add_volume("data-1", size_gb=1, host=f"{name}@ceph#ceph", project=owner)


@pytest.mark.parametrize("name", [FULL, "COMPUTE-1"])
async def test_what_cinder_has_under_another_name_of_the_host_is_told(name: str) -> None:
    async with openstack_arena() as arena:
        cinder_on(arena, name)
        made = await arena.planned()
        told = finding(made, "volumes-managed-here")
        assert told is not None
        assert f"1 Cinder volume is managed by {DEAD} itself (Cinder calls it {name})" in told.sentence
        assert "backups-managed-here" in codes(made)


async def test_a_name_that_may_be_that_of_two_hosts_is_told_and_not_acted_on() -> None:
    async with openstack_arena() as arena:
        arena.host.name, arena.world.host("compute-2").name = "compute-1.a.org", "compute-1.b.org"
        cinder_on(arena, "compute-1")
        made = await arena.planned()
        told = finding(made, "cinder-name-in-doubt")
        assert told is not None
        assert "compute-1" in told.sentence
        assert "volumes-managed-here" not in codes(made)


def test_volumes_and_backups_are_given_away_under_the_names_that_cinder_knows() -> None:
    known = cinder()
    storage = replace(
        known,
        names=frozenset({FULL}),
        services=tuple(replace(s, host=s.host.replace(DEAD, FULL)) for s in known.services),
        volumes=tuple(replace(v, manager=v.manager.replace(DEAD, FULL)) for v in known.volumes),
        backups=tuple(replace(b, host=b.host.replace(DEAD, FULL)) for b in known.backups or ()),
    )
    made = rehomed(storage, by=By.PERSON)
    commands = [step.command for step in made.steps if step.command]
    assert f"--currenthost '{FULL}@ceph#ceph'" in commands[0]
    assert f"update_backup_host --currenthost {FULL} " in commands[-1]
    last = next(step for step in made.steps if step.verb == "verify-rehomed")
    assert last.arguments["names"] == [FULL], "nothing must be left under either name"


def test_a_host_that_is_up_under_another_name_is_evacuated_only_once_people_vouch_that_it_is_another() -> None:
    made = plan(altered(survey(), services=(service(FULL, updated_at=NOW), *survey().computes.services)))
    assert f"{FULL} and {DEAD} are two machines" in made.vouches


async def test_a_bmc_under_another_name_proves_nothing_and_is_told() -> None:
    async with openstack_arena() as arena:
        bmcs = Bmcs(
            {FULL: Bmc(url="http://127.0.0.1:9/redfish/v1/Systems/1", username="", password="")}, now=arena.clock.now
        )
        async with adapter(arena.address, arena.clock, bmcs=bmcs) as cloud:
            request = arena.request()
            made = cloud.plan(request, await cloud.survey(request))
        assert {"bmc-by-another-name", "unproven-death"} <= codes(made)
