"""What a settings file is read with: the environment, the files beside it, and the kinds of clouds there are.

Secrets come from the environment or from files, never from muster.toml.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic_core import PydanticCustomError

from bot.domain.settings.cloud_settings import CloudSettings
from bot.domain.settings.secret import Secret
from bot.domain.settings.table import wrong
from bot.settings.problems import Problem

MOST_BYTES = 64 * 1024
"""A secret file larger than this is the wrong file."""


class HasSettings(Protocol):
    """A kind of cloud, as far as its settings go."""

    @property
    def settings(self) -> type[CloudSettings]:
        """The model of its entry in the file."""
        ...


@dataclass(kw_only=True)
class Reading:
    """Looks up secrets and files, and remembers the secrets, so that the log can hide them."""

    env: Mapping[str, str]
    folder: Path  #: where muster.toml is; relative paths start here
    kinds: Mapping[str, HasSettings]  #: of clouds, by their name in the file
    looks_up: bool = True  #: False: what keys point at does not matter, and is neither read nor missed
    problems: list[Problem] = field(default_factory=list)  #: with what no key of the file leads to
    read: list[str] = field(default_factory=list)  #: every secret

    def from_environment(self, name: str, *, begins: str = "") -> Secret:
        """The secret in variable `name`, or in the file that `name`_FILE points at; what is wrong becomes a problem.

        Args:
            name: of the variable.
            begins: what every such secret begins with; empty: anything.
        """
        value, path = self.env.get(name, ""), self.env.get(f"{name}_FILE", "")
        at = name
        try:
            if value and path:
                raise wrong(f"is set, and so is {name}_FILE.", "Set only one of them.")
            if not value and not path:
                raise wrong("is not set.", f"Set it in the environment, or {name}_FILE to a file that holds it.")
            at = f"{name}_FILE" if path else name
            secret = self.secret(path) if path else self._keep(value)
            at = name
            if begins and secret and not secret.reveal().startswith(begins):
                raise wrong(f'does not begin with "{begins}".', f"Copy the {_TOKENS[begins]} of the Slack app.")
        except PydanticCustomError as error:
            self.problems.append(Problem.of(at, error))
            return Secret("")
        return secret

    def variable(self, name: str) -> Secret:
        """See `kinds.Reader`."""
        if not self.looks_up:
            return Secret("")
        value = self.env.get(name, "")
        if not value.strip():
            raise wrong(f"{name} is not set in the environment.", "Set it there.")
        return self._keep(value)

    def secret(self, path: str) -> Secret:
        """See `kinds.Reader`."""
        if not self.looks_up:
            return Secret("")
        whole = self._whole(path)
        try:
            with whole.open("rb") as file:
                text = file.read(MOST_BYTES + 1)
        except OSError as error:
            remedy = "Put the secret there and let Muster read it."
            raise wrong(f'"{whole}" cannot be read: {error.strerror}.', remedy) from error
        try:
            secret = text.decode().strip()
        except UnicodeDecodeError:
            secret = ""
        if not secret or len(text) > MOST_BYTES:
            raise wrong(f'"{whole}" does not hold a secret.', "Write the secret alone into the file.")
        return self._keep(secret)

    def file(self, path: str, *, what: str) -> Path:
        """See `kinds.Reader`."""
        whole = self._whole(path)
        if self.looks_up:
            try:
                whole.open("rb").close()
            except OSError as error:
                remedy = f"Put the {what} there or correct the path."
                raise wrong(f'"{whole}" cannot be read: {error.strerror}.', remedy) from error
        return whole

    def _whole(self, path: str) -> Path:
        return self.folder / Path(path).expanduser()

    def _keep(self, value: str) -> Secret:
        secret = value.strip()
        if not secret.isprintable() or not secret.isascii():
            raise wrong("leads to a secret that no header can carry.", "Check that it was copied whole and alone.")
        if secret:
            self.read.append(secret)
        return Secret(secret)


_TOKENS = {
    "xoxb-": "Bot User OAuth Token (OAuth & Permissions)",
    "xapp-": "App-Level Token with connections:write (Basic Information)",
}
