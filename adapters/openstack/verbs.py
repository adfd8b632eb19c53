"""The verbs of OpenStack's steps, and the one call that each of them makes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.openstack import evidence
from adapters.openstack.versions import SERVICES, spoken
from bot.domain.cloud import NotSupported
from bot.domain.plan import Step

DISABLE, ENABLE = "disable-service", "enable-service"
FORCE_DOWN, RELEASE = "force-down", "release-service"
POWER_OFF = "power-off"  #: by the BMC, which is no call of Nova
REBUILD = "evacuate"
LIVE, COLD, CONFIRM = "live-migrate", "cold-migrate", "confirm"
ABORT, FORCE, HOLD = "abort", "force-complete", "hold"  #: what may be done about a live migration past its deadline
EMPTY, SETTLED = "verify-empty", "verify-up"  #: brought about by other steps
REHOME_VOLUMES, REHOME_SERVICE, REHOME_BACKUPS = "rehome-volumes", "rehome-service", "rehome-backups"
REHOMED = "verify-rehomed"  #: brought about by those

OF_SERVICES = frozenset({DISABLE, ENABLE, FORCE_DOWN, RELEASE, SETTLED})
MOVES = frozenset({REBUILD, LIVE, COLD})
OF_CINDER = frozenset({REHOME_VOLUMES, REHOME_SERVICE, REHOME_BACKUPS, REHOMED})
RELIEFS = frozenset({ABORT, FORCE, HOLD})
ALL = OF_SERVICES | MOVES | RELIEFS | OF_CINDER | {CONFIRM, EMPTY, POWER_OFF}


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of Nova that changes something."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    microversion: str


def call_of(step: Step) -> Call:
    """The call that a step makes.

    Raises:
        NotSupported: it makes none, or is not of this adapter.
    """
    said = step.arguments
    match step.verb:
        case "disable-service":
            return _service(step, {"status": "disabled", "disabled_reason": said["reason"]})
        case "enable-service":
            return _service(step, {"status": "enabled"})
        case "force-down" | "release-service":
            return _service(step, {"forced_down": step.verb == FORCE_DOWN})
        case "evacuate":
            to = said["to"] or evidence.wish(step)
            return _action(step, {"evacuate": {"host": to} if to else {}})
        case "live-migrate":
            return _action(step, {"os-migrateLive": {"host": said["to"] or None, "block_migration": "auto"}})
        case "cold-migrate":
            return _action(step, {"migrate": {"host": said["to"]} if said["to"] else None})
        case "confirm":
            return _action(step, {"confirmResize": None})
        case "abort" | "force-complete":
            return _of_migration(step)
    raise NotSupported(f"This cloud knows no step called {step.verb}.")


def _service(step: Step, body: Mapping[str, Any]) -> Call:
    """`PUT /os-services/{uuid}`, which 2.53 brought."""
    return Call(method="PUT", path=f"/os-services/{step.target}", body=body, microversion=spoken(SERVICES))


def _of_migration(step: Step) -> Call:
    """An order about the migration that was under way when the step's turn came (2.24 aborts, 2.22 forces)."""
    path = f"/servers/{step.target}/migrations/{(step.before or {})['migration']}"
    microversion = str(step.arguments["microversion"])
    if step.verb == ABORT:
        return Call(method="DELETE", path=path, body=None, microversion=microversion)
    return Call(method="POST", path=f"{path}/action", body={"force_complete": None}, microversion=microversion)


def _action(step: Step, body: Mapping[str, Any]) -> Call:
    """`POST /servers/{id}/action`, at the microversion that the plan chose."""
    microversion = str(step.arguments["microversion"])
    return Call(method="POST", path=f"/servers/{step.target}/action", body=body, microversion=microversion)
