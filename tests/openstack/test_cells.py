"""A real Nova of two cells, one of which loses its database: what Muster makes of it, and what Nova answers.

The answers are facts that the adapter and the simulated cloud are built upon. `make test-openstack-slow` runs it.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.openstack.cloud import Cloud, Record
from tests.openstack.evening import SLOW, evening
from tests.openstack.lab import cells
from tests.openstack.lab.client import Client
from tests.openstack.lab.progress import until

DEAD, TARGET = "compute-5", "compute-6"  #: of the second cell
ELSEWHERE = "compute-1"
SPAWN_SECONDS = 40.0  #: longer than the database is away: what is being rebuilt then has its end to tell afterwards
AWAY_SECONDS = 10.0
SETTLED_SECONDS = 3.0
"""A rebuild that stores something while its cell has no database is lost for good (seen: `pre-migrating` for ever)."""
SILENT = "belongs to does not answer, so what is there is not known"  #: the cell of a host or of a server
pytestmark = pytest.mark.slow
BEFORE, SINCE = ("2.1", "2.53", "2.68"), ("2.69", "2.90", "2.96")
"""Microversions below and from the one at which Nova shows something of a cell that it cannot ask."""


class Nova:
    """Asks at any microversion, and tells what matters of the answer.

    Args:
        cloud: the lab.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._client = Client(cloud.settings)

    def says(self, path: str, at: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        """The status, and what stands under the only key."""
        answer = self._client.ask(method, f"/v2.1{path}", body, at=at)
        return answer.status, next(iter(answer.body.values())) if answer.body else None

    def status_of(self, path: str, at: str = "2.90", method: str = "GET", body: Any = None) -> int:
        """The status alone."""
        return self.says(path, at, method, body)[0]

    def lists(self, path: str, at: str) -> list[Any]:
        """The list of an answer with 200."""
        status, found = self.says(path, at)
        assert status == 200, found
        assert isinstance(found, list)
        return found

    def ids(self, query: str, at: str) -> set[str]:
        """Ids of listed servers."""
        return {str(server["id"]) for server in self.lists(f"/servers/detail?all_tenants=1{query}", at)}


@pytest.fixture
def nova(cloud: Cloud) -> Nova:
    return Nova(cloud)


@pytest.fixture(scope="module", autouse=True)
def _two_cells(cloud: Cloud) -> Iterator[None]:
    """The second cell is there for the whole module, and nothing is put right between its tests."""
    cloud.add_cell()
    yield
    cloud.begin_anew()


@pytest.fixture(autouse=True)
def _empty_and_whole(cloud: Cloud) -> Iterator[None]:
    """Only the database is brought back after each test."""
    yield
    cells.start_database(cloud.settings, cloud.processes)


@pytest.fixture
def whole(cloud: Cloud) -> None:
    """Everything is put right before the test."""
    cloud.revive(DEAD)
    for server in cloud.servers():
        cloud.act(server["id"], "forceDelete")
    until("all servers to be deleted", lambda: not cloud.servers(), seconds=60)


@pytest.fixture(scope="module")
def populated(cloud: Cloud) -> dict[str, str]:
    """Servers: evacuated from a dead host of the second cell, left there, deleted there, and one of the first cell."""
    booted = cloud.boot(3, on=DEAD, name="silent")
    names = dict(zip(("moved", "left", "deleted"), (server["id"] for server in booted), strict=True))
    (heard,) = cloud.boot(1, on=ELSEWHERE, name="heard")
    cloud.act(names["deleted"], "forceDelete")
    until("one to be deleted", lambda: len(cloud.servers(on=DEAD)) == 2, seconds=60)
    cloud.kill_compute(DEAD)
    cloud.wait_for_service(DEAD, "down")
    cloud.act(names["moved"], "evacuate", {"host": TARGET})
    cloud.wait_for_evacuations(DEAD, 1)
    return names | {"heard": heard["id"]}


def test_a_cell_without_its_database_is_missing_from_lists_that_end_with_200(
    cloud: Cloud, nova: Nova, populated: dict[str, str]
) -> None:
    heard, unheard = {populated["heard"]}, {populated["moved"], populated["left"]}
    cells.stop_database(cloud.processes)
    for at in BEFORE + SINCE:
        for query in (f"&host={DEAD}", f"&host={DEAD}&limit=1000", f"&host={TARGET}", f"&uuid={populated['left']}"):
            assert nova.ids(query, at) == set()
        for query in ("&limit=1000", "&changes-since=2026-01-01T00:00:00Z&deleted=false", "&deleted=false"):
            assert nova.ids(query, at) == heard
    for query in ("", f"?source_compute={DEAD}", f"?instance_uuid={populated['moved']}"):
        assert nova.status_of(f"/os-migrations{query}", "2.58") == 500
        for at in ("2.59", "2.90"):
            assert nova.lists(f"/os-migrations{query}", at) == []
    # without any filter or limit, and from 2.69 on, there are placeholders
    assert {nova.ids("", at) == heard for at in BEFORE} == {True}
    for at in SINCE:
        status = {s["id"]: s["status"] for s in nova.lists("/servers/detail?all_tenants=1", at)}
        assert status == dict.fromkeys(unheard, "UNKNOWN") | dict.fromkeys(heard, "ACTIVE")
    names = {zone["zoneName"]: zone["hosts"] for zone in nova.lists("/os-availability-zone/detail", "2.90")}
    assert not {DEAD, TARGET} & names["nova"].keys()

    cells.start_database(cloud.settings, cloud.processes)
    until("the cell to be heard again", lambda: nova.ids("&limit=1000", "2.90") == heard | unheard, seconds=60)
    (record,) = nova.lists(f"/os-migrations?source_compute={DEAD}", "2.90")
    assert (record["instance_uuid"], record["status"]) == (populated["moved"], "done")


def test_a_server_of_a_cell_without_its_database_is_unknown_and_a_deleted_one_is_not_found(
    cloud: Cloud, nova: Nova, populated: dict[str, str]
) -> None:
    path, deleted = f"/servers/{populated['left']}", f"/servers/{populated['deleted']}"
    known = {nova.status_of(deleted, at) for at in BEFORE + SINCE}
    assert known == {404}
    cells.stop_database(cloud.processes)
    for at in BEFORE:
        assert (nova.status_of(path, at), nova.status_of(deleted, at)) == (500, 500)
    for at in SINCE:
        status, shown = nova.says(path, at)
        assert (status, shown["status"], nova.status_of(deleted, at)) == (200, "UNKNOWN", 404)
        assert not {"name", "OS-EXT-SRV-ATTR:host", "OS-EXT-STS:vm_state", "OS-EXT-STS:task_state"} & shown.keys()
    for below in ("/os-instance-actions", "/migrations", "/os-volume_attachments"):
        assert nova.status_of(path + below) == 500


def test_services_of_a_cell_without_its_database_are_missing_or_unknown_and_no_hypervisor_is_shown(
    cloud: Cloud, nova: Nova, populated: dict[str, str]
) -> None:
    assert populated
    cells.stop_database(cloud.processes)
    for at in BEFORE:
        assert nova.lists(f"/os-services?binary=nova-compute&host={DEAD}", at) == []
        assert {s["host"] for s in nova.lists("/os-services?binary=nova-compute", at)} == set(cloud.computes)
    for at in SINCE:
        row = {"binary": "nova-compute", "host": DEAD, "status": "UNKNOWN"}
        assert nova.lists(f"/os-services?binary=nova-compute&host={DEAD}", at) == [row]
        listed = {s["host"]: s["status"] for s in nova.lists("/os-services?binary=nova-compute", at)}
        assert listed == dict.fromkeys(cloud.computes, "enabled") | dict.fromkeys((DEAD, TARGET), "UNKNOWN")
    for at in ("2.52", "2.53", "2.90"):
        assert {nova.status_of(f"/os-hypervisors{below}", at) for below in ("", "/detail")} == {500}


def test_nova_fails_when_it_is_asked_to_evacuate_to_a_host_of_another_cell_and_begins_nothing(
    cloud: Cloud, nova: Nova, populated: dict[str, str]
) -> None:
    """No API tells which cell a host is in. The answer names the source, which Nova looks for in the target's cell."""
    path = f"/servers/{populated['left']}"
    for _ in range(2):
        status, said = nova.says(f"{path}/action", "2.90", "POST", {"evacuate": {"host": ELSEWHERE}})
        assert status == 500
        assert "ComputeHostNotFound" in said["message"]
    assert [record["instance_uuid"] for record in cloud.migrations(DEAD)] == [populated["moved"]]
    assert cloud.server(populated["left"])["OS-EXT-STS:task_state"] is None


def test_no_order_reaches_a_cell_without_its_database_and_none_is_carried_out_later(
    cloud: Cloud, nova: Nova, populated: dict[str, str]
) -> None:
    path, service = f"/servers/{populated['left']}", f"/os-services/{cloud.service(DEAD)['id']}"
    before = cloud.server(populated["left"])
    cells.stop_database(cloud.processes)
    for at in ("2.67", "2.90"):
        orders: tuple[dict[str, Any], ...] = ({"evacuate": {}}, {"evacuate": {"host": TARGET}}, {"lock": None})
        for order in orders:
            assert nova.status_of(f"{path}/action", at, "POST", order) == 500
    assert nova.status_of(path, method="DELETE") == 500
    for change in ({"forced_down": True}, {"status": "disabled"}):
        assert nova.status_of(service, method="PUT", body=change) == 500

    cells.start_database(cloud.settings, cloud.processes)
    until("the cell to be heard again", lambda: cloud.server(populated["left"])["status"] == "ACTIVE", seconds=60)
    assert cloud.server(populated["left"])["updated"] == before["updated"]
    assert [record["instance_uuid"] for record in cloud.migrations(DEAD)] == [populated["moved"]]
    row = cloud.service(DEAD)
    assert (row["status"], row["forced_down"]) == ("enabled", False)


async def test_while_a_cells_database_hangs_nova_waits_a_minute_and_calls_every_host_of_the_other_cell_down(
    cloud: Cloud, nova: Nova, populated: dict[str, str]
) -> None:
    """Heartbeats are read at once, and are compared with the time when the cell that hangs has been waited for."""
    cells.freeze_database(cloud.processes)
    try:
        services, shown = await asyncio.gather(
            asyncio.to_thread(nova.lists, "/os-services?binary=nova-compute", "2.90"),
            asyncio.to_thread(nova.says, f"/servers/{populated['left']}", "2.90"),
        )
    finally:
        cells.start_database(cloud.settings, cloud.processes)
    assert (shown[0], shown[1]["status"]) == (200, "UNKNOWN")
    assert {s["host"]: s.get("state") for s in services} == dict.fromkeys(cloud.computes, "down") | dict.fromkeys(
        (DEAD, TARGET)
    )
    assert {cloud.service(host)["state"] for host in cloud.computes} == {"up"}


def test_a_server_whose_deletion_can_be_taken_back_is_in_no_list_and_keeps_its_host_and_its_room(
    cloud: Cloud, nova: Nova
) -> None:
    place = "compute-3"
    (server,) = cloud.boot(1, on=place)
    path = f"/servers/{server['id']}"
    assert nova.status_of(path, method="DELETE") == 204
    until("it to be deleted softly", lambda: cloud.server(server["id"])["status"] == "SOFT_DELETED", seconds=60)
    for query in (f"&host={place}", f"&host={place}&limit=1000", f"&uuid={server['id']}&deleted=false"):
        assert nova.ids(query, "2.90") == set()
    assert nova.ids(f"&host={place}&soft_deleted=True&limit=1000", "2.90") == {server["id"]}
    shown = cloud.server(server["id"])
    assert (shown["status"], shown["OS-EXT-SRV-ATTR:host"]) == ("SOFT_DELETED", place)
    assert cloud.allocations(server["id"])
    cloud.act(server["id"], "restore")
    until("it to be back", lambda: nova.ids(f"&host={place}", "2.90") == {server["id"]}, seconds=60)


@pytest.mark.usefixtures("whole")
async def test_a_cell_is_lost_in_the_middle_of_an_evacuation_which_waits_and_goes_on_when_it_is_back(
    cloud: Cloud, tmp_path: Path
) -> None:
    booted = await asyncio.to_thread(cloud.boot, 6, on=DEAD)
    ids = {server["id"]: server["name"] for server in booted}
    async with evening(tmp_path, cloud, terms="concurrency = 1") as night:
        stage = night.stage
        await night.dies(DEAD)
        await night.ask(f"/evacuate prod/{DEAD} --to {TARGET}")
        cloud.turn_knobs(TARGET, spawn_seconds=4)
        await night.approve()
        await stage.until(
            lambda: re.search("[1-5] of 6 VMs done", stage.card.plain), seconds=SLOW, what="the first is done"
        )
        cloud.turn_knobs(TARGET, spawn_seconds=SPAWN_SECONDS)  # of what is begun from now on
        began = len(_moves(cloud, ids))
        await asyncio.to_thread(until, "one more to be rebuilt", lambda: _rebuilt(cloud, ids, began), seconds=SLOW)
        await asyncio.sleep(SETTLED_SECONDS)
        arrived = {ids[server["id"]] for server in cloud.servers(on=TARGET)}
        begun = len(_moves(cloud, ids))

        cells.stop_database(cloud.processes)
        cloud.turn_knobs(TARGET, spawn_seconds=0)  # of what is begun from now on
        await stage.until(lambda: SILENT in stage.card.plain or stage.thread_says(SILENT), what="who is silent")
        await asyncio.sleep(AWAY_SECONDS)
        told = {name for name in ids.values() if any(name in line and "→" in line for line in stage.thread())}
        assert told
        assert told <= arrived
        for never in ("done and verified", "Needs a person", "safe to power off", "deleted"):
            assert never not in "\n".join([stage.card.plain, *stage.thread()])

        await asyncio.to_thread(cells.start_database, cloud.settings, cloud.processes)
        assert len(_moves(cloud, ids)) == begun, "nothing was begun meanwhile"
        await stage.card_says("6 of 6 done and verified", seconds=2 * SLOW)
        places = await night.places(ids)
    assert places == dict.fromkeys(ids.values(), TARGET)
    moved = Counter((m["instance_uuid"], m["status"]) for m in _moves(cloud, ids))
    assert moved == Counter((id, "done") for id in ids), "each exactly once"


def _moves(cloud: Cloud, ids: Collection[str]) -> list[Record]:
    """The records of these servers, in the order of their beginning."""
    mine = (record for record in cloud.migrations(DEAD) if record["instance_uuid"] in ids)
    return sorted(mine, key=lambda record: int(record["id"]))


def _rebuilt(cloud: Cloud, ids: Collection[str], began: int) -> bool:
    """Whether the target is in the midst of one that was begun later, and has done with the others."""
    records = _moves(cloud, ids)
    status = [record["status"] for record in records]
    if set(status[:began]) != {"done"} or status[began:] != ["pre-migrating"]:
        return False
    return bool(cloud.server(records[-1]["instance_uuid"])["OS-EXT-STS:task_state"] == "rebuild_spawning")


def test_one_host_in_two_cells_has_two_rows_whatever_is_asked(cloud: Cloud, nova: Nova) -> None:
    """As when a host was moved to another cell, and somebody starts its old nova-compute once more."""
    cells.start_in_the_first(cloud.settings, cloud.processes, TARGET)
    path = f"/os-services?binary=nova-compute&host={TARGET}"
    until("a second row", lambda: len(nova.lists(path, "2.90")) == 2, seconds=120)
    rows = nova.lists(path, "2.90")
    assert len({row["id"] for row in rows}) == 2
    assert {row["host"] for row in rows} == {TARGET}
    everyone = [row["host"] for row in nova.lists("/os-services?binary=nova-compute", "2.90")]
    assert everyone.count(TARGET) == 2
    assert cloud.providers().count(TARGET) == 1, "Placement takes a name once"
