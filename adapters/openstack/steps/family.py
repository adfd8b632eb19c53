"""A family of steps: verbs that are made, begun and recognised beside each other, and what that is done with."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from adapters.openstack.survey.heartbeats import ServiceHeartbeats
from adapters.openstack.wire.cinder_manage import CommandRunner
from adapters.openstack.wire.session import Session
from adapters.redfish.bmcs import Bmcs
from bot.domain.cloud import Sighting
from bot.domain.plans.plan import Receipt, Step
from bot.domain.values import StepKey


@dataclass(frozen=True, kw_only=True)
class Access:
    """What steps are begun by and seen with."""

    session: Session
    heartbeats: ServiceHeartbeats  #: seen so far
    bmcs: Bmcs  #: of the hosts
    runner: CommandRunner | None  #: how `cinder-manage` is run; None: not by Muster
    now: datetime
    """The time, aware and UTC. How old a record is goes by it for as long as the cloud tells no date of its own."""


Start: TypeAlias = Callable[[Access, Step], Awaitable[Receipt]]
Look: TypeAlias = Callable[[Access, str, Sequence[Step]], Awaitable[Mapping[StepKey, Sighting]]]


@dataclass(frozen=True, kw_only=True)
class Family:
    """Verbs that one file, or one folder, knows all of: how their steps are made, begun and recognised."""

    starts: Mapping[str, Start | None]
    """How a step of each verb is begun, by one call; None: other steps bring it about, or a person does."""
    look: Look
    """What is seen of the family's steps about one host, by a few lists however many they are."""


@dataclass(frozen=True, kw_only=True)
class NovaCall:
    """A call of Nova that changes something."""

    method: str
    path: str
    body: Mapping[str, Any] | None
    microversion: str


def by_nova(call_of: Callable[[Step], NovaCall]) -> Start:
    """How a step is begun whose one call Nova takes."""

    async def start(access: Access, step: Step) -> Receipt:
        call = call_of(step)
        request_id = await access.session.act(
            "compute", call.method, call.path, call.body, microversion=call.microversion, doing=step.title
        )
        return Receipt(id=request_id)

    return start


def action(step: Step, body: Mapping[str, Any]) -> NovaCall:
    """`POST /servers/{id}/action`, at the microversion that the plan chose."""
    microversion = str(step.arguments["microversion"])
    return NovaCall(method="POST", path=f"/servers/{step.target}/action", body=body, microversion=microversion)
