"""The simulated OpenStack is taken for real by clients nobody here wrote: openstacksdk and the `openstack` command."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from openstack import exceptions
from openstack.connection import Connection

from tests.adapters.simulated.openstack_wire import Region

# openstacksdk warns of its own future; that it should read well to others is not this test's affair.
pytestmark = [
    pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK50Warning"),
    pytest.mark.filterwarnings("ignore::openstack.warnings.RemovedInSDK60Warning"),
]

T = TypeVar("T")
# One process runs many command lines: the entry point of the `openstack` script, once per line of its input.
_BATCH = """
import json, shlex, sys
from openstackclient import shell
for line in sys.stdin:
    code = shell.main(shlex.split(line))
    print()
    print("exit", code, flush=True)
    print("exit", code, file=sys.stderr, flush=True)
"""


async def with_sdk(cloud: Region, ask: Callable[[Connection], T], *, user: str = "admin") -> T:
    """Ask something with the blocking SDK in a thread, so that the simulator can answer."""

    def run() -> T:
        connection = cloud.connect(user)
        try:
            return ask(connection)
        finally:
            connection.close()
            connection.session.session.close()

    return await asyncio.to_thread(run)


async def command_lines(cloud: Region, *lines: str, user: str = "admin") -> list[tuple[int, str, str]]:
    """Exit code, output and complaints of each command line."""
    given = {f"OS_{k.upper()}": str(v) for k, v in cloud.credentials(user).items()}
    env = {k: v for k, v in os.environ.items() if not k.startswith("OS_")} | given
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", _BATCH, env=env, stdin=pipe, stdout=pipe, stderr=pipe
    )
    out, err = await process.communicate("\n".join(lines).encode())
    outputs, complaints = _by_exit(out.decode()), _by_exit(err.decode())
    assert len(outputs) == len(lines), err.decode()
    return [(code, text, complaints[n][1]) for n, (code, text) in enumerate(outputs)]


def _by_exit(text: str) -> list[tuple[int, str]]:
    found, here = [], ""
    for line in text.splitlines():
        if line.startswith("exit "):
            found.append((int(line.removeprefix("exit ")), here.strip()))
            here = ""
        else:
            here += f"{line}\n"
    return found


# ---------------------------------------------------------------------- openstacksdk


async def test_the_sdk_reads_services_hypervisors_and_room(cloud: Region) -> None:
    def ask(c: Connection) -> tuple[Any, ...]:
        services = {s.host: (s.state, s.is_forced_down) for s in c.compute.services(binary="nova-compute")}
        providers = {p.name: p for p in c.placement.resource_providers()}
        inventories = list(c.placement.resource_provider_inventories(providers["compute-1"]))
        usages = c.placement.fetch_resource_provider_usages(providers["compute-1"]).usages
        candidates = list(c.placement.allocation_candidates(resources="VCPU:1,MEMORY_MB:512"))
        return services, inventories, usages, candidates, [h.name for h in c.compute.hypervisors(details=True)]

    services, inventories, usages, candidates, hypervisors = await with_sdk(cloud, ask)
    assert services["compute-2"] == ("down", False)
    assert services["compute-1"] == ("up", False)
    assert {i.resource_class for i in inventories} == {"VCPU", "MEMORY_MB", "DISK_GB"}
    assert usages["VCPU"] == 21
    assert len(candidates) == 5
    assert hypervisors == [f"compute-{n}" for n in range(1, 6)]


async def test_the_sdks_host_filter_finds_nothing_and_compute_host_does(cloud: Region) -> None:
    def ask(c: Connection) -> tuple[int, int]:
        wrong = list(c.compute.servers(all_projects=True, host="compute-2"))
        right = list(c.compute.servers(all_projects=True, compute_host="compute-2"))
        return len(wrong), len(right)

    assert await with_sdk(cloud, ask) == (0, 12)


async def test_the_sdk_forces_down_disables_and_evacuates(cloud: Region) -> None:
    server = cloud.world.vm("shop-web-3").id
    cloud.world.revive_host("compute-2")

    def evacuate(c: Connection) -> None:
        c.compute.evacuate_server(server)

    with pytest.raises(exceptions.BadRequestException, match="Compute service of compute-2 is still in use"):
        await with_sdk(cloud, evacuate)

    def force(c: Connection) -> tuple[Any, ...]:
        service = next(s for s in c.compute.services(host="compute-2", binary="nova-compute"))
        forced = c.compute.update_service_forced_down(service, forced=True)
        disabled = c.compute.disable_service(service, disabled_reason="muster 01J")
        assert forced is not None
        assert disabled is not None
        c.compute.evacuate_server(server)
        return forced.is_forced_down, disabled.status, disabled.disabled_reason

    assert await with_sdk(cloud, force) == (True, "disabled", "muster 01J")
    await cloud.move_ends("shop-web-3")

    def read(c: Connection) -> tuple[Any, ...]:
        shown = c.compute.get_server(server)
        [move] = list(c.compute.migrations(instance_uuid=server))
        actions = [a.action for a in c.compute.server_actions(server)]
        return shown.compute_host, shown.status, move.migration_type, move.status, actions

    assert await with_sdk(cloud, read) == ("compute-1", "SHUTOFF", "evacuation", "done", ["evacuate", "create"])


async def test_the_sdks_live_migration_says_at_once_that_there_is_no_host(cloud: Region) -> None:
    server = cloud.world.vm("shop-web-1").id

    def nowhere(c: Connection) -> None:
        c.compute.live_migrate_server(server, host="compute-1", block_migration="auto")

    with pytest.raises(exceptions.BadRequestException, match="There are not enough hosts available"):
        await with_sdk(cloud, nowhere)

    def somewhere(c: Connection) -> list[str]:
        c.compute.live_migrate_server(server, host=None, block_migration="auto")
        return [m.status for m in c.compute.migrations(instance_uuid=server)]

    assert await with_sdk(cloud, somewhere) == ["accepted", "error"]  # newest first
    assert (await cloud.move_ends("shop-web-1")).status == "completed"


async def test_the_sdk_follows_pages_of_servers(cloud: Region) -> None:
    def ask(c: Connection) -> int:
        return len(list(c.compute.servers(all_projects=True, limit=7)))

    assert await with_sdk(cloud, ask) == 40


async def test_the_sdk_trips_over_the_last_page_of_migrations_when_given_a_limit(cloud: Region) -> None:
    """It asks on with the id of the last record as marker; Nova wants its uuid."""
    for vm in cloud.world.vms_on(cloud.world.host("compute-2")):
        await cloud.act(vm.id, "evacuate", {})
    found = await with_sdk(cloud, lambda c: list(c.compute.migrations(source_compute="compute-2")))
    assert len(found) == 12

    with pytest.raises(exceptions.BadRequestException, match="Marker 1 could not be found"):
        await with_sdk(cloud, lambda c: list(c.compute.migrations(source_compute="compute-2", limit=5)))


async def test_the_sdk_reads_volumes_and_filters_their_host_itself(cloud: Region) -> None:
    def ask(c: Connection) -> tuple[int, int, int]:
        def count(host: str) -> int:
            return len(list(c.block_storage.volumes(all_projects=True, host=host)))

        return len(list(c.block_storage.services())), count("storage-1@ceph#ceph"), count("storage-1@ceph")

    assert await with_sdk(cloud, ask) == (5, 38, 0)


async def test_the_sdk_logs_in_again_when_its_token_is_over(cloud: Region) -> None:
    loop = asyncio.get_running_loop()

    def ask(c: Connection) -> int:
        list(c.compute.services())
        loop.call_soon_threadsafe(cloud.keystone.revoke_all)
        return len(list(c.compute.services()))

    assert await with_sdk(cloud, ask) == 7
    logins = cloud.world.calls_to("/auth/tokens", method="POST")
    assert [c.status for c in logins] == [201, 201]


async def test_a_member_is_told_so_by_the_sdk(cloud: Region) -> None:
    def ask(c: Connection) -> None:
        list(c.compute.services())

    with pytest.raises(exceptions.ForbiddenException, match="os_compute_api:os-services:list"):
        await with_sdk(cloud, ask, user="demo")


# ---------------------------------------------------------------------- the openstack command


async def test_the_command_line_reads_the_cloud(cloud: Region) -> None:
    server = cloud.world.vm("payments-db-1").id
    answers = await command_lines(
        cloud,
        "compute service list --long -f json",
        "server list --all-projects --host compute-2 --long -f json",
        "hypervisor list -f json",
        f"server show {server} -f json",
        "aggregate list -f json",
        "server group list --all-projects -f json",
        "volume list --all-projects -f json",
        "volume service list -f json",
        "availability zone list --compute -f json",
        "flavor list -f json",
        "image list -f json",
        "project list -f json",
    )
    assert [code for code, _, _ in answers] == [0] * len(answers), answers
    services, servers, hypervisors, shown, aggregates, groups, volumes, cinder, *_ = [
        json.loads(out) for _, out, _ in answers
    ]
    assert {s["Host"]: s["State"] for s in services}["compute-2"] == "down"
    assert len(servers) == 12
    assert len(hypervisors) == 5
    assert shown["OS-EXT-SRV-ATTR:host"] == "compute-2"
    assert [a["Availability Zone"] for a in aggregates] == ["az-1", "az-2"]
    assert len(groups) == 2
    assert len(volumes) == 38
    assert len(cinder) == 5
    assert cloud.world.mutations() == []


async def test_the_command_line_empties_a_dead_host(cloud: Region) -> None:
    server = cloud.world.vm("shop-web-3").id
    answers = await command_lines(
        cloud,
        "compute service set --disable --disable-reason 'muster 01J' compute-2 nova-compute",
        "compute service set --down compute-2 nova-compute",
        f"server evacuate {server}",
        f"server migration list --server {server} -f json",
        f"--os-compute-api-version 2.90 server evacuate --host nope {server}",
    )
    assert [code for code, _, _ in answers] == [0, 0, 0, 0, 1], answers
    assert "Compute host nope not found." in answers[4][2]
    host = cloud.world.host("compute-2")
    assert (host.enabled, host.disabled_reason, host.forced_down) == (False, "muster 01J", True)
    [record] = json.loads(answers[3][1])
    assert (record["Type"], record["Source Compute"]) == ("evacuation", "compute-2")
    assert (await cloud.move_ends("shop-web-3")).status == "done"


async def test_the_command_line_tells_a_member_that_it_may_not(cloud: Region) -> None:
    answers = await command_lines(cloud, "server list --all-projects", "server list -f json", user="demo")
    assert answers[0][0] == 1
    assert "os_compute_api:servers:detail:get_all_tenants" in answers[0][2]
    assert sorted(s["Name"] for s in json.loads(answers[1][1])) == ["demo-vm-1", "demo-vm-2"]
