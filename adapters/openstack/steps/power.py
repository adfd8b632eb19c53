"""The host's power as its BMC tells it: what that proves, the step that takes it away, its call, and what shows that.

A compute service that Nova calls down is a reason to ask, not a proof: only a machine without power runs no VM. Where
nothing proves that, two people must vouch for it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Service, in_turn
from adapters.openstack.steps.family import Access, Family
from adapters.openstack.survey import nova, proof
from adapters.redfish.power import PowerReading
from bot.domain.cloud import Seen, Sighting
from bot.domain.plans.plan import PlannedStep, Receipt, Step
from bot.domain.values import Facts, StepKey

POWER_OFF = "power-off"  #: by the BMC, which is no call of Nova
FENCE = "Fence"
READINGS = 2  #: in a row, seconds apart, that must say off: one alone may be a moment of a restart
_PATIENCE = timedelta(minutes=5)


def is_told(computes: Computes) -> bool:
    """Whether the host's BMC says how its power is."""
    return computes.power is not None and computes.power.state != ""


def will_be_off(computes: Computes, *, fence: bool) -> bool:
    """Whether the host is proven to be off before it is forced down: it is already, or Muster sees to it."""
    return is_told(computes) and (fence or (computes.power is not None and computes.power.is_off))


def fencing(computes: Computes, *, quiet: timedelta) -> PlannedStep:
    """The step after which the host has no power.

    Args:
        computes: the hosts of the cloud, and the one that is asked about.
        quiet: how long a call whose answer is lost may still take effect.
    """
    return PlannedStep(
        key=StepKey(f"{POWER_OFF}:{computes.host}"),
        phase=FENCE,
        verb=POWER_OFF,
        target=computes.host,
        title=f"power {computes.host} off by its BMC",
        arguments={"host": computes.host},
        essential=True,
        patience=_PATIENCE,
        quiet=quiet,
    )


async def start(access: Access, step: Step) -> Receipt:
    """Have the BMC of a step's host take its power away."""
    await access.bmcs.force_off(step.target)
    return Receipt()


def sighting(step: Step, power: PowerReading, service: Service | None) -> Sighting:
    """Judge the step that powers a host off.

    Args:
        step: as made by `fencing`.
        power: what the BMC says now.
        service: the host's compute service; None: it is proven that Nova has none.
    """
    host, mark = step.target, {"power": power.state}
    if power.contradicts(host):
        return _failed(f"The BMC configured for {host} belongs to {power.host_name}: its power is left alone.", mark)
    if power.is_off:
        if power.times >= READINGS:
            return Sighting(seen=Seen.DONE, sentence=f"The power of {host} is off, read twice by Redfish.", mark=mark)
        sentence = f"The power of {host} is off; reading it once more."
        return Sighting(seen=Seen.UNDERWAY, sentence=sentence, movement="off", mark=mark)
    if step.receipt is not None:
        sentence = f"{host} was told to power off; its BMC shows {power.state or 'nothing'}."
        return Sighting(seen=Seen.UNDERWAY, sentence=sentence, movement=power.state, mark=mark)
    if service is None:
        return _failed(f"Nova has no compute service on {host} any more: its power is left alone.", mark)
    if service.is_up and not service.is_forced_down:
        return _failed(f"{host} is alive: its compute service is up again. Its power is left alone.", mark)
    return Sighting(seen=Seen.NEVER_STARTED, sentence=f"The power of {host} is {power.state or 'not told'}.", mark=mark)


def still_off(step: Step, power: PowerReading, before: Sighting) -> Sighting:
    """Judge the step that forces a host down whose power was proven to be off: not if it has power now."""
    host, mark = str(step.arguments["host"]), {**before.mark, "power": power.state}
    if power.contradicts(host):
        return _failed(
            f"The BMC configured for {host} belongs to {power.host_name}: that it is off proves nothing.", mark
        )
    if power.is_off:
        return before
    sentence = f"{host} has power again ({power.state or 'its BMC does not say'}): it is not forced down."
    return _failed(sentence, mark)


def _failed(sentence: str, mark: Facts) -> Sighting:
    remedy = "See what runs there. Nothing was evacuated; ask again when it is clear that the host is dead."
    return Sighting(seen=Seen.FAILED, sentence=sentence, remedy=remedy, mark=mark)


async def look(access: Access, host: str, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
    """What the BMC shows; a host that is off has no heartbeat to wait for any more."""
    reading = await access.bmcs.read(host)
    found = await nova.compute_services(access.session, host=host)
    if not found:
        await proof.service_is_gone(access.session, host)
    seen = {s.key: sighting(s, reading, next(iter(in_turn(found)), None)) for s in steps}
    if all(one.seen is Seen.DONE for one in seen.values()):
        access.heartbeats.end(found)
    return seen


FAMILY = Family(starts={POWER_OFF: start}, look=look)
