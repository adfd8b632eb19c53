"""The small words every room uses: ids, actions and plain JSON."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NewType, TypeAlias

OperationId = NewType("OperationId", str)
HostId = NewType("HostId", str)
VmId = NewType("VmId", str)
StepKey = NewType("StepKey", str)
UserId = NewType("UserId", str)
Digest = NewType("Digest", str)

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
Facts: TypeAlias = Mapping[str, Json]


class Then(StrEnum):
    """What shall happen to a host's power once it is verified to be in maintenance."""

    NOTHING = ""
    POWER_OFF = "poweroff"
    REBOOT = "reboot"


class Action(StrEnum):
    """What a person asks Muster to do to a host."""

    ENTER = "enter"
    """Empty a living host so that its hardware can be worked on."""
    EXIT = "exit"
    """Return a host to service."""
    EVACUATE = "evacuate"
    """Rebuild the VMs of a dead host elsewhere."""
    REHOME = "rehome"
    """Give the volumes back to a host that managed them before an evacuation."""
