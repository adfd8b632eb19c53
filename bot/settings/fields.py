"""The kinds of text a setting may hold, each with the sentence for one that does not."""

import re
from datetime import timedelta
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from bot.domain import calendar


def wrong(sentence: str, remedy: str = "") -> PydanticCustomError:
    """An error whose sentence and remedy reach the operator as they are."""
    return PydanticCustomError("muster", "{sentence}", {"sentence": sentence, "remedy": remedy})


def duration(least: str, most: str) -> BeforeValidator:
    """A validator for durations such as "2s", "30m", "1h30m", within bounds."""
    shortest, longest = calendar.span(least), calendar.span(most)

    def parse(value: object) -> timedelta:
        said = calendar.span(value) if isinstance(value, str) else None
        if said is None:
            raise wrong("is not a duration.", 'Write a number with its unit in quotes, such as "2s", "30m" or "1h30m".')
        if (shortest and said < shortest) or (longest and said > longest):
            raise wrong(f'"{value}" is out of range.', f"It must be between {least} and {most}.")
        return said

    return BeforeValidator(parse)


def _cloud_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", value):
        raise wrong(
            "is not a name people can type before a host.",
            "Use up to 40 letters, digits, dots, dashes and underscores.",
        )
    return value


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


def _web_address(value: str) -> str:
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise wrong("is not an http or https address.", 'Write it in full, such as "https://tower.example/v2/api".')
    if parts.username or parts.password:
        raise wrong("holds credentials.", "Take them out of the address and name a variable that holds them.")
    return value


def _slack_address(value: str) -> str:
    return _web_address(value).rstrip("/") + "/"


def _tower_address(value: str) -> str:
    address = _web_address(value).rstrip("/")
    if not address.endswith("/v2/api"):
        raise wrong("does not end with /v2/api.", f'The API of CloudTower lives there: "{address}/v2/api".')
    return address


def _system_address(value: str) -> str:
    address = _web_address(value).rstrip("/")
    if not re.search(r"/Systems/[^/?#]+$", address):
        raise wrong("names no system.", 'Redfish has one for each machine: "https://bmc-89/redfish/v1/Systems/1".')
    return address


def _listen(value: str) -> str:
    listen_parts(value)
    return value


def listen_parts(value: str) -> tuple[str, int]:
    """Cut "127.0.0.1:3000" or "[::1]:3000" into host and port."""
    host, _, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise wrong("is not an address to listen on.", 'Write host and port, such as "127.0.0.1:3000".')
    return host, int(port)


def _store_in_file(value: str) -> str:
    parts = _split(value)
    if parts is not None and parts.password:
        raise wrong(
            "holds a password, and secrets never stand in this file.",
            "Put the whole address into an environment variable and name it in store.url_env.",
        )
    return store_address(value)


def store_address(value: str) -> str:
    """The address of a database of a kind that Muster can use; may hold a password, which no error repeats."""
    parts = _split(value)
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


def _split(value: str) -> SplitResult | None:
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018  # reading it is the check
    except ValueError:
        return None
    return parts


def _metadata_key(value: str) -> str:
    # https://docs.openstack.org/api-ref/compute/#create-or-update-server-metadata-items
    if not re.fullmatch(r"[a-zA-Z0-9-_:. ]{1,255}", value):
        raise wrong(
            "cannot be the key of a VM's metadata.",
            "Use up to 255 letters, digits, blanks and any of - _ : .",
        )
    return value


def _version(value: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)*", value):
        raise wrong("is not a version.", 'Write numbers with dots between them, such as "6.4.3.0.0.0".')
    return value


def _environment_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", value):
        # The value is not repeated: people put the secret itself here.
        raise wrong("is not the name of an environment variable.", "Name the variable here and put the secret in it.")
    return value


def _label(value: str) -> str:
    # https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,99}", value):
        raise wrong("is not the name of a label.", "Use letters, digits and underscores.")
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise wrong("is empty.", "Write a value or leave the key out.")
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


Text = Annotated[str, AfterValidator(_text)]
Mark = Annotated[calendar.Mark, BeforeValidator(_mark)]
Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Label = Annotated[str, AfterValidator(_label)]
CloudName = Annotated[str, AfterValidator(_cloud_name)]
Channel = Annotated[str, AfterValidator(_channel)]
PersonOrGroup = Annotated[str, AfterValidator(_person_or_group)]
Requester = Annotated[str, AfterValidator(_requester)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SlackAddress = Annotated[str, AfterValidator(_slack_address)]
SystemAddress = Annotated[str, AfterValidator(_system_address)]
TowerAddress = Annotated[str, AfterValidator(_tower_address)]
Listen = Annotated[str, AfterValidator(_listen)]
StoreAddress = Annotated[str, AfterValidator(_store_in_file)]
MetadataKey = Annotated[str, AfterValidator(_metadata_key)]
Version = Annotated[str, AfterValidator(_version)]
EnvironmentName = Annotated[str, AfterValidator(_environment_name)]
Expiry = Annotated[timedelta, duration("1m", "7d")]
Round = Annotated[timedelta, duration("100ms", "10m")]
Reminder = Annotated[timedelta, duration("1s", "30d")]
Keeping = Annotated[timedelta, duration("1d", "3650d")]
Deafness = Annotated[timedelta, duration("1s", "7d")]
Deadline = Annotated[timedelta, duration("1s", "7d")]
Poll = Annotated[timedelta, duration("20ms", "5m")]
Timeout = Annotated[timedelta, duration("1s", "10m")]
