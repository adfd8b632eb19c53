"""The host's power after maintenance: the step that switches it, its call, and what proves it.

Facts: `/operate-host-power` knows `poweroff` and `reboot` and wants the host in maintenance unless forced, which Muster
never does; CloudTower must neither run on the host nor be attached to the cluster through it; no call powers a host on
again (sheet §2 and §8). Proof is the task and then the host's connection, which lags behind by up to a minute.
"""

from datetime import timedelta

from adapters.cloudtower.steps import course, sightings
from adapters.cloudtower.steps.sightings import GRACE, SYNC, Observed
from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import TowerHost, TowerTask
from bot.domain.cloud import Request, Seen, Sighting
from bot.domain.plans.plan import PlannedStep, Receipt, Step
from bot.domain.values import Facts, Json, StepKey, Then

VERB = "switch-power"
PHASE = "Host power"
POWERS = frozenset({Then.POWER_OFF, Then.REBOOT})
PATIENCE = timedelta(minutes=45)
"""A server tests its memory at a start for half an hour without a sign of life."""
_WORDS = {Then.POWER_OFF: "power off", Then.REBOOT: "reboot"}


def step(request: Request, host: TowerHost, *, follows: StepKey) -> PlannedStep:
    """The step that comes last: only after the verification of the host."""
    return PlannedStep(
        key=StepKey(f"{VERB}:{host.id}"),
        phase=PHASE,
        verb=VERB,
        target=host.id,
        title=f"{_WORDS[request.then]} {host.name}",
        arguments={"host_id": host.id, "action": request.then.value, "reason": request.reason or "maintenance"},
        follows=follows,
        essential=True,
        patience=PATIENCE,
        quiet=course.QUIET,
    )


async def start(client: Client, step: Step) -> Receipt:
    """Switch the power; never forced: a forced one stops running VMs."""
    data: dict[str, Json] = {**{name: step.arguments[name] for name in ("action", "reason")}, "force": False}
    body: dict[str, Json] = {"where": {"host_id": course.host_id(step)}, "data": data}
    return Receipt(id=await client.begin("/operate-host-power", body))


def sighting(step: Step, seen: Observed) -> Sighting:
    """What the cloud shows about the power step."""
    host = seen.hosts.get(course.host_id(step))
    if host is None:
        return Sighting(seen=Seen.UNCLEAR, sentence="CloudTower does not list the host any more.")
    task = sightings.task_of(step, seen)
    mark = sightings.mark(host, seen.newest.get(host.id, ()))
    movement = (
        f"{host.status} {host.connection} {task.id} {task.status}" if task else f"{host.status} {host.connection}"
    )
    if task is not None and (step.receipt is not None or not host.is_connected):
        return _of_task(step, host, task, seen, movement=movement)
    if step.receipt is not None:
        sentence = "CloudTower took the call; its task is not listed yet."
        return Sighting(seen=Seen.UNDERWAY, sentence=sentence, movement=movement)
    return _untouched(step, host, task, movement=movement, mark=mark)


def _of_task(step: Step, host: TowerHost, task: TowerTask, seen: Observed, *, movement: str) -> Sighting:
    if task.status == "FAILED":
        sentence = f"Could not {step.title}: {translate.why_failed(task)}."
        remedy = f"{host.name} is still in maintenance: switch it in CloudTower or by its BMC, then close this."
        return Sighting(seen=Seen.FAILED, sentence=sentence, remedy=remedy, raw=task.error_message)
    since = seen.ended[task.id] if task.status == "SUCCESSED" else None
    if since is None:
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"The task to {step.title} is {task.status.lower()} in CloudTower.",
            movement=movement,
        )
    if step.arguments.get("action") == Then.POWER_OFF:
        if host.is_lost:
            return Sighting(seen=Seen.DONE, sentence=f"The task succeeded and {host.name} does not answer any more.")
        if since > GRACE and host.is_connected:
            sentence = f"The task succeeded, but {host.name} still answers."
            return Sighting(seen=Seen.FAILED, sentence=sentence, remedy="Look at the host in CloudTower.")
        sentence = f"The task succeeded; waiting until {host.name} shows as gone."
        return Sighting(seen=Seen.UNDERWAY, sentence=sentence, movement=movement)
    if host.is_connected and since >= SYNC:
        return Sighting(seen=Seen.DONE, sentence=f"The task succeeded and {host.name} is connected.")
    return Sighting(seen=Seen.UNDERWAY, sentence=f"{host.name} is restarting.", movement=movement)


def _untouched(step: Step, host: TowerHost, task: TowerTask | None, *, movement: str, mark: Facts) -> Sighting:
    """No answer is known: nothing was asked yet, or the answer was lost."""
    if task is not None:
        sentence = f"A task began on {host.name} since the call ({task.status.lower()}) and may be it."
    elif not host.is_connected:
        shown = translate.said(host.status)
        sentence = f"{host.name} does not answer ({shown}): whether it is off cannot be told from CloudTower."
    elif host.mode != translate.IN_MAINTENANCE:
        sentence = f"{host.name} is not in maintenance ({translate.mode_said(host.mode)}): its power is not touched."
    else:
        sentence = f"Nobody has asked to {step.title} yet."
        return Sighting(seen=Seen.NEVER_STARTED, sentence=sentence, movement=movement, mark=mark)
    remedy = f"Look at {host.name} and its tasks in CloudTower."
    return Sighting(seen=Seen.UNCLEAR, sentence=sentence, remedy=remedy, movement=movement, mark=mark)
