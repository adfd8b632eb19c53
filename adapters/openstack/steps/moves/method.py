"""What distinguishes one way to move a VM from another."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

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
