"""The verbs of OpenStack's steps, and the one call that each of them makes. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from adapters.openstack.steps import evidence
from adapters.openstack.wire.versions import FORCED_DOWN, SERVICES, spoken
from bot.domain.cloud import NotSupported
from bot.domain.plans.plan import Step

DISABLE, ENABLE = "disable-service", "enable-service"
FORCE_DOWN, RELEASE = "force-down", "release-service"
POWER_OFF = "power-off"  #: by the BMC, which is no call of Nova
REBUILD = "evacuate"
LIVE, COLD, CONFIRM = "live-migrate", "cold-migrate", "confirm"
REQUEUE = "requeue"  #: aborts a live migration so that others go first
ABORT, FORCE, HOLD = "abort", "force-complete", "hold"  #: what may be done about a live migration past its deadline
LOCK, UNLOCK, STOP = "lock", "unlock", "stop"  #: around the move of a VM
EMPTY, SETTLED = "verify-empty", "verify-up"  #: brought about by other steps
REHOME_VOLUMES, REHOME_SERVICE, REHOME_BACKUPS = "rehome-volumes", "rehome-service", "rehome-backups"
REHOMED = "verify-rehomed"  #: brought about by those

OF_SERVICES = frozenset({DISABLE, ENABLE, FORCE_DOWN, RELEASE, SETTLED})
MOVES = frozenset({REBUILD, LIVE, COLD})
OF_CINDER = frozenset({REHOME_VOLUMES, REHOME_SERVICE, REHOME_BACKUPS, REHOMED})
RELIEFS = frozenset({REQUEUE, ABORT, FORCE, HOLD})
ABORTS = frozenset({REQUEUE, ABORT})
AROUND = frozenset({LOCK, UNLOCK, STOP})
ALL = OF_SERVICES | MOVES | RELIEFS | AROUND | OF_CINDER | {CONFIRM, EMPTY, POWER_OFF}

Body: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class NovaCall:
    """A call of Nova that changes something."""

    method: str
    path: str
    body: Body | None
    microversion: str


def call_of(step: Step) -> NovaCall:
    """The call that a step makes.

    Raises:
        NotSupported: it makes none, or is not of this adapter.
    """
    if step.verb in _CHANGES:
        return _service(step, _CHANGES[step.verb](step))
    if step.verb in _ACTIONS:
        return _action(step, _ACTIONS[step.verb](step))
    if step.verb in {*ABORTS, FORCE}:
        return _of_migration(step)
    raise NotSupported(f"This cloud knows no step called {step.verb}.")


def _evacuate(step: Step) -> Body:
    to = step.arguments["to"] or evidence.wish(step)
    return {"evacuate": {"host": to} if to else {}}


_CHANGES: Mapping[str, Callable[[Step], Body]] = {
    DISABLE: lambda step: {"status": "disabled", "disabled_reason": step.arguments["reason"]},
    ENABLE: lambda _: {"status": "enabled"},
    FORCE_DOWN: lambda _: {"forced_down": True},
    RELEASE: lambda _: {"forced_down": False},
}
_ACTIONS: Mapping[str, Callable[[Step], Body]] = {
    REBUILD: _evacuate,
    LIVE: lambda step: {"os-migrateLive": {"host": step.arguments["to"] or None, "block_migration": "auto"}},
    COLD: lambda step: {"migrate": {"host": step.arguments["to"]} if step.arguments["to"] else None},
    CONFIRM: lambda _: {"confirmResize": None},
    LOCK: lambda step: {"lock": {"locked_reason": step.arguments["reason"]}},
    UNLOCK: lambda _: {"unlock": None},
    STOP: lambda _: {"os-stop": None},
}


_BEFORE = {DISABLE: "disable-log-reason", ENABLE: "enable", FORCE_DOWN: "force-down", RELEASE: "force-down"}
"""The last part of the path up to 2.52, where a service is told by its host and binary."""


def _service(step: Step, body: Body) -> NovaCall:
    """`PUT /os-services/{uuid}`, which 2.53 brought; where Nova only numbers its services, the route before."""
    if step.target.isdigit():
        said = {name: value for name, value in body.items() if name != "status"}
        old = {"host": step.arguments["host"], "binary": "nova-compute", **said}
        return NovaCall(
            method="PUT", path=f"/os-services/{_BEFORE[step.verb]}", body=old, microversion=spoken(FORCED_DOWN)
        )
    return NovaCall(method="PUT", path=f"/os-services/{step.target}", body=body, microversion=spoken(SERVICES))


def _of_migration(step: Step) -> NovaCall:
    """An order about the migration that was under way when the step's turn came (2.24 aborts, 2.22 forces)."""
    path = f"/servers/{step.target}/migrations/{(step.before or {})['migration']}"
    microversion = str(step.arguments["microversion"])
    if step.verb in ABORTS:
        return NovaCall(method="DELETE", path=path, body=None, microversion=microversion)
    return NovaCall(method="POST", path=f"{path}/action", body={"force_complete": None}, microversion=microversion)


def _action(step: Step, body: Body) -> NovaCall:
    """`POST /servers/{id}/action`, at the microversion that the plan chose."""
    microversion = str(step.arguments["microversion"])
    return NovaCall(method="POST", path=f"/servers/{step.target}/action", body=body, microversion=microversion)
