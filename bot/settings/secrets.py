"""Secrets come from the environment or from files, never from muster.toml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.settings.problems import Problem
from bot.settings.values import Secret

MOST_BYTES = 64 * 1024
"""A secret file larger than this is the wrong file."""


@dataclass
class Secrets:
    """Reads secrets and remembers what was wrong with them, so that all of it is told at once."""

    env: Mapping[str, str]
    folder: Path  #: where muster.toml is; relative paths start here
    problems: list[Problem] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def from_environment(self, name: str, *, begins: str = "") -> Secret:
        """The secret in variable `name`, or in the file that `name`_FILE points at.

        Args:
            name: of the variable.
            begins: what every such secret begins with; empty: anything.
        """
        value, path = self.env.get(name, ""), self.env.get(f"{name}_FILE", "")
        if value and path:
            return self._wrong(name, f"is set, and {name}_FILE too.", "Set only one of them.")
        if not value and not path:
            return self._wrong(
                name, "is not set.", f"Set it in the environment, or {name}_FILE to a file that holds it."
            )
        secret = self._file(f"{name}_FILE", path) if path else self._keep(name, value)
        if secret and begins and not secret.reveal().startswith(begins):
            return self._wrong(
                name, f'does not begin with "{begins}".', f"Copy the {_TOKENS[begins]} of the Slack app."
            )
        return secret

    def from_keys(self, at: str, word: str, table: Mapping[str, object], *, needed: bool = True) -> Secret:
        """The secret that a table's `<word>_env` or `<word>_file` leads to.

        Args:
            at: key of the table.
            word: "token", "password" or "url".
            table: as read from the file; keys of a wrong type are told by the shape.
            needed: whether it is wrong that neither is there.
        """
        name, path = table.get(f"{word}_env"), table.get(f"{word}_file")
        if name is not None and path is not None:
            return self._wrong(f"{at}.{word}_env", f"is there, and {word}_file too.", "Keep only one of them.")
        if isinstance(name, str):
            value = self.env.get(name, "")
            if not value and name.isidentifier():
                return self._wrong(f"{at}.{word}_env", f"{name} is not set in the environment.", "Set it there.")
            return self._keep(f"{at}.{word}_env", value)
        if isinstance(path, str) and path.strip():
            return self._file(f"{at}.{word}_file", path)
        if needed and name is None and path is None:
            return self._wrong(
                f"{at}.{word}_env",
                "is missing.",
                f"Name an environment variable that holds the {word}, or a file in {word}_file.",
            )
        return Secret("")

    def path(self, at: str, value: object, *, what: str) -> Path | None:
        """The file that a key points at; it must be readable."""
        if not isinstance(value, str) or not value.strip():
            return None
        path = self.folder / Path(value).expanduser()
        try:
            with path.open("rb"):
                return path
        except OSError as error:
            self._wrong(at, f'"{path}" cannot be read: {error.strerror}.', f"Put the {what} there or correct the path.")
            return None

    def _file(self, at: str, value: str) -> Secret:
        path = self.folder / Path(value).expanduser()
        try:
            with path.open("rb") as file:
                text = file.read(MOST_BYTES + 1)
        except OSError as error:
            return self._wrong(
                at, f'"{path}" cannot be read: {error.strerror}.', "Put the secret there and let Muster read it."
            )
        try:
            secret = text.decode().strip()
        except UnicodeDecodeError:
            secret = ""
        if not secret or len(text) > MOST_BYTES:
            return self._wrong(at, f'"{path}" does not hold a secret.', "Write the secret alone into the file.")
        return self._keep(at, secret)

    def _keep(self, at: str, value: str) -> Secret:
        secret = value.strip()
        if not secret:
            return Secret("")
        if not secret.isprintable() or not secret.isascii():
            return self._wrong(
                at, "leads to a secret that no header can carry.", "Check that it was copied whole and alone."
            )
        self.read.append(secret)
        return Secret(secret)

    def _wrong(self, key: str, sentence: str, remedy: str) -> Secret:
        self.problems.append(Problem(key=key, sentence=sentence, remedy=remedy))
        return Secret("")


_TOKENS = {
    "xoxb-": "Bot User OAuth Token (OAuth & Permissions)",
    "xapp-": "App-Level Token with connections:write (Basic Information)",
}
