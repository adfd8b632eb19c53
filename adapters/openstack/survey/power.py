"""What BMCs say while a survey is taken. Power counts as off when it is both before and after all else was read.

Before the host itself is forced down, the engine's two looks read it twice more: people's time has passed by then, so
nothing needs to wait here.
"""

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from adapters.openstack.model.survey import OpenStackSurvey
from adapters.openstack.wire.session import Session
from adapters.redfish.bmcs import Bmcs
from adapters.redfish.power import PowerReading
from bot.domain.cloud import CloudError

WITHIN = 15.0  #: seconds that the BMCs of other hosts have; one that takes longer proves nothing
MOST_ASKED = 64  #: other hosts: more than a rack, and a bound when a blind observer calls a whole region dead


async def during(
    taking: Coroutine[Any, Any, OpenStackSurvey], bmcs: Bmcs, *, host: str, others: Coroutine[Any, Any, Sequence[str]]
) -> OpenStackSurvey:
    """The survey, with what the BMCs said meanwhile.

    Args:
        taking: takes the survey.
        bmcs: of the cloud.
        host: whose power is asked for; empty: that of none.
        others: finds other hosts that look dead; those without a BMC are left out.
    """
    taken: OpenStackSurvey
    taken, mine, told = await Session.together(taking, _of(bmcs, host), _of_those(bmcs, others))
    off = [other for other, reading in told.items() if reading.is_off]
    again, once_more = await Session.together(
        _of(bmcs, host if mine is not None and mine.is_off else ""), bmcs.read_each(off, within=WITHIN)
    )
    computes = replace(taken.computes, power=again or mine, others={**told, **once_more})
    return replace(taken, computes=computes)


async def _of_those(bmcs: Bmcs, hosts: Coroutine[Any, Any, Sequence[str]]) -> Mapping[str, PowerReading]:
    asked = [host for host in await hosts if host in bmcs][:MOST_ASKED]
    return await bmcs.read_each(asked, within=WITHIN)


async def _of(bmcs: Bmcs, host: str) -> PowerReading | None:
    """What the BMC of a host says; why, when it says nothing; None when it has none."""
    if host not in bmcs:
        return None
    try:
        return await bmcs.read(host)
    except CloudError as error:
        return PowerReading(silence=error.sentence)
