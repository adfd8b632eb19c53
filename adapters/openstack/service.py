"""The evidence about a host's compute service: whether it is disabled, whether it is forced down. Pure."""

from adapters.openstack.things import Service
from bot.domain.cloud import Seen, Sighting
from bot.domain.plan import Step


def disabled(step: Step, service: Service | None) -> Sighting:
    """Judge a step that disables the host. A host that somebody else disabled is left with their reason."""
    if service is None:
        return _gone(step)
    if service.is_enabled:
        return _not_yet(f"{service.host} is enabled.", service)
    ours = service.disabled_reason == step.arguments["reason"]
    by = "" if ours else f" by somebody else: {service.disabled_reason or 'no reason given'}"
    return Sighting(seen=Seen.DONE, sentence=f"{service.host} is disabled{by}.", mark=_mark(service))


def forced_down(step: Step, service: Service | None) -> Sighting:
    """Judge a step that forces the host down."""
    if service is None:
        return _gone(step)
    if not service.is_forced_down:
        return _not_yet(f"{service.host} is not forced down.", service)
    return Sighting(seen=Seen.DONE, sentence=f"{service.host} is forced down.", mark=_mark(service))


def _not_yet(sentence: str, service: Service) -> Sighting:
    return Sighting(seen=Seen.NEVER_STARTED, sentence=sentence, mark=_mark(service))


def _mark(service: Service) -> dict[str, str | bool]:
    return {"state": service.state, "reason": service.disabled_reason}


def _gone(step: Step) -> Sighting:
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"Nova lists no compute service on {step.arguments['host']} any more.",
        remedy="Somebody deleted it. Nova evacuates nothing from a host that it does not know.",
    )
