"""The simulated CloudTower itself: never kinder than the real one, and it takes what the vendor's SDK really sends."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from adapters.simulated.cloudtower import rows
from adapters.simulated.cloudtower.gate import PREFIX
from adapters.simulated.cloudtower.state import API_KEY
from adapters.simulated.records import Maintenance, Power
from tests.adapters.cloudtower import spec
from tests.adapters.cloudtower.bench import Bench

HOST_ID, HOST_UUID = "clh0000000000host00000001", "b6d0cd3c-5f0a-4f0e-9c0e-3f1a4e5b6c7d"
CAPTURES = json.loads((spec.DATA / "captures.json").read_text())
# what the SDK was made to send wrongly on purpose: bodies of the vendor's page
MISTAKES = {"precheck_result_seed_dict", "enter_seed_dict"}


class Raw:
    """A client that sends anything."""

    def __init__(self, tower: Bench, http: httpx.AsyncClient) -> None:
        self.tower = tower
        self.http = http

    async def __call__(self, path: str, body: Any, *, token: str = API_KEY) -> tuple[int, Any]:
        response = await self.http.post(self.tower.url + path, json=body, headers={"Authorization": token})
        return response.status_code, response.json()


@pytest.fixture
async def raw(tower: Bench) -> AsyncIterator[Raw]:
    async with httpx.AsyncClient() as http:
        yield Raw(tower, http)
    tower.violations[:] = [v for v in tower.violations if not v.startswith("request ")]  # wrong bodies are the point


@pytest.mark.parametrize(
    "path",
    [
        *("/enter-maintenance-mode", "/enter-maintenance-mode-precheck-result", "/exit-maintenance-mode"),
        *("/exit-maintenance-mode-precheck-result", "/enter-maintance-mode-precheck", "/evacuate-host"),
    ],
)
async def test_paths_that_the_product_does_not_have_are_404(raw: Raw, path: str) -> None:
    status, body = await raw(path, {"where": {"id": "x"}})
    assert (status, body["status"], body["path"]) == (404, 404, path)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/get-hosts", {"where": {"colour": "red"}}),
        ("/get-hosts", {"where": {"host_state": {"state": "IN_USE"}}}),
        ("/get-hosts", {"filter": {}}),
        ("/get-hosts", {"first": "ten"}),
        ("/get-hosts", {"orderBy": "name_UP"}),
        ("/get-vms", {"where": {"host": {"colour": "red"}}}),
        ("/get-vms", {"where": {"OR": {"id": "x"}}}),
        ("/get-vms", {"where": {"id_in": "x"}}),
        ("/get-vms", []),
        ("/enter-maintenance-mode-precheck", {}),
        ("/enter-maintenance-mode-precheck", {"where": {}}),
        ("/enter-maintance-mode-precheck-result", {"where": {"id": "x"}}),
        ("/enter-maintance-mode-precheck-result", {"where": {"task_id": "x"}}),
        ("/enter-maintance-mode", {"where": {"id": "x"}, "data": {}}),
        ("/enter-maintance-mode", {"where": {"host_id": "x"}}),
        ("/exit-maintance-mode", {"where": {"id": "x"}, "data": {}}),
        ("/operate-host-power", {"where": {"host_id": "x"}, "data": {"action": "poweroff"}}),
        ("/migrate-vm", {}),
        ("/login", {"username": "muster", "password": "x", "source": "LOCAL"}),
    ],
)
async def test_unknown_and_missing_keys_are_400_with_an_error_body(raw: Raw, path: str, body: Any) -> None:
    status, answer = await raw(path, body)
    assert (status, answer["status"], answer["path"]) == (400, 400, path)
    assert answer["message"]


async def test_the_shutdown_list_of_strings_only_is_taken(raw: Raw, tower: Bench) -> None:
    where = {"host_id": tower.host("node-1").cuid}
    uuid = tower.world.vm("gpu-1").id
    status, _ = await raw("/enter-maintance-mode", {"where": where, "data": {"shutdown_vms": [{"vm_uuid": uuid}]}})
    assert status == 400
    assert tower.host("node-1").maintenance is Maintenance.IN_USE


async def test_a_host_enters_once(raw: Raw, tower: Bench) -> None:
    body = {"where": {"host_id": tower.host("node-1").cuid}, "data": {}}
    assert (await raw("/enter-maintance-mode", body))[0] == 200
    assert (await raw("/enter-maintance-mode", body))[0] == 400


async def test_a_listless_entry_fails_at_the_vm_that_cannot_be_migrated(raw: Raw, tower: Bench) -> None:
    _, answer = await raw("/enter-maintance-mode", {"where": {"host_id": tower.host("node-1").cuid}, "data": {}})
    await tower.clock.pass_time(60)
    tower.world.settle()
    assert tower.world.tasks[answer["task_id"]].error_code == "VM_NOT_MIGRATABLE"
    assert tower.host("node-1").maintenance is Maintenance.IN_USE


async def test_a_fresh_task_is_missing_from_the_first_list(raw: Raw, tower: Bench) -> None:
    _, answer = await raw("/enter-maintenance-mode-precheck", {"where": {"id": tower.host("node-1").cuid}})
    body = {"where": {"id": answer["task_id"]}}
    assert (await raw("/get-tasks", body))[1] == []
    assert [t["status"] for t in (await raw("/get-tasks", body))[1]] == ["PENDING"]


async def test_vms_are_shown_as_they_were_at_the_last_sync(raw: Raw, tower: Bench) -> None:
    uuid = tower.world.vm("web-1").id
    await tower.clock.pass_time(5)
    await raw("/poweroff-vm", {"where": {"local_id": uuid}})
    await tower.clock.pass_time(5)
    assert (await raw("/get-vms", {"where": {"local_id": uuid}}))[1][0]["status"] == "RUNNING"
    assert tower.world.vm("web-1").power is Power.STOPPED
    await tower.clock.pass_time(15)
    assert (await raw("/get-vms", {"where": {"local_id": uuid}}))[1][0]["status"] == "STOPPED"


async def test_a_missing_host_is_an_empty_list(raw: Raw) -> None:
    assert await raw("/get-hosts", {"where": {"name": "node-99"}}) == (200, [])


async def test_an_empty_where_of_a_mutation_takes_everything(raw: Raw, tower: Bench) -> None:
    _, answer = await raw("/poweroff-vm", {"where": {}})
    assert len(answer) == 5
    await tower.clock.pass_time(5)
    tower.world.settle()
    assert {vm.power for vm in tower.world.vms.values()} == {Power.STOPPED}


@pytest.mark.parametrize("token", ["", "Bearer simulated-api-key", "other"])
async def test_a_wrong_token_is_401(raw: Raw, token: str) -> None:
    assert (await raw("/get-hosts", {}, token=token))[0] == 401


async def test_relations_lists_and_suffixes_select(raw: Raw, tower: Bench) -> None:
    async def names(path: str, where: Any, **more: Any) -> list[str]:
        status, found = await raw(path, {"where": where, "orderBy": "name_ASC", **more})
        assert status == 200, found
        return [row["name"] for row in found]

    assert await names("/get-vms", {"host": {"name": "node-2"}}) == ["app-2"]
    assert await names("/get-vms", {"host": {"name_not": "node-2"}, "status": "STOPPED"}) == ["batch-1"]
    assert await names("/get-vms", {"name_contains": "-1", "NOT": [{"ha": True}]}) == ["gpu-1"]
    assert await names("/get-vms", {"AND": [{"name_starts_with": "web"}, {"name_ends_with": "2"}]}) == ["web-2"]
    assert await names("/get-vms", {"memory_gt": 1, "name_not_in": ["web-1", "web-2"]}) == ["app-2", "batch-1", "gpu-1"]
    assert await names("/get-hosts", {"vms_some": {"name": "app-2"}}) == ["node-2"]
    assert await names("/get-hosts", {"vms_none": {"status": "RUNNING"}}) == ["node-3"]
    assert await names("/get-hosts", {"cluster": {"name": "c1"}}, first=1, skip=1) == ["node-2"]
    assert await names("/get-hosts", None, last=1) == ["node-3"]
    after = tower.host("node-1").cuid
    assert await names("/get-hosts", {}, after=after) == ["node-2", "node-3"]
    assert (await raw("/get-hosts-connection", {"where": {}}))[1] == {"aggregate": {"count": 3}}


@pytest.mark.parametrize("table", ["hosts", "vms", "clusters", "tasks", "alerts", "labels"])
async def test_nothing_can_be_asked_that_the_real_one_would_not_understand(tower: Bench, table: str) -> None:
    made = getattr(rows.Tables(tower.tower), table)()
    allowed = spec.document()["components"]["schemas"][f"{made.name}WhereInput"]["properties"]
    assert [c for c in made.columns if c not in allowed] == []
    assert [c for c in made.relations if c not in allowed] == []
    assert [c for c in made.lists if f"{c}_some" not in allowed] == []


@pytest.mark.parametrize(
    "capture",
    [c for c in CAPTURES if c["requests"] and not c["name"].startswith("error_")],
    ids=lambda c: str(c["name"]),
)
async def test_what_the_official_sdk_was_seen_to_send_is_understood(tower: Bench, capture: dict[str, Any]) -> None:
    host = tower.host("node-1")
    host.cuid, host.id = HOST_ID, HOST_UUID
    tower.tower.users["bot"] = "pw"
    async with httpx.AsyncClient(base_url=tower.url.removesuffix(PREFIX)) as http:
        for request in capture["requests"]:
            body = request["body"]
            response = await http.request(
                request["method"], request["path"], json=body, headers={"Authorization": API_KEY}
            )
            message = response.json()["message"] if response.status_code >= 400 else ""
            wrong = ("required", "unknown keys", "not defined", "Not Found", "not an object", "unknown parameters")
            understood = not any(word in message for word in wrong)
            assert understood is (capture["name"] not in MISTAKES), message
    tower.violations[:] = [v for v in tower.violations if capture["name"] not in MISTAKES]
