"""What Muster's commands are called in this workspace: their own names, behind a prefix where the settings give one."""

import re
from dataclasses import dataclass, replace
from typing import Any

from bot.slack.views.message import Message

EVACUATE = "/evacuate"
MAINTENANCE = "/maintenance"
MUSTER = "/muster"
COMMANDS = (EVACUATE, MAINTENANCE, MUSTER)

_SPOKEN = re.compile(r"(?<![\w/.-])/(?=(?:" + "|".join(name[1:] for name in COMMANDS) + r")\b)")


@dataclass(frozen=True, kw_only=True)
class CommandNames:
    """Translates between the names that the house uses and those that people type."""

    prefix: str = ""

    def typed(self, command: str) -> str:
        """The name that people type."""
        return f"/{self.prefix}{command.removeprefix('/')}"

    def meant(self, typed: str) -> str:
        """The house's name of a command that was typed."""
        return f"/{typed.removeprefix(f'/{self.prefix}')}"

    def spoken(self, said: str) -> str:
        """A sentence with the names that people type."""
        return _SPOKEN.sub(f"/{self.prefix}", said) if self.prefix else said

    def shown(self, block: Any) -> Any:
        """Blocks or a view whose texts have the names that people type; what is sent back to us stays as it is."""
        if not self.prefix:
            return block
        if isinstance(block, dict):
            return {
                key: self.spoken(value) if key == "text" and isinstance(value, str) else self.shown(value)
                for key, value in block.items()
            }
        return [self.shown(one) for one in block] if isinstance(block, list | tuple) else block

    def told(self, message: Message) -> Message:
        """A message likewise."""
        if not self.prefix:
            return message
        return replace(
            message,
            text=self.spoken(message.text),
            blocks=tuple(self.shown(message.blocks)),
            retreat=tuple(self.told(plainer) for plainer in message.retreat),
        )
