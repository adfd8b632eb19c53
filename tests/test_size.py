"""Judging grows with the number of VMs and no faster: whatever is counted for twice as many is twice as much."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from adapters.cloudtower.plans import entering as plan_enter
from adapters.cloudtower.plans import leaving
from adapters.cloudtower.survey.leaving import LeavingSurvey, WayBack, WayBackKind
from adapters.cloudtower.survey.survey import CloudTowerSurvey, PrecheckOutcome, TowerPrecheck
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.translate import TowerCluster, TowerVm
from adapters.openstack.model.resources import Server, ServerGroup
from bot.domain.cloud import Left
from bot.domain.plans.plan import Plan
from bot.domain.values import Action, VmId
from tests.adapters.openstack.build import (
    DEAD,
    altered,
    back,
    configured,
    enter,
    here,
    living,
    migration,
    plan,
    request,
    room,
    server,
    survey,
    with_service,
)

MOST = 2.2  #: times as much for twice as many: a little more than in proportion, for sorting


class Name(str):
    """An id that is compared where it can be counted."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def counted(make: Callable[[], Plan]) -> int:
    """How many of Python's own operations it takes; that differs neither by the machine nor by what runs beside."""
    number = 0

    def operation(frame: FrameType, event: str, argument: Any) -> Any:
        del argument
        nonlocal number
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        number += event == "opcode"
        return operation

    before = sys.gettrace()
    sys.settrace(operation)
    try:
        made = make()
    finally:
        sys.settrace(before)
    assert not made.is_blocked
    return number


def region(count: int) -> tuple[tuple[Server, ...], dict[str, Any]]:
    """So many VMs in pairs that are kept apart, each with an old record and a volume, and room for all of them."""
    servers = tuple(
        server(f"vm-{n}", id=Name(f"id-vm-{n}"), volumes=frozenset({f"v-{n}"}), metadata={"turn": str(n % 7)})
        for n in range(count)
    )
    pairs = tuple(
        ServerGroup(id=f"g-{n}", name=f"pair-{n}", policy="soft-anti-affinity", members=frozenset({one.id, other.id}))
        for n, (one, other) in enumerate(zip(servers[::2], servers[1::2], strict=True))
    )
    records = tuple(migration(n, f"vm-{n}", "failed", type="live-migration") for n in range(count))
    big = {f"compute-{n}": room(10**6, 10**6) for n in (2, 3, 4)}
    return servers, {"groups": pairs, "migrations": records, "by_host": {DEAD: room(10**6, 10**6), **big}}


def evacuation(count: int) -> Callable[[], Plan]:
    servers, others = region(count)
    taken = survey(*servers, **others)
    return lambda: plan(taken, settings=configured(priority_metadata="turn", lock_vms=True))


def evacuation_of_the_ticked(count: int) -> Callable[[], Plan]:
    servers, others = region(count)
    taken, ticked = survey(*servers, **others), tuple(VmId(s.id) for s in servers)
    return lambda: plan(taken, vms=ticked, is_choice=True)


def evacuation_without_room_for_all(count: int) -> Callable[[], Plan]:
    servers, others = region(count)
    taken = survey(*servers, **{**others, "by_host": {"compute-2": room(10**6, count)}})
    return lambda: plan(taken)


def entering(count: int) -> Callable[[], Plan]:
    servers, others = region(count)
    half = tuple(replace(s, status="SHUTOFF", vm_state="stopped") for s in servers[::2])
    taken = living(*half, *servers[1::2], **others)
    return lambda: enter(taken, settings=configured(priority_metadata="turn"))


def returning(count: int) -> Callable[[], Plan]:
    servers, others = region(count)
    away = tuple(replace(s, host="compute-2") for s in servers)
    ledger = tuple(Left(id=VmId(s.id), name=s.name, status="ACTIVE", place="compute-2") for s in away)
    taken = altered(living(**others), listed=here(), away=away)
    taken = with_service(taken, DEAD, is_enabled=False, disabled_reason="muster run=01RUN")
    ticked = tuple(VmId(s.id) for s in away)
    return lambda: back(taken, ledger=ledger, vms=ticked, is_choice=True)


HOST = {"id": "c-node-1", "local_id": "u-node-1", "name": "node-1", "cluster": {"id": "c1", "name": "c1"}}
IN_USE = HOST | {"status": "CONNECTED_HEALTHY", "state": "IN_USE", "allocatable_memory_bytes": 2**60}
PEER = IN_USE | {"id": "c-node-2", "local_id": "u-node-2", "name": "node-2"}
EMPTY = IN_USE | {"host_state": {"state": "MAINTENANCE_MODE"}}
CLUSTER = TowerCluster(id="c1", name="c1", connection="CONNECTED", recovering=0)


def tower_vms(count: int) -> tuple[TowerVm, ...]:
    rows = ({"id": f"c-{n}", "local_id": f"u-{n}", "name": f"vm-{n}", "status": "RUNNING"} for n in range(count))
    vms = (translate.vm(row) for row in rows)
    return tuple(replace(vm, id=Name(vm.id), local_id=Name(vm.local_id)) for vm in vms)


def tower_entering(count: int) -> Callable[[], Plan]:
    vms = tower_vms(count)
    precheck = TowerPrecheck(outcome=PrecheckOutcome.READY, shutdown=tuple(vm.local_id for vm in vms[::2]))
    taken = CloudTowerSurvey(
        version="4.8.0",
        host=translate.host(IN_USE),
        peers=(translate.host(PEER),),
        cluster=CLUSTER,
        vms=vms,
        precheck=precheck,
    )
    return lambda: plan_enter.plan(request(action=Action.ENTER), taken)


def tower_leaving(count: int) -> Callable[[], Plan]:
    offers = tuple(
        WayBack(uuid=vm.local_id, way=WayBackKind.LIVE, name=vm.name, place="node-2", changed="", vm=vm)
        for vm in tower_vms(count)
    )
    taken = LeavingSurvey(version="4.8.0", host=translate.host(EMPTY), cluster=CLUSTER, offers=offers)
    asked = request(action=Action.EXIT, vms=tuple(VmId(o.uuid) for o in offers), is_choice=True)
    return lambda: leaving.plan(asked, taken)


WAYS = [
    (evacuation, 150),
    (evacuation_of_the_ticked, 150),
    (evacuation_without_room_for_all, 150),
    (entering, 150),
    (returning, 150),
    (tower_entering, 75),  # no host with more than 150 enters
    (tower_leaving, 150),
]


@pytest.mark.parametrize(("way", "few"), WAYS)
def test_a_plan_for_twice_as_many_vms_takes_twice_as_much(way: Callable[[int], Callable[[], Plan]], few: int) -> None:
    once, twice = counted(way(few)), counted(way(2 * few))
    assert twice > 1.6 * once, "the VMs must be what it is about"
    assert twice <= MOST * once
