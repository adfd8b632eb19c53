"""The simulated data centre keeps its time, its room and its hosts honest."""

from datetime import timedelta

import pytest

from adapters.simulated.datacentre import build
from adapters.simulated.nova.moves import Conductor
from adapters.simulated.openstack.identity import Caller
from adapters.simulated.records import LoggedCall, Platform, Power
from adapters.simulated.world import World
from tests.clocks import ManualClock


async def test_deeds_happen_in_order_each_at_its_own_moment() -> None:
    clock = ManualClock()
    world = World(clock.now)
    seen: list[tuple[str, float]] = []

    def note(name: str) -> None:
        seen.append((name, (world.now - world.born).total_seconds()))

    def note_first() -> None:
        note("first")
        world.after(1, lambda: note("second"))

    world.after(3, lambda: note("third"))
    world.after(1, note_first)
    world.settle()
    assert seen == []
    await clock.pass_time(10)
    world.settle()
    assert seen == [("first", 1.0), ("second", 2.0), ("third", 3.0)]
    assert world.now - world.born == timedelta(seconds=10)
    assert world.next_deed() is None


async def test_a_deed_that_breaks_is_not_done_twice_and_leaves_the_rest() -> None:
    clock = ManualClock()
    world = World(clock.now)
    done: list[str] = []
    world.after(1, lambda: done.append(str(1 // 0)))
    world.after(2, lambda: done.append("next"))
    await clock.pass_time(5)
    with pytest.raises(ZeroDivisionError):
        world.settle()
    world.settle()
    assert done == ["next"]


async def test_a_living_host_beats_every_five_seconds_and_a_dead_one_stops() -> None:
    clock = ManualClock()
    world = build(clock.now)
    host = world.host("compute-1")
    await clock.pass_time(12)
    assert world.last_beat(host) - world.born == timedelta(seconds=10)
    world.kill_host("compute-1")
    await clock.pass_time(18)
    assert world.is_up(host)
    await clock.pass_time(1)
    assert not world.is_up(host)
    world.revive_host("compute-1")
    assert world.is_up(host)


async def test_the_service_down_time_can_be_chosen() -> None:
    clock = ManualClock()
    world = build(clock.now, service_down_time=60)
    world.kill_host("compute-1")
    await clock.pass_time(60)
    assert world.is_up(world.host("compute-1"))
    await clock.pass_time(1)
    assert not world.is_up(world.host("compute-1"))


def test_room_is_what_is_not_promised() -> None:
    world = World(ManualClock().now)
    host = world.add_host("h", world.add_cluster("c", Platform.CLOUDTOWER), memory_mb=10_000)
    vm = world.add_vm("a", host, memory_mb=4_000)
    assert world.room(host).memory_mb == 6_000
    other = world.add_host("i", host.cluster)
    world.relocate(vm, other)
    assert world.room(host).memory_mb == 10_000
    world.delete_vm("a")
    assert world.used(other).memory_mb == 0


def test_names_that_mean_several_or_nothing_are_refused() -> None:
    world = build(ManualClock().now)
    world.add_host("node-1", world.add_cluster("second", Platform.CLOUDTOWER))
    with pytest.raises(LookupError, match="2 hosts answer to 'node-1'"):
        world.host("node-1")
    with pytest.raises(LookupError, match="0 VMs"):
        world.vm("nope")


def test_two_builds_are_alike() -> None:
    clock = ManualClock()
    first, second = build(clock.now), build(clock.now)
    assert list(first.vms) == list(second.vms)
    assert list(first.hosts) == list(second.hosts)


def test_the_demo_has_a_dead_host_with_twelve_servers_and_room_elsewhere() -> None:
    world = build(ManualClock().now)
    dead = world.host("compute-2")
    servers = world.vms_on(dead)
    assert not world.is_up(dead)
    assert sorted(v.state for v in servers) == ["active"] * 9 + ["error"] + ["stopped"] * 2
    needed = sum(v.memory_mb for v in servers)
    beside = [h for h in world.hosts_of(Platform.OPENSTACK) if h.zone == dead.zone and h is not dead]
    assert sum(world.room(h).memory_mb for h in beside) > needed
    assert len(world.vms_of(Platform.OPENSTACK)) == 40


def test_the_demo_tower_has_a_full_node_with_vms_that_cannot_move() -> None:
    world = build(ManualClock().now)
    node = world.host("node-1")
    here = world.vms_on(node)
    assert len(here) == 40
    assert len([v for v in here if not v.migratable and v.power is Power.RUNNING]) == 3
    assert all(v.usage is None for v in here)
    assert [h.name for h in world.hosts_of(Platform.CLOUDTOWER)] == ["node-1", "node-2", "node-3", "node-4"]


def test_a_power_change_shows_in_both_platforms_words() -> None:
    world = build(ManualClock().now)
    vm = world.vm("shop-web-1")
    world.set_power(vm, Power.SUSPENDED)
    assert (vm.power, vm.state) == (Power.SUSPENDED, "suspended")
    world.set_vm_state("shop-web-1", "error")
    assert (vm.power, vm.state) == (Power.SUSPENDED, "error")


async def test_a_host_that_was_only_cut_off_removes_nothing_when_it_is_back() -> None:
    clock = ManualClock()
    world = build(clock.now)
    conductor = Conductor(world)
    caller = Caller(user_id="u", project_id="p", request_id="req-1", is_admin=True)
    move = conductor.evacuate(world.vm("shop-web-3"), None, caller, leave_stopped=False)
    await clock.pass_time(10)
    world.settle()
    assert move.status == "done"
    world.revive_host("compute-2", restarted=False)
    await clock.pass_time(60)
    world.settle()
    assert move.status == "done"
    world.kill_host("compute-2")
    world.revive_host("compute-2")
    await clock.pass_time(60)
    world.settle()
    assert move.status == "completed"


def test_the_volume_service_of_a_host_dies_and_comes_back_with_it() -> None:
    world = build(ManualClock().now, cinder_on="compute-1")
    world.kill_host("compute-1")
    assert {s.host for s in world.cinder_services if s.died_at} == {"compute-1@ceph", "compute-1"}
    world.revive_host("compute-1")
    assert not [s for s in world.cinder_services if s.died_at]


def test_the_call_log_is_bounded() -> None:
    world = World(ManualClock().now)
    call = LoggedCall(
        at=world.now, face="openstack", method="GET", path="/", query="", body=None, status=200, changes=False
    )
    for _ in range(100_005):
        world.log(call)
    assert len(world.calls) == 100_000
