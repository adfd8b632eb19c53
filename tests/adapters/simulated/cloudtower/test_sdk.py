"""The vendor's own SDK (cloudtower-sdk 2.23.0, blocking) drives the simulated face through a whole maintenance."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import pytest
from cloudtower import ApiClient, Configuration
from cloudtower.api import AlertApi, ApiInfoApi, ClusterApi, HostApi, LabelApi, TaskApi, UserApi, VmApi
from cloudtower.exceptions import ApiException
from cloudtower.models import (
    EnterMaintenanceModeCheckParams,
    EnterMaintenanceModeInput,
    EnterMaintenanceModeParams,
    EnterMaintenanceModeResultParams,
    ExitMaintenanceModeInput,
    ExitMaintenanceModeParams,
    ExitMaintenanceModeResultParams,
    HostWhereInput,
    VmStartParamsData,
)
from cloudtower.utils import login

from adapters.simulated.cloudtower.state import PASSWORD, USERNAME, HostAlert
from adapters.simulated.records import Maintenance, Power
from bot.domain.values import Action, Then
from tests.adapters.cloudtower import spec
from tests.adapters.cloudtower.bench import Bench, Walk

T = TypeVar("T")
S = 1.0  #: one step of simulated time


class Sdk:
    """An API client of the SDK, each call in a thread of its own."""

    def __init__(self, tower: Bench, client: ApiClient) -> None:
        self.tower = tower
        self.client = client

    async def call(self, function: Callable[..., T], *arguments: Any, **options: Any) -> T:
        return await asyncio.to_thread(function, *arguments, **options)

    async def until_ended(self, task_id: str) -> Any:
        """What `utils.wait_task` does, with simulated time between its questions."""
        seen = []
        for _ in range(200):
            tasks = await self.call(TaskApi(self.client).get_tasks, {"where": {"id": task_id}})
            seen.append(tasks[0].status if tasks else None)
            if tasks and tasks[0].status in {"SUCCESSED", "FAILED"}:
                assert seen[0] is None  # a new task is missing at first
                return tasks[0]
            await self.tower.clock.pass_time(S)
        raise AssertionError(seen)


@pytest.fixture
async def sdk(tower: Bench) -> AsyncIterator[Sdk]:
    configuration = Configuration(host=tower.url)
    with ApiClient(configuration) as client:
        made = Sdk(tower, client)
        await made.call(login, client, USERNAME, PASSWORD)
        yield made
        client.rest_client.pool_manager.clear()


async def host_state(sdk: Sdk) -> str:
    await sdk.tower.clock.pass_time(sdk.tower.tower.sync)
    (host,) = await sdk.call(HostApi(sdk.client).get_hosts, {"where": {"name": "node-1"}})
    return host.host_state.state if host.host_state else "IN_USE"


async def test_the_sdk_enters_and_exits_maintenance(sdk: Sdk) -> None:
    tower, hosts = sdk.tower, HostApi(sdk.client)
    host_id = tower.host("node-1").cuid

    check = EnterMaintenanceModeCheckParams(where=HostWhereInput(id=host_id))
    task = await sdk.call(hosts.enter_maintenance_mode_pre_check, check)
    ask = EnterMaintenanceModeResultParams(where={"task_id": task.task_id})
    assert not (await sdk.call(hosts.enter_maintenance_mode_precheck_result, ask)).done
    await sdk.until_ended(task.task_id)
    result = await sdk.call(hosts.enter_maintenance_mode_precheck_result, ask)
    assert result.done
    assert [vm.vm_uuid for vm in result.shutdown_vms] == [tower.world.vm("gpu-1").id]

    entered = await sdk.call(
        hosts.enter_maintenance_mode,
        EnterMaintenanceModeParams(
            where=VmStartParamsData(host_id=host_id),
            data=EnterMaintenanceModeInput(shutdown_vms=[vm.vm_uuid for vm in result.shutdown_vms]),
        ),
    )
    assert entered.data.id == host_id
    assert (await sdk.until_ended(entered.task_id)).status == "SUCCESSED"
    assert await host_state(sdk) == "MAINTENANCE_MODE"
    assert tower.world.vm("gpu-1").power is Power.STOPPED

    leave = ExitMaintenanceModeResultParams(where=HostWhereInput(id=host_id))
    lists = await sdk.call(hosts.exit_maintenance_mode_precheck_result, leave)
    assert [vm.vm_name for vm in lists.shut_down_vms] == ["gpu-1"]
    assert {vm.vm_name for vm in lists.live_migrate_vms} == {"web-1", "web-2"}
    assert [(vm.vm_name, vm.vm_state) for vm in lists.offline_migrate_vms] == [("batch-1", "stopped")]
    assert not any(vm.verify.changed for vm in lists.live_migrate_vms)

    left = await sdk.call(
        hosts.exit_maintenance_mode,
        ExitMaintenanceModeParams(
            where=VmStartParamsData(host_id=host_id),
            data=ExitMaintenanceModeInput(
                poweron_vms=[vm.vm_uuid for vm in lists.shut_down_vms],
                live_migrate_back_vms=[vm.vm_uuid for vm in lists.live_migrate_vms],
                offline_migrate_back_vms=[vm.vm_uuid for vm in lists.offline_migrate_vms],
            ),
        ),
    )
    assert (await sdk.until_ended(left.task_id)).status == "SUCCESSED"
    assert await host_state(sdk) == "IN_USE"
    assert tower.world.vm("gpu-1").power is Power.RUNNING
    assert {vm.name for vm in tower.world.vms_on(tower.host("node-1"))} == {"web-1", "web-2", "gpu-1", "batch-1"}


async def test_the_sdk_reads_everything_else(sdk: Sdk) -> None:
    tower = sdk.tower
    tower.tower.alerts.append(HostAlert(id="alert-1", host=tower.host("node-1"), message="fan 2 is slow"))
    tower.tower.labels[tower.host("node-1").cuid] = {"rack": "7"}
    assert await sdk.call(ApiInfoApi(sdk.client).get_api_version) == tower.tower.version
    assert (await sdk.call(UserApi(sdk.client).get_my_info)).username == USERNAME
    assert [c.name for c in await sdk.call(ClusterApi(sdk.client).get_clusters, {"where": {"name": "c1"}})] == ["c1"]
    on_host = {"where": {"ended": False, "host": {"id": tower.host("node-1").cuid}}, "first": 20}
    assert [a.message for a in await sdk.call(AlertApi(sdk.client).get_alerts, on_host)] == ["fan 2 is slow"]
    assert [x.value for x in await sdk.call(LabelApi(sdk.client).get_labels, {"where": {"key": "rack"}})] == ["7"]
    counted = await sdk.call(HostApi(sdk.client).get_hosts_connection, {"where": {}})
    assert counted.aggregate.count == 3


async def test_the_sdk_operates_vms_and_hosts(sdk: Sdk) -> None:
    tower, vms = sdk.tower, VmApi(sdk.client)
    web = tower.world.vm("web-1")
    (moved,) = await sdk.call(
        vms.migrate_vm, {"where": {"id": web.cuid}, "data": {"host_id": tower.host("node-2").cuid}}
    )
    assert (await sdk.until_ended(moved.task_id)).status == "SUCCESSED"
    assert web.host is tower.host("node-2")
    (stopped,) = await sdk.call(vms.shut_down_vm, {"where": {"id": web.cuid}})
    await sdk.until_ended(stopped.task_id)
    (started,) = await sdk.call(vms.start_vm, {"where": {"id": web.cuid}})
    await sdk.until_ended(started.task_id)
    (off,) = await sdk.call(vms.poweroff_vm, {"where": {"id": web.cuid}})
    await sdk.until_ended(off.task_id)
    assert web.power is Power.STOPPED
    tower.tower.stubborn = {"web-2"}
    (ignored,) = await sdk.call(vms.shut_down_vm, {"where": {"id": tower.world.vm("web-2").cuid}})
    assert "JOB_VM_SHUTDOWN_TIMEOUT" in (await sdk.until_ended(ignored.task_id)).error_message
    node = tower.host("node-3")
    node.maintenance = Maintenance.IN_MAINTENANCE
    power = {"where": {"host_id": node.cuid}, "data": {"action": "poweroff", "force": False, "reason": "new fan"}}
    switched = await sdk.call(HostApi(sdk.client).power_off_host, power)
    await sdk.until_ended(switched.task_id)
    assert not node.alive


async def test_every_call_of_the_adapter_is_one_that_the_document_knows(tower: Bench) -> None:
    """The bench holds bodies and replies against the document; a path that is not in it would slip through."""
    await Walk(bench=tower, plan=await tower.plan(then=Then.REBOOT)).to_end()
    await tower.clock.pass_time(tower.tower.sync)
    await Walk(bench=tower, plan=await tower.plan(action=Action.EXIT)).to_end()
    await tower.cloud.instead(Action.EVACUATE, "node-1")
    await tower.cloud.hosts("node", limit=5)
    assert list(await tower.cloud.check()) == []
    asked = {call.path.removeprefix(spec.PREFIX) for call in tower.world.calls}
    assert asked - set(spec.document()["paths"]) == set()
    assert asked >= {"/operate-host-power", "/enter-maintance-mode", "/exit-maintance-mode", "/get-alerts"}


async def test_the_sdk_is_told_off_like_everybody(sdk: Sdk) -> None:
    with pytest.raises(ApiException) as refused:
        await sdk.call(
            HostApi(sdk.client).enter_maintenance_mode_precheck_result, {"where": {"id": "as the vendor's page says"}}
        )
    assert refused.value.status == 400
    sdk.tower.violations.clear()  # it was wrong on purpose
    sdk.tower.tower.expire_tokens()
    with pytest.raises(ApiException) as unknown:
        await sdk.call(HostApi(sdk.client).get_hosts, {"where": {}})
    assert unknown.value.status == 401
