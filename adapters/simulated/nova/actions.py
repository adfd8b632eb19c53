"""Changing servers of the simulated Nova: the actions of `POST /servers/{id}/action`."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from aiohttp import web

from adapters.simulated.nova import refusals as move_refusals
from adapters.simulated.nova.migrations import Migrations
from adapters.simulated.nova.moves import Conductor
from adapters.simulated.nova.schemas import check_action, truth
from adapters.simulated.nova.servers import ServersApi
from adapters.simulated.openstack.http import ApiError, Context, context, json_body
from adapters.simulated.records import Move, Platform, Power, SimHost, SimVm

Action: TypeAlias = Callable[[SimVm, Any, Context], web.Response]
_ACCEPTED = 202


class Actions:
    """Handlers that change servers."""

    def __init__(self, servers: ServersApi, conductor: Conductor, migrations: Migrations) -> None:
        self._servers = servers
        self._world = servers.world
        self._conductor = conductor
        self._migrations = migrations
        self._actions: Mapping[str, Action] = {
            "evacuate": self._evacuate,
            "os-migrateLive": self._migrate_live,
            "migrate": self._migrate,
            "confirmResize": self._confirm,
            "revertResize": self._revert,
            "os-resetState": self._reset_state,
            "lock": self._lock,
            "unlock": self._unlock,
            "os-start": self._start,
            "os-stop": self._stop,
            "reboot": self._reboot,
            "pause": self._turn("pause", {"active"}, Power.PAUSED),
            "unpause": self._turn("unpause", {"paused"}, Power.RUNNING),
            "suspend": self._turn("suspend", {"active"}, Power.SUSPENDED),
            "resume": self._turn("resume", {"suspended"}, Power.RUNNING),
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v2.1/servers/{id}/action", self._act),
            web.delete("/v2.1/servers/{id}", self._delete),
        ]

    async def _act(self, request: web.Request) -> web.Response:
        body = await json_body(request)
        if len(body) != 1:
            raise ApiError(400, "Malformed request body")
        [(name, given)] = body.items()
        action = self._actions.get(name)
        if action is None:
            raise ApiError(400, f"There is no such action: {name}")
        asked = context(request)
        check_action(name, given, asked.version)
        if "member" not in asked.login.user.roles:
            asked.must_be_admin(f"os_compute_api:servers:{name}")
        return action(self._servers.find(request), given, asked)

    async def _delete(self, request: web.Request) -> web.Response:
        vm = self._servers.find(request)
        _must_be_unlocked(vm, context(request))
        self._world.delete_vm(vm.id)
        return web.Response(status=204)

    # ------------------------------------------------------------------ moving

    def _target(self, name: str | None, *, status: int, message: str) -> SimHost | None:
        if not name:
            return None
        for host in self._world.hosts_of(Platform.OPENSTACK):
            if host.name == name:
                return host
        raise ApiError(status, message)

    def _evacuate(self, vm: SimVm, body: dict[str, Any], asked: Context) -> web.Response:
        asked.must_be_admin("os_compute_api:os-evacuate")
        minor, name = asked.version, body.get("host")
        force = truth(body.get("force", False))
        if force and not name:
            raise ApiError(400, "Can't force to a non-provided destination")
        target = self._target(name, status=404, message=f"Compute host {name} not found.")
        if target is not None and target is vm.host:
            raise ApiError(400, "The target host can't be the same one.")
        move_refusals.must_be_allowed(vm, move_refusals.EVACUATE)
        _must_be(vm, "evacuate", {"active", "stopped", "error"}, any_task=True)
        if vm.host is None:
            raise ApiError(400, "Compute host None could not be found.")
        if self._world.is_up(vm.host):
            raise ApiError(400, f"Compute service of {vm.host.name} is still in use.")
        self._conductor.evacuate(
            vm,
            target,
            asked.caller,
            leave_stopped=minor >= 95,
            forced=force or (minor < 29 and target is not None),
        )
        if minor < 14:
            return web.json_response({"adminPass": "Q5vXk9mTzbW2"})
        return web.Response(status=200)

    def _migrate_live(self, vm: SimVm, body: dict[str, Any], asked: Context) -> web.Response:
        name = body["host"]
        policy = "migrate_live:host" if name else "migrate_live"
        asked.must_be_admin(f"os_compute_api:os-migrate-server:{policy}")
        move_refusals.must_be_allowed(vm, move_refusals.LIVE)
        _must_be_unlocked(vm, asked)
        _must_be(vm, "os-migrateLive", {"active", "paused"})
        target = self._target(name, status=400, message=f"Compute host {name} could not be found.")
        waits = asked.version < 34
        move = self._migrations.live(vm, target, asked.caller, wait=waits)
        if waits and move.status == "error":
            raise ApiError(400, "No valid host was found. There are not enough hosts available.")
        return web.Response(status=_ACCEPTED)

    def _migrate(self, vm: SimVm, body: dict[str, Any] | None, asked: Context) -> web.Response:
        name = (body or {}).get("host") if asked.version >= 56 else None
        policy = "migrate:host" if name else "migrate"
        asked.must_be_admin(f"os_compute_api:os-migrate-server:{policy}")
        move_refusals.must_be_allowed(vm, move_refusals.COLD)
        _must_be_unlocked(vm, asked)
        _must_be(vm, "migrate", {"active", "stopped"})
        if vm.host is None or not self._world.is_up(vm.host):
            raise ApiError(409, "Service is unavailable at this time.")
        target = self._target(name, status=400, message=f"Compute host {name} could not be found.")
        if target is vm.host:
            raise ApiError(400, "Cannot migrate to the host where the server exists.")
        self._migrations.cold(vm, target, asked.caller)
        return web.Response(status=_ACCEPTED)

    def _confirm(self, vm: SimVm, _body: Any, asked: Context) -> web.Response:
        self._migrations.confirm(self._to_settle(vm, "confirmResize", asked), asked.caller)
        return web.Response(status=204)

    def _revert(self, vm: SimVm, _body: Any, asked: Context) -> web.Response:
        self._migrations.revert(self._to_settle(vm, "revertResize", asked), asked.caller)
        return web.Response(status=_ACCEPTED)

    def _to_settle(self, vm: SimVm, action: str, asked: Context) -> Move:
        _must_be_unlocked(vm, asked)
        _must_be(vm, action, {"resized"})
        move = self._migrations.waiting_for_confirmation(vm)
        if move is None:
            raise ApiError(400, "Instance has not been resized.")
        return move

    # ------------------------------------------------------------------ state, locks, power

    def _reset_state(self, vm: SimVm, body: dict[str, Any], asked: Context) -> web.Response:
        asked.must_be_admin("os_compute_api:os-admin-actions:reset_state")
        self._conductor.show(vm, body["state"], None)
        return web.Response(status=_ACCEPTED)

    def _lock(self, vm: SimVm, body: dict[str, Any] | None, asked: Context) -> web.Response:
        vm.locked_by = "owner" if vm.project is asked.login.project else "admin"
        vm.locked_reason = (body or {}).get("locked_reason") if asked.version >= 73 else None
        self._conductor.show(vm, vm.state, vm.task)  # touched, as every change of its record
        self._conductor.act(vm, "lock", asked.caller)
        return web.Response(status=_ACCEPTED)

    def _unlock(self, vm: SimVm, _body: Any, asked: Context) -> web.Response:
        if vm.locked_by == "admin":
            asked.must_be_admin("os_compute_api:os-lock-server:unlock:unlock_override")
        vm.locked_by = vm.locked_reason = None
        self._conductor.show(vm, vm.state, vm.task)
        self._conductor.act(vm, "unlock", asked.caller)
        return web.Response(status=_ACCEPTED)

    def _start(self, vm: SimVm, _body: Any, asked: Context) -> web.Response:
        _must_be_unlocked(vm, asked)
        _must_be(vm, "start", {"stopped"})
        self._conductor.start(vm, asked.caller)
        return web.Response(status=_ACCEPTED)

    def _stop(self, vm: SimVm, _body: Any, asked: Context) -> web.Response:
        _must_be_unlocked(vm, asked)
        _must_be(vm, "stop", {"active", "error"})
        self._conductor.stop(vm, asked.caller)
        return web.Response(status=_ACCEPTED)

    def _reboot(self, vm: SimVm, _body: Any, asked: Context) -> web.Response:
        _must_be_unlocked(vm, asked)
        _must_be(vm, "reboot", {"active", "stopped", "paused", "suspended", "error"})
        self._conductor.reboot(vm, asked.caller)
        return web.Response(status=_ACCEPTED)

    def _turn(self, name: str, states: set[str], power: Power) -> Action:
        """An action that takes no time here."""

        def action(vm: SimVm, _body: Any, asked: Context) -> web.Response:
            _must_be_unlocked(vm, asked)
            _must_be(vm, name, states)
            self._conductor.act(vm, name, asked.caller)
            self._world.set_power(vm, power)
            return web.Response(status=_ACCEPTED)

        return action


# ---------------------------------------------------------------------- what must be so


def _must_be(vm: SimVm, action: str, states: set[str], *, any_task: bool = False) -> None:
    """Nova's `check_instance_state`: vm_state first, then that no task runs."""
    attr, value = "", ""
    if vm.state not in states:
        attr, value = "vm_state", vm.state
    elif vm.task is not None and not any_task:
        attr, value = "task_state", vm.task
    if attr:
        raise ApiError(409, f"Cannot '{action}' instance {vm.id} while it is in {attr} {value}")


def _must_be_unlocked(vm: SimVm, asked: Context) -> None:
    if vm.locked_by is not None and not asked.is_admin:
        raise ApiError(409, f"Instance {vm.id} is locked")
