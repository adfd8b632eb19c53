"""What each cloud tells of its hosts, as far as the rounds rely on it."""

from datetime import timedelta

from adapters.simulated.records import Maintenance
from tests.contract.arena_cloudtower import cloudtower_arena
from tests.contract.arena_openstack import openstack_arena


async def test_openstack_tells_which_host_is_down_and_since_when() -> None:
    async with openstack_arena(vms=1) as arena:
        dead, alive, *_ = await arena.cloud.hosts("", limit=10)
        assert (dead.is_down, dead.down_since) == (True, arena.world.last_beat(arena.host))
        assert (alive.is_down, alive.down_since) == (False, None)
        assert (dead.taken_out_by, alive.taken_out_by) == ("", "")


async def test_openstack_tells_of_which_hosts_it_knows_nothing_because_their_cell_is_silent() -> None:
    async with openstack_arena(vms=1) as arena:
        arena.world.faults.silence(arena.host.name)
        known, *_, silent = sorted(await arena.cloud.hosts("", limit=10), key=lambda host: host.is_silent)
        assert (silent.name, silent.is_silent, silent.is_down, silent.in_service) == ("compute-1", True, False, False)
        assert "cell does not answer" in silent.state
        assert (known.is_silent, known.is_down, known.in_service) == (False, False, True)
        assert known.vms is None


async def test_openstack_counts_the_vms_of_a_dead_host_anew_once_somebody_has_dealt_with_it() -> None:
    """Its nova-compute cannot: what it wrote last still counts those that were evacuated."""
    async with openstack_arena(vms=2) as arena:
        stays, goes = arena.world.vms_on(arena.host)
        arena.world.kill_host("compute-2")

        async def counted() -> list[int | None]:
            return [host.vms for host in await arena.cloud.hosts("", limit=2)]

        asked = len(arena.world.calls)
        assert await counted() == [2, 0]
        goes.host = arena.world.host("compute-3")
        assert await counted() == [2, 0], "nobody has dealt with it"
        assert not any("/servers" in call.path for call in arena.world.calls[asked:])
        arena.host.forced_down = True
        assert await counted() == [1, 0]
        arena.host.forced_down, arena.host.enabled = False, False
        assert await counted() == [1, 0]
        stays.host = goes.host
        assert await counted() == [0, 0]
        assert "taken" not in (await arena.cloud.hosts(arena.host.name, limit=1))[0].note


async def test_openstack_tells_which_operation_of_ours_disabled_a_host() -> None:
    async with openstack_arena(vms=1) as arena:
        for reason, by in {
            "muster run=7F3K: the DIMM is bad: again": "7F3K",
            "muster run=7F3K": "7F3K",
            "bob: keep off": "",
            "see muster run=7F3K": "",
        }.items():
            arena.host.enabled, arena.host.disabled_reason = False, reason
            (host,) = await arena.cloud.hosts(arena.host.name, limit=1)
            assert (host.taken_out_by, host.in_service) == (by, False)
        arena.host.enabled = True
        (host,) = await arena.cloud.hosts(arena.host.name, limit=1)
        assert host.taken_out_by == ""


async def test_cloudtower_tells_which_host_is_lost_unless_it_is_in_maintenance() -> None:
    async with cloudtower_arena(vms=1) as arena:
        (host,) = await arena.cloud.hosts(arena.host.name, limit=1)
        assert (host.is_down, host.taken_out_by) == (False, None)
        arena.world.kill_host(arena.host.name)
        await arena.clock.pass_time(timedelta(minutes=2).total_seconds())
        (host,) = await arena.cloud.hosts(arena.host.name, limit=1)
        assert (host.is_down, host.in_service) == (True, False)
        arena.host.maintenance = Maintenance.IN_MAINTENANCE
        (host,) = await arena.cloud.hosts(arena.host.name, limit=1)
        assert (host.is_down, host.in_service) == (False, False)
