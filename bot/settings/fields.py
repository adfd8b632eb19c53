"""The kinds of values that only the bot's own settings hold, each with the sentence for one that is not of it."""

import re
from datetime import timedelta
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainValidator
from pydantic_core import PydanticCustomError

from bot.domain.rules import calendar
from bot.domain.settings import kinds
from bot.domain.settings.secret import Secret
from bot.domain.settings.table import wrong


def _channel(value: str) -> str:
    if not re.fullmatch(r"[CG][A-Z0-9]{2,}", value):
        raise wrong(
            "is not the id of a channel.",
            "Ids begin with C or G; Slack shows it at the bottom of the channel's details.",
        )
    return value


def _person_or_group(value: str) -> str:
    if not re.fullmatch(r"[UWS][A-Z0-9]{2,}", value):
        raise wrong(
            f'"{value[:40]}" is not the id of a person or a user group.',
            "People's ids begin with U or W (profile, Copy member ID), user groups' with S (group, Copy group ID).",
        )
    return value


def _requester(value: str) -> str:
    return value if value == "*" else _person_or_group(value)


def _slack_address(value: str) -> str:
    return kinds.web_address(value).rstrip("/") + "/"


class Address(NamedTuple):
    """Where to listen."""

    host: str
    port: int  #: 0 takes any free one


def _listen(value: object) -> Address:
    """Cut "127.0.0.1:3000" or "[::1]:3000" into host and port."""
    host, _, port = kinds.written(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise wrong("is not an address to listen on.", 'Write host and port, such as "127.0.0.1:3000".')
    return Address(host, int(port))


def _store_in_file(value: str) -> str:
    parts = kinds.split(value)
    if parts is not None and parts.password:
        raise wrong(
            "holds a password, and secrets never stand in this file.",
            "Put the whole address into an environment variable and name it in store.url_env.",
        )
    return store_address(value)


def store_address(value: str) -> str:
    """An address of a database of a kind that Muster can use; may hold a password, which no error repeats."""
    parts = kinds.split(value)
    if parts is None or parts.scheme not in {"sqlite", "postgresql"}:
        raise wrong(
            "is not a database Muster can use.",
            'Write "sqlite:///muster.db" or "postgresql://user@host/database".',
        )
    if parts.scheme == "sqlite" and (parts.netloc or len(parts.path) < 2):
        raise wrong(
            "names no file.",
            'Write "sqlite:///muster.db" (three slashes), or four slashes for an absolute path.',
        )
    if parts.scheme == "postgresql" and not parts.hostname and "host=" not in parts.query:
        raise wrong("names no host.", 'Write "postgresql://user@host/database".')
    return value


def _leads_to_store(secret: Secret) -> Secret:
    if secret:
        try:
            store_address(secret.reveal())
        except PydanticCustomError as error:
            context = error.context or {}
            raise wrong(f"leads to what {context['sentence']}", str(context["remedy"])) from None
    return secret


def _label(value: str) -> str:
    # https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", value):
        raise wrong("is not the name of a label.", "Use letters, digits and underscores.")
    return value


def _mark(value: object) -> calendar.Mark:
    said = calendar.mark(value) if isinstance(value, str) else None
    if said is None:
        raise wrong("is not a time of a freeze.", 'Write "22:00" (every day), "fri 18:00" or "2026-12-20 18:00".')
    return said


def _zone(value: object) -> ZoneInfo:
    zone = calendar.zone(value) if isinstance(value, str) else None
    if zone is None:
        raise wrong("is not a time zone.", 'Write a name such as "Europe/Berlin" or "Etc/UTC".')
    return zone


Mark = Annotated[calendar.Mark, BeforeValidator(_mark)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Label = Annotated[str, AfterValidator(_label)]
Channel = Annotated[str, AfterValidator(_channel)]
PersonOrGroup = Annotated[str, AfterValidator(_person_or_group)]
Requester = Annotated[str, AfterValidator(_requester)]
SlackAddress = Annotated[str, AfterValidator(_slack_address)]
Listen = Annotated[Address, PlainValidator(_listen)]
StoreAddress = Annotated[str, AfterValidator(_store_in_file)]
StoreAddressOfVariable = Annotated[kinds.SecretOfVariable, AfterValidator(_leads_to_store)]
StoreAddressOfFile = Annotated[kinds.SecretOfFile, AfterValidator(_leads_to_store)]
Expiry = Annotated[timedelta, kinds.duration("1m", "7d")]
Round = Annotated[timedelta, kinds.duration("100ms", "10m")]
Reminder = Annotated[timedelta, kinds.duration("1s", "30d")]
Keeping = Annotated[timedelta, kinds.duration("1d", "3650d")]
Deafness = Annotated[timedelta, kinds.duration("1s", "7d")]
