"""The two ways of a host, into maintenance and out of it: the steps that lead there, and the call of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import TowerHost
from bot.domain.cloud import NotSupported
from bot.domain.plans.plan import By, PlannedStep, Receipt, Step
from bot.domain.values import Action, Json, StepKey, VmId

VERIFY_VM, VERIFY_HOST = "verify-vm", "verify-host"
PATIENCE = timedelta(hours=2)
"""A VM with much memory migrates for long without any visible headway."""
QUIET = timedelta(seconds=120)
"""The longest call and CloudTower's own lag behind the cluster (about 30 s) lie well within."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One way: which state of the host it leads from, through and to, and how people say it."""

    action: Action
    origin: str
    goal: str
    through: frozenset[str] = frozenset()
    doing: str  #: "node-1 is …"
    done: str

    @property
    def verb(self) -> str:
        """Of the step that makes the call."""
        return self.action.value

    def called(self, host: TowerHost, *, phase: str, title: str, vms: Mapping[str, Json]) -> PlannedStep:
        """The step whose one call takes the host all the way, with the lists of VMs that it carries."""
        return PlannedStep(
            key=StepKey(f"{self.verb}:{host.id}"),
            phase=phase,
            verb=self.verb,
            target=host.id,
            title=title,
            arguments={"host_id": host.id, **vms},
            essential=True,
            patience=PATIENCE,
            quiet=QUIET,
        )

    def verified(self, host: TowerHost, *, phase: str, title: str) -> PlannedStep:
        """The step that verifies the host at the end."""
        return PlannedStep(
            key=StepKey(f"{VERIFY_HOST}:{host.id}"),
            phase=phase,
            verb=VERIFY_HOST,
            target=host.id,
            title=title,
            by=By.CLOUD,
            arguments={"host_id": host.id, "course": self.verb},
            patience=timedelta(minutes=10),
        )

    def vm_verified(self, host: TowerHost, vm: VmId, *, phase: str, title: str, **expected: Json) -> PlannedStep:
        """The step that verifies what CloudTower did to a VM."""
        return PlannedStep(
            key=StepKey(f"vm:{vm}"),
            phase=phase,
            verb=VERIFY_VM,
            target=vm,
            title=title,
            by=By.CLOUD,
            vm=vm,
            arguments={"host_id": host.id, "course": self.verb, **expected},
            patience=PATIENCE,
        )


ENTER = Passage(
    action=Action.ENTER,
    origin=translate.IN_USE,
    through=frozenset({translate.ENTERING}),
    goal=translate.IN_MAINTENANCE,
    doing="entering maintenance",
    done="in maintenance",
)
EXIT = Passage(  # no state between is published (sheet §5), so an unknown one counts as between
    action=Action.EXIT,
    origin=translate.IN_MAINTENANCE,
    goal=translate.IN_USE,
    doing="leaving maintenance",
    done="in use",
)
_CALLS = {  # path, and the lists of VMs that its `data` may carry
    ENTER.verb: ("/enter-maintance-mode", ("shutdown_vms",)),
    EXIT.verb: ("/exit-maintance-mode", ("poweron_vms", "live_migrate_back_vms", "offline_migrate_back_vms")),
}
_COURSES: Mapping[str, Passage] = {c.verb: c for c in (ENTER, EXIT)}


def of(step: Step) -> Passage:
    """The course that a step belongs to.

    Raises:
        NotSupported: it belongs to none.
    """
    name = step.arguments.get("course", step.verb) if step.verb in {VERIFY_VM, VERIFY_HOST} else step.verb
    if name not in _COURSES:
        raise NotSupported(f"CloudTower knows no step {step.verb!r}.")
    return _COURSES[str(name)]


def host_id(step: Step) -> str:
    """The id of the host that a step is about.

    Raises:
        NotSupported: it names none.
    """
    named = step.arguments.get("host_id")
    if not isinstance(named, str) or not named:
        raise NotSupported(f"Step {step.key} names no host.")
    return named


async def start(client: Client, step: Step) -> Receipt:
    """Make the call of a step with exactly the VMs that stand in it.

    Raises:
        Refused, Unreachable, NotSupported
    """
    if step.verb not in _CALLS:
        raise NotSupported(f"{client.name} cannot do {step.verb!r}.")
    path, lists = _CALLS[step.verb]
    data: dict[str, Json] = {}
    for name in lists:
        vms = step.arguments.get(name)
        if isinstance(vms, list | tuple) and vms:
            data[name] = list(vms)
    return Receipt(id=await client.begin(path, {"where": {"host_id": host_id(step)}, "data": data}))
