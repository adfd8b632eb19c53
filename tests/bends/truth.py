"""What the bot may say of a world, and what it has said that is not so. Pure, but for reading the world."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from adapters.simulated.records import Platform, Power, SimHost
from adapters.simulated.world import World
from bot.domain.operation import Operation
from bot.domain.plans.plan import Disposition, Plan, Topic, Verdict
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import Action

_EMPTY = re.compile(r"safe to power off|no VM runs on it|is empty:")
_GONE = re.compile(r"\bdeleted\b|no longer exists|does not exist|is gone\b", re.IGNORECASE)
_ALIVE = re.compile(r" lives: | is alive: ")
_STUMBLED = re.compile(r"Muster stumbled|Traceback|Error\b.*line \d+")


def of_steps(world: World, host: SimHost, operation: Operation, records: Sequence[StepRecord]) -> Iterator[str]:
    """What counts as done and is not."""
    plan = operation.plan
    if plan is None:
        return
    shown = {vm.id: vm for vm in plan.vms}
    for record in records:
        step = record.step
        if record.state is not StepState.DONE or step.tidies is not None or step.relieves is not None:
            continue
        if step.vm is not None and step.vm in shown and step == plan.step_of(step.vm):
            yield from _vm_done(world, host, operation, shown[step.vm].name, shown[step.vm].disposition)
        elif step.verb == "power-off" and host.powered:
            yield f"“{step.title}” is called done, and {host.name} has power"
        elif step.verb in {"verify-empty", "verify-host"} and operation.request.action is not Action.EXIT:
            yield from (f"“{step.title}” is called done, and {vm} is on {host.name}" for vm in awake(world, host))


def _vm_done(world: World, host: SimHost, operation: Operation, name: str, wanted: Disposition) -> Iterator[str]:
    vm = next((vm for vm in world.vms.values() if vm.name == name), None)
    if vm is None:
        yield f"{name} is called done, and there is no such VM"
        return
    is_here = vm.host is host
    if operation.request.action is Action.EXIT:
        if wanted is Disposition.MIGRATE_BACK and not is_here:
            yield f"{name} is called back, and is on {vm.host and vm.host.name}"
        if wanted is Disposition.POWER_ON and vm.power is not Power.RUNNING:
            yield f"{name} is called powered on, and is {vm.power}"
    elif wanted is Disposition.SHUT_DOWN:
        if vm.power is not Power.STOPPED:
            yield f"{name} is called shut down, and is {vm.power}"
    elif is_here or vm.host is None or not vm.host.alive:
        yield f"{name} is called moved, and is on {vm.host and vm.host.name}"


def awake(world: World, host: SimHost) -> list[str]:
    """The VMs for which a host may not be called empty: all of them on OpenStack, those that are not off elsewhere."""
    on_it = world.vms_on(host)
    if host.cluster.kind is Platform.CLOUDTOWER:
        on_it = [vm for vm in on_it if vm.power is not Power.STOPPED]
    return [vm.name for vm in on_it]


def of_end(world: World, host: SimHost, operation: Operation, so: Plan) -> Iterator[str]:
    """What an operation that ended well has left undone of what was approved."""
    for vm in so.vms:
        if vm.disposition not in {Disposition.LEAVE, Disposition.CANNOT}:
            yield from (
                f"it ended well, but {lie}" for lie in _vm_done(world, host, operation, vm.name, vm.disposition)
            )


def of_text(world: World, host: SimHost, text: str) -> Iterator[str]:
    """What a sentence claims and is not so. Nothing is ever deleted here."""
    if _STUMBLED.search(text):
        yield f"a fault of Muster's own: {text}"
    if _EMPTY.search(text) and awake(world, host):
        yield f"called empty with {awake(world, host)} on it: {text}"
    if _GONE.search(text):
        yield f"called gone: {text}"


def of_life(host: SimHost, text: str) -> Iterator[str]:
    """What a sentence says of the life of a host that is dead."""
    if _ALIVE.search(text) and not host.alive:
        yield f"called alive: {text}"


def of_calls(world: World, host: SimHost, since: int) -> Iterator[str]:
    """What was begun twice, or on a host that is not dead."""
    begun = Counter(
        f"{call.method} {call.path} {json.dumps(call.body, sort_keys=True)}"
        for call in world.mutations()[since:]
        if call.status is None or call.status < 300
    )
    yield from (f"begun {times} times: {what}" for what, times in begun.items() if times > 1)
    if host.powered:
        yield from (f"evacuated from a host that has power: {what}" for what in begun if '"evacuate"' in what)


def of_plan(plan: Plan, so: Plan) -> Iterator[str]:
    """What a plan that may be approved leaves out of what is so."""
    if plan.is_blocked:
        return
    risks = {f.code for f in plan.findings if f.is_risk}
    known = {f.code for f in so.findings if f.is_risk}
    doubts = {f.topic for f in plan.findings if f.is_risk and f.code not in known}  # said in place of what is known
    shown = {vm.name: vm for vm in plan.vms}
    for vm in so.vms:
        if vm.name not in shown and Topic.VMS not in doubts:
            yield f"the plan does not show {vm.name}"
        elif vm.name in shown and vm.loses_disk and not shown[vm.name].loses_disk:
            yield f"the plan does not say that {vm.name} loses its disk"
    for finding in so.findings:
        if finding.is_risk and finding.code not in risks and finding.topic not in doubts:
            yield f"the plan does not say {finding.code}: {finding.sentence}"


def of_block(plan: Plan, so: Plan) -> Iterator[str]:
    """What a plan forbids for a reason that is not so, instead of saying that it could not find out."""
    codes = {f.code for f in so.findings if f.verdict is Verdict.BLOCKER}
    for finding in plan.findings:
        if finding.verdict is Verdict.BLOCKER and finding.code not in codes:
            yield f"forbidden by what is not so: {finding.code}: {finding.sentence}"


def shape(plan: Plan) -> tuple[object, ...]:
    """What of a plan a reasonable person compares with what they know."""
    return (
        sorted((vm.name, vm.disposition.value, vm.loses_disk) for vm in plan.vms),
        sorted((f.code, f.verdict.value) for f in plan.findings if f.is_risk),
        sorted(step.title for step in plan.steps),
    )
