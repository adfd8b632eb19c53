"""A host's compute service: the steps that take it out of service and return it, their calls, and what shows them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.openstack.model.resources import Life, Service, in_turn
from adapters.openstack.steps import power
from adapters.openstack.steps.family import Access, Family, NovaCall, by_nova
from adapters.openstack.survey import nova, proof
from adapters.openstack.wire.versions import FORCED_DOWN, SERVICES, spoken
from bot.domain.cloud import Request, Seen, Sighting
from bot.domain.counting import counted
from bot.domain.plans.plan import By, PlannedStep, Step
from bot.domain.values import Facts, Json, StepKey

DISABLE, ENABLE = "disable-service", "enable-service"
FORCE_DOWN, RELEASE = "force-down", "release-service"
SETTLED = "verify-up"  #: brought about by the others

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
    return _step(DISABLE, service, f"disable {service.host}", phase=phase, quiet=quiet, reason=reason[:_REASON_LIMIT])


def force_down(service: Service, *, phase: str, quiet: timedelta, follows: StepKey, is_off: bool) -> PlannedStep:
    """The step after which Nova counts the host as down.

    Args:
        service: as it is now.
        phase: of the plan.
        quiet: how long a call whose answer is lost may still take effect.
        follows: the step that disables it.
        is_off: whether its power is off by then, so that it must not be forced down if it has power nevertheless.
    """
    step = _step(FORCE_DOWN, service, f"force {service.host} down", phase=phase, quiet=quiet, follows=follows)
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
        yield _step(RELEASE, service, title, phase=phases[0], quiet=quiet)
    title = f"verify that {service.host} reports and stays up"
    yield _step(SETTLED, service, title, phase=phases[1], quiet=quiet, by=By.CLOUD)
    if not service.is_enabled:
        yield _step(
            ENABLE,
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


# ---------------------------------------------------------------------- calls

_BEFORE = {DISABLE: "disable-log-reason", ENABLE: "enable", FORCE_DOWN: "force-down", RELEASE: "force-down"}
"""The last part of the path up to 2.52, where a service is told by its host and binary."""


def call(step: Step) -> NovaCall:
    """`PUT /os-services/{uuid}`, which 2.53 brought; where Nova only numbers its services, the route before."""
    body: Mapping[str, Json] = {"forced_down": step.verb == FORCE_DOWN}
    if step.verb == DISABLE:
        body = {"status": "disabled", "disabled_reason": step.arguments["reason"]}
    elif step.verb == ENABLE:
        body = {"status": "enabled"}
    if step.target.isdigit():
        said = {name: value for name, value in body.items() if name != "status"}
        old = {"host": step.arguments["host"], "binary": "nova-compute", **said}
        return NovaCall(
            method="PUT", path=f"/os-services/{_BEFORE[step.verb]}", body=old, microversion=spoken(FORCED_DOWN)
        )
    return NovaCall(method="PUT", path=f"/os-services/{step.target}", body=body, microversion=spoken(SERVICES))


# ---------------------------------------------------------------------- evidence


def sighting(step: Step, service: Service | None, *, beats: int = 0, life: Life = Life.SILENT) -> Sighting:
    """Judge a step about a compute service.

    Args:
        step: one of this family.
        service: as Nova lists it now; None: it does not.
        beats: heartbeats in a row, up to now, with which it was up.
        life: what looks have shown of it.
    """
    if service is None:
        return _gone(step)
    if step.verb == DISABLE:
        return _disabled(step, service)
    if step.verb == ENABLE:
        return _enabled(step, service)
    if step.verb == SETTLED:
        return _settled(service, beats)
    if step.verb == FORCE_DOWN and not service.is_forced_down:
        return _to_be_forced(step, service, life)
    is_as_wanted = service.is_forced_down is (step.verb == FORCE_DOWN)
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


async def look(access: Access, host: str, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
    """What Nova's row of the host shows; one that was proven to be off is not forced down once it has power."""
    found = await nova.compute_services(access.session, host=host)
    access.heartbeats.note(found)
    by_id = {s.id: s for s in reversed(in_turn(found))}
    if not by_id:
        await proof.service_is_gone(access.session, host)

    def judged(step: Step) -> Sighting:
        row = by_id.get(step.target)
        if row is None:
            return sighting(step, None)
        return sighting(step, row, beats=access.heartbeats.count(row), life=access.heartbeats.life(row))

    seen = {s.key: judged(s) for s in steps}
    off = [s for s in steps if s.arguments.get("power") == "off" and seen[s.key].seen is Seen.NEVER_STARTED]
    if not off:
        return seen
    reading = await access.bmcs.read(host)
    return seen | {s.key: power.still_off(s, reading, seen[s.key]) for s in off}


FAMILY = Family(starts={**dict.fromkeys(_BEFORE, by_nova(call)), SETTLED: None}, look=look)
