"""What some clouds can do besides the port that all have; asked with `isinstance`, never by a cloud's name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bot.domain.values import Action, Then, VmId


@dataclass(frozen=True, kw_only=True)
class Instead:
    """What a cloud does by itself where Muster does nothing, and what can be seen of it now."""

    sentence: str
    seen: str = ""


@runtime_checkable
class DoesItItself(Protocol):
    """A cloud whose own machinery does an action that Muster does not offer there."""

    async def instead(self, action: Action, host: str) -> Instead | None:
        """What it does about `action` on the host of exactly that name or id; None when it does nothing.

        Reads only. Without such a host, `seen` is empty.

        Raises:
            Refused, Unreachable: could not ask.
        """
        ...


@runtime_checkable
class SwitchesPower(Protocol):
    """A cloud that can power a host off or reboot it at the end of entering maintenance."""

    powers: frozenset[Then]


@dataclass(frozen=True, kw_only=True)
class VmPlace:
    """Where one VM is now, as far as that could be found out."""

    vm: VmId
    host: str = ""  #: name of the host it is on; empty: on none
    is_gone: bool = False  #: it was deleted: the cloud knows it no more, and said so of this very VM
    unknown: str = ""  #: why it could not be found out, which is never "gone"


@runtime_checkable
class FindsVms(Protocol):
    """A cloud that can be asked where VMs are of which no step has anything to tell."""

    async def find(self, last: Mapping[VmId, str]) -> Sequence[VmPlace]:
        """Where each of some VMs is; a few list calls however many they are. Reads only.

        Args:
            last: by VM the name of the host that it was on when it was seen last.

        Raises:
            Refused, Unreachable: nothing could be found out of any of them.
        """
        ...
