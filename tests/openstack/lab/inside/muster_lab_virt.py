"""A virt driver for Nova that behaves as a host does in a failure test.

It is Nova's own fake driver (nova/virt/fake.py, Copyright 2010 United States Government as
represented by the Administrator of NASA, Copyright (c) 2010 Citrix Systems, Inc.; Apache-2.0),
namely FakeDriverWithoutFakeNodes, whose node keeps its identity over a restart. Added here:

* the guests are kept in state_path/guests.json, so that a nova-compute that comes back after an
  outage still has its old guests, as a real hypervisor has, and Nova's removal of the evacuated
  ones is real;
* a live migration takes time, and can be aborted or forced to complete, guest by guest (after
  FakeLiveMigrateDriver of the same file, which can do it for one guest at a time);
* state_path/knobs.json, read at every call, makes things slow or fail: see lab/knobs.py.

Runs inside nova-compute, from the package nova.virt, with the lab's own environment.
"""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nova.conf
from nova import exception
from nova.compute import power_state
from nova.virt import fake
from oslo_log import log as logging

CONF = nova.conf.CONF
LOG = logging.getLogger(__name__)


class Copying:
    """One live migration that is going on."""

    def __init__(self) -> None:
        self.aborted = threading.Event()
        self.hurried = threading.Event()

    def wait(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (self.aborted.is_set() or self.hurried.is_set()):
            time.sleep(0.1)


class LabDriver(fake.FakeDriverWithoutFakeNodes):  # type: ignore[misc]  # Nova has no types
    def __init__(self, virtapi: Any, read_only: bool = False) -> None:
        super().__init__(virtapi, read_only)
        self._writing = threading.Lock()
        self._copying: dict[str, Copying] = {}
        self._guests = Path(CONF.state_path, "guests.json")
        self._measure()
        if self._guests.exists():
            for uuid, (name, state) in json.loads(self._guests.read_text()).items():
                self.instances[uuid] = fake.FakeInstance(name, state, uuid)

    def update_provider_tree(self, provider_tree: Any, nodename: str, allocations: Any = None) -> Any:
        self._measure()
        return super().update_provider_tree(provider_tree, nodename, allocations)

    def spawn(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        time.sleep(float(self._knob("spawn_seconds", 0)))
        if reason := self._knob("spawn_fail"):
            raise exception.InstanceDeployFailure(reason=reason)
        super().spawn(context, instance, *args, **kwargs)
        self._save()

    def destroy(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        time.sleep(float(self._knob("destroy_seconds", 0)))
        super().destroy(context, instance, *args, **kwargs)
        self._save()

    def power_off(self, instance: Any, timeout: int = 0, retry_interval: int = 0) -> None:
        super().power_off(instance, timeout, retry_interval)
        self._save()

    def power_on(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        super().power_on(context, instance, *args, **kwargs)
        self._save()

    def pause(self, instance: Any) -> None:
        self._become(instance, power_state.PAUSED)

    def unpause(self, instance: Any) -> None:
        self._become(instance, power_state.RUNNING)

    def suspend(self, context: Any, instance: Any) -> None:
        self._become(instance, power_state.SUSPENDED)

    def resume(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> None:
        self._become(instance, power_state.RUNNING)

    def finish_revert_migration(self, *args: Any, **kwargs: Any) -> None:
        super().finish_revert_migration(*args, **kwargs)
        self._save()

    def check_can_live_migrate_destination(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> Any:
        if reason := self._spoilt("lm_check_fail", instance):
            raise exception.MigrationPreCheckError(reason=reason)
        return super().check_can_live_migrate_destination(context, instance, *args, **kwargs)

    def pre_live_migration(self, context: Any, instance: Any, *args: Any, **kwargs: Any) -> Any:
        if reason := self._spoilt("lm_prepare_fail", instance):
            raise exception.MigrationError(reason=reason)
        return super().pre_live_migration(context, instance, *args, **kwargs)

    def live_migration(
        self,
        context: Any,
        instance: Any,
        dest: str,
        post_method: Callable[..., object],
        recover_method: Callable[..., object],
        block_migration: bool = False,
        migrate_data: Any = None,
    ) -> None:
        copying = self._copying[instance.uuid] = Copying()
        try:
            copying.wait(float(self._knob("lm_seconds", 1)))
            if reason := self._spoilt("lm_fail", instance):
                LOG.error("live migration made to fail: %s", reason, instance=instance)
                recover_method(context, instance, dest, migrate_data)
            elif copying.aborted.is_set():
                recover_method(context, instance, dest, migrate_data, migration_status="cancelled")
            else:
                post_method(context, instance, dest, block_migration, migrate_data)
        finally:
            self._copying.pop(instance.uuid, None)

    def live_migration_abort(self, instance: Any) -> None:
        if copying := self._copying.get(instance.uuid):
            copying.aborted.set()

    def live_migration_force_complete(self, instance: Any) -> None:
        if copying := self._copying.get(instance.uuid):
            copying.hurried.set()

    def post_live_migration(
        self, context: Any, instance: Any, block_device_info: Any, migrate_data: Any = None
    ) -> None:
        self.instances.pop(instance.uuid, None)
        self._save()

    def _become(self, instance: Any, state: int) -> None:
        self.instances[instance.uuid].state = state
        self._save()

    def _spoilt(self, name: str, instance: Any) -> str | None:
        guest = self._knob("lm_guest")
        return self._knob(name) if guest in (None, instance.display_name) else None

    def _knob(self, name: str, default: Any = None) -> Any:
        try:
            return json.loads(Path(CONF.state_path, "knobs.json").read_text()).get(name, default)
        except FileNotFoundError:
            return default

    def _measure(self) -> None:
        self.vcpus = int(self._knob("vcpus", 1000))
        self.memory_mb = int(self._knob("memory_mb", 800_000))
        self.local_gb = int(self._knob("local_gb", 600_000))

    def _save(self) -> None:
        with self._writing:
            fresh = self._guests.with_suffix(".new")
            guests = {uuid: (guest.name, guest.state) for uuid, guest in list(self.instances.items())}
            fresh.write_text(json.dumps(guests))
            fresh.replace(self._guests)
