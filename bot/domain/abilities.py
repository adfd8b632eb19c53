"""What some clouds can do besides the port that all have; asked with `isinstance`, never by a cloud's name."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bot.domain.values import Action, Then


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
