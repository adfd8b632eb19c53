"""A host's compute service: the steps that take it out of service and return it, and the evidence about them. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from adapters.openstack.model.resources import Life, Service
from adapters.openstack.steps import verbs
from bot.domain.cloud import Request, Seen, Sighting
from bot.domain.counting import counted
from bot.domain.plans.plan import By, PlannedStep, Step
from bot.domain.values import Facts, Json, StepKey

MARK = "muster run="  #: how the reason begins of every host that Muster has disabled
BEATS = 3  #: heartbeats in a row, each with the service up, until a host that returns is trusted
_REASON_LIMIT = 255  #: of Nova's disabled_reason
_PATIENCE = timedelta(minutes=5)


def is_ours(service: Service) -> bool:
    """Whether it was Muster that disabled the host."""
    return not service.is_enabled and service.disabled_reason.startswith(MARK)


def marked_by(service: Service) -> str:
    """The operation of Muster that disabled the host; empty when none did."""
    return service.disabled_reason.removeprefix(MARK).partition(":")[0].strip() if is_ours(service) else ""


def why_disabled(service: Service) -> str:
    """Who disabled the host, and why, as far as the cloud tells; empty when it is enabled."""
    if service.is_enabled:
        return ""
    if run := marked_by(service):
        reason = service.disabled_reason.removeprefix(MARK).partition(":")[2].strip()
        return f"disabled by Muster for operation {run}" + (f": {reason}" if reason else "")
    return f"disabled by somebody else: {service.disabled_reason or 'no reason given'}"


# ---------------------------------------------------------------------- steps


def disable(request: Request, service: Service, *, phase: str, quiet: timedelta) -> PlannedStep:
    """The step after which the scheduler puts nothing on the host; its reason bears the operation's id."""
    mark = f"{MARK}{request.run}"
    reason = f"{mark}: {request.reason}" if request.reason else mark
    return _step(
        verbs.DISABLE, service, f"disable {service.host}", phase=phase, quiet=quiet, reason=reason[:_REASON_LIMIT]
    )


def force_down(service: Service, *, phase: str, quiet: timedelta, follows: StepKey, is_off: bool) -> PlannedStep:
    """The step after which Nova counts the host as down.

    Args:
        service: as it is now.
        phase: of the plan.
        quiet: how long a call whose answer is lost may still take effect.
        follows: the step that disables it.
        is_off: whether its power is off by then, so that it must not be forced down if it has power nevertheless.
    """
    step = _step(verbs.FORCE_DOWN, service, f"force {service.host} down", phase=phase, quiet=quiet, follows=follows)
    return replace(step, arguments={**step.arguments, "power": "off"}) if is_off else step


def back(service: Service, *, phases: tuple[str, str, str], quiet: timedelta) -> Iterator[PlannedStep]:
    """The steps that return a host: no longer forced down, up for a while, enabled if it was Muster that disabled it.

    Args:
        service: as it is now.
        phases: to release, to settle, to enable.
        quiet: how long a call whose answer is lost may still take effect.
    """
    if service.is_forced_down:
        title = f"take back that {service.host} is forced down"
        yield _step(verbs.RELEASE, service, title, phase=phases[0], quiet=quiet)
    yield _step(
        verbs.SETTLED, service, f"{service.host} reports that it is up", phase=phases[1], quiet=quiet, by=By.CLOUD
    )
    if not service.is_enabled:
        yield _step(
            verbs.ENABLE,
            service,
            f"enable {service.host}",
            phase=phases[2],
            quiet=quiet,
            reason=service.disabled_reason,
        )


def _step(
    verb: str,
    service: Service,
    title: str,
    *,
    phase: str,
    quiet: timedelta,
    by: By = By.MUSTER,
    follows: StepKey | None = None,
    **arguments: str,
) -> PlannedStep:
    return PlannedStep(
        key=StepKey(f"{verb.removesuffix('-service')}:{service.id}"),
        phase=phase,
        verb=verb,
        target=service.id,
        title=title,
        by=by,
        arguments={"host": service.host, **arguments},
        follows=follows,
        essential=True,
        patience=_PATIENCE,
        quiet=quiet,
    )


# ---------------------------------------------------------------------- evidence


def sighting(step: Step, service: Service | None, *, beats: int = 0, life: Life = Life.SILENT) -> Sighting:
    """Judge a step about a compute service.

    Args:
        step: one of `verbs.OF_SERVICES`.
        service: as Nova lists it now; None: it does not.
        beats: heartbeats in a row, up to now, with which it was up.
        life: what looks have shown of it.
    """
    if service is None:
        return _gone(step)
    match step.verb:
        case verbs.DISABLE:
            return _disabled(step, service)
        case verbs.ENABLE:
            return _enabled(step, service)
        case verbs.SETTLED:
            return _settled(service, beats)
    if step.verb == verbs.FORCE_DOWN and not service.is_forced_down:
        return _to_be_forced(step, service, life)
    is_as_wanted = service.is_forced_down is (step.verb == verbs.FORCE_DOWN)
    sentence = f"{service.host} is {'' if service.is_forced_down else 'not '}forced down."
    return _so(sentence, service) if is_as_wanted else _not_yet(sentence, service)


def _disabled(step: Step, service: Service) -> Sighting:
    """A host that somebody else disabled is left with their reason."""
    if service.is_enabled:
        return _not_yet(f"{service.host} is enabled.", service)
    if service.disabled_reason == step.arguments["reason"]:
        by = ""
    elif is_ours(service):
        by = f" by an earlier operation of Muster: {service.disabled_reason}"
    else:
        by = f" by somebody else: {service.disabled_reason or 'no reason given'}"
    return _so(f"{service.host} is disabled{by}.", service)


def _enabled(step: Step, service: Service) -> Sighting:
    """Only what Muster disabled is enabled again, for the reason that the plan saw."""
    if service.is_enabled:
        return _so(f"{service.host} is enabled.", service)
    if service.disabled_reason == step.arguments["reason"]:
        return _not_yet(f"{service.host} is disabled.", service)
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"Somebody has disabled {service.host} meanwhile: {service.disabled_reason or 'no reason given'}.",
        remedy="Ask them, then request its return anew.",
        mark=_mark(service),
    )


def _settled(service: Service, beats: int) -> Sighting:
    """Up for so many heartbeats in a row: one alone may be the last of a host that dies again."""
    if beats >= BEATS:
        return _so(f"{service.host} is up, for {counted(beats, 'heartbeat')} in a row.", service)
    waits = f"heartbeat {beats} of {BEATS} in a row" if beats else f"its compute service is {service.state}"
    return Sighting(
        seen=Seen.UNDERWAY,
        sentence=f"Waiting for {service.host}: {waits}.",
        remedy=f"See that nova-compute runs on {service.host} and reaches the message queue, then retry.",
        raw=f"{service.state}, updated at {service.updated_at}",
        movement=f"{service.state} {beats}",
        progress=beats / BEATS,
        mark=_mark(service),
    )


def _to_be_forced(step: Step, service: Service, life: Life) -> Sighting:
    """A host that lives is not forced down; where its power is off, only a heartbeat after that shows that it does."""
    is_off = step.arguments.get("power") == "off"
    if has_beaten(step.before, service) or (not is_off and (service.is_up or life is Life.REPORTS)):
        return lives(service, "It is not forced down.", _mark(service))
    return _not_yet(f"{service.host} is not forced down.", service)


def lives(service: Service, what_is_not_done: str, mark: Facts) -> Sighting:
    """That a host came to life in between."""
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{service.host} is alive: its nova-compute reports. {what_is_not_done}",
        remedy=f"See what runs there. To empty it alive, use `/maintenance enter {service.host}`; if its VMs must be"
        " evacuated, have it powered off first, then ask anew.",
        raw=f"{service.state}, updated at {service.updated_at}",
        mark=mark,
    )


def has_beaten(before: Facts | None, service: Service) -> bool:
    """Whether a heartbeat has come since a mark: the row was written, and nothing else in it has changed.

    Args:
        before: a mark that holds what `heard` gives; any other shows nothing.
        service: the row now.
    """
    then, now = (before or {}).get("heard"), heard(service)["heard"]
    return isinstance(then, Mapping) and isinstance(now, Mapping) and _differs_in_time_alone(then, now)


def heard(service: Service) -> Facts:
    """What of a row tells a later look whether a heartbeat has come since, as part of a mark."""
    at = service.updated_at.isoformat() if service.updated_at else ""
    return {"heard": {"at": at, "state": service.state, "reason": service.disabled_reason}}


def _differs_in_time_alone(then: Mapping[str, Json], now: Mapping[str, Json]) -> bool:
    return then.get("at") != now["at"] and {**then, "at": ""} == {**now, "at": ""}


def _so(sentence: str, service: Service) -> Sighting:
    return Sighting(seen=Seen.DONE, sentence=sentence, mark=_mark(service))


def _not_yet(sentence: str, service: Service) -> Sighting:
    return Sighting(seen=Seen.NEVER_STARTED, sentence=sentence, mark=_mark(service))


def _mark(service: Service) -> Facts:
    return {"state": service.state, "reason": service.disabled_reason, **heard(service)}


def _gone(step: Step) -> Sighting:
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"Nova lists no compute service on {step.arguments['host']} any more.",
        remedy="Somebody deleted it, so Nova no longer knows the host. Start nova-compute there to have it listed.",
    )
