"""The kinds of values that a setting of any room may hold, each with the sentence for one that is not of it."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Protocol
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, ValidationInfo
from pydantic_core import PydanticKnownError

from bot.domain.rules import calendar
from bot.domain.settings.secret import Secret
from bot.domain.settings.table import wrong


class Reader(Protocol):
    """Looks up what keys only point at: given as the context in which a table is validated."""

    def variable(self, name: str) -> Secret:
        """The secret in a variable of the environment.

        Raises:
            PydanticCustomError: there is none.
        """
        ...

    def secret(self, path: str) -> Secret:
        """The secret that a file holds.

        Raises:
            PydanticCustomError: it cannot be read, or holds none.
        """
        ...

    def file(self, path: str, *, what: str) -> Path:
        """A file that must be readable.

        Args:
            path: as it is written.
            what: for the sentence: "certificate".

        Raises:
            PydanticCustomError: it cannot be read.
        """
        ...


def duration(least: str, most: str) -> BeforeValidator:
    """A validator for durations such as "2s", "30m", "1h30m", within bounds."""
    shortest, longest = calendar.span(least), calendar.span(most)

    def parse(value: object) -> timedelta:
        if isinstance(value, timedelta):  # no file can hold one
            return value
        said = calendar.span(value) if isinstance(value, str) else None
        if said is None:
            raise wrong("is not a duration.", 'Write a number with its unit in quotes, such as "2s", "30m" or "1h30m".')
        if (shortest and said < shortest) or (longest and said > longest):
            raise wrong(f'"{value}" is out of range.', f"It must be between {least} and {most}.")
        return said

    return BeforeValidator(parse)


def readable(what: str) -> BeforeValidator:
    """A validator for the path of a file that must be readable.

    Args:
        what: for the sentence: "certificate".
    """

    def find(value: object, info: ValidationInfo[Reader]) -> Path:
        return value if isinstance(value, Path) else info.context.file(written(value), what=what)

    return BeforeValidator(find)


def split(value: str) -> SplitResult | None:
    """The parts of an address; None when it is none."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # reading it is the check
    except ValueError:
        return None
    return parts


def web_address(value: str) -> str:
    """An http or https address without credentials."""
    parts = split(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise wrong("is not an http or https address.", 'Write it in full, such as "https://tower.example/v2/api".')
    if parts.username or parts.password:
        raise wrong("holds credentials.", "Take them out of the address and name a variable that holds them.")
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise wrong("is empty.", "Write a value or leave the key out.")
    return value


def _cloud_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", value):
        raise wrong(
            "is not a name people can type before a host.",
            "Use up to 40 letters, digits, dots, dashes and underscores.",
        )
    return value


def _version(value: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)*", value):
        raise wrong("is not a version.", 'Write numbers with dots between them, such as "6.4.3.0.0.0".')
    return value


def _secret(look_up: Callable[[Reader, str], Secret]) -> BeforeValidator:
    def find(value: object, info: ValidationInfo[Reader]) -> Secret:
        return value if isinstance(value, Secret) else look_up(info.context, written(value))

    return BeforeValidator(find)


def _variable(reader: Reader, name: str) -> Secret:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", name):
        # The value is not repeated: people put the secret itself here.
        raise wrong("is not the name of an environment variable.", "Name the variable here and put the secret in it.")
    return reader.variable(name)


def written(value: object) -> str:
    """What must be a text with something in it."""
    if not isinstance(value, str):
        raise PydanticKnownError("string_type")
    return _text(value)


Text = Annotated[str, AfterValidator(_text)]
CloudName = Annotated[str, AfterValidator(_cloud_name)]
Version = Annotated[str, AfterValidator(_version)]
WebAddress = Annotated[str, AfterValidator(web_address)]
Poll = Annotated[timedelta, duration("20ms", "5m")]
Timeout = Annotated[timedelta, duration("1s", "10m")]
SecretOfVariable = Annotated[Secret, _secret(_variable)]
SecretOfFile = Annotated[Secret, _secret(lambda reader, path: reader.secret(path))]
Certificate = Annotated[Path, readable("certificate")]
