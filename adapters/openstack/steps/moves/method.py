"""What distinguishes one way to move a VM from another, and what moves between living hosts have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from adapters.openstack.model.servers import Servers
from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.wire.versions import Microversion

LONG = timedelta(hours=1)
"""The patience with a VM that moves between living hosts: with much memory it takes long without any headway that a
list shows."""


@dataclass(frozen=True, kw_only=True)
class MoveMethod:
    """One way to move a VM: its tasks, and how people speak of it."""

    noun: str  #: "an evacuation of web-1"
    done: str  #: "web-1 was not evacuated"
    begun: frozenset[str]  #: tasks of a VM that is moved this way, also before there is a record
    stages: Mapping[str | None, str]  #: what a task means
    left: str  #: what a VM that is elsewhere has left
    stays: str  #: what is said of one that has not left
    as_planned: bool = True  #: whether it depends on the VM's status, so that it must still be as approvers saw it


@dataclass(frozen=True, kw_only=True)
class Relocation:
    """What the moves of VMs from one living host to others have in common."""

    servers: Servers  #: those on the host and those that left it, with their moves
    highest: Microversion  #: the newest of Nova
    settings: OpenStackSettings
    to: str  #: the host that they shall go to; empty: the scheduler's choice
    phase: str  #: of the plan
    exactly: bool = False  #: whether they count only on `to`
