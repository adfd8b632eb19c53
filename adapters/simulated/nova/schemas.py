"""What the simulated Nova accepts in bodies and queries, microversion by microversion, and how it says no."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiohttp import web

from adapters.simulated.openstack.http import ApiError

_YES = ("True", "TRUE", "true", "1", "ON", "On", "on", "YES", "Yes", "yes")
_NO = ("False", "FALSE", "false", "0", "OFF", "Off", "off", "NO", "No", "no")
BOOLEAN: tuple[Any, ...] = (True, *_YES, False, *_NO)
_HOST = re.compile(r"[a-zA-Z0-9-._]{1,255}")


def check_shape(
    body: Mapping[str, Any], allowed: Iterable[str], *, required: Sequence[str] = (), field: str = ""
) -> None:
    """Refuse unknown and missing keys.

    Raises:
        ApiError: 400 with the schema's message.
    """
    problem = ""
    unknown = sorted(set(body) - set(allowed))
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        were = "was" if len(unknown) == 1 else "were"
        problem = f"Additional properties are not allowed ({names} {were} unexpected)"
    missing = [name for name in required if name not in body]
    if not problem and missing:
        problem = f"'{missing[0]}' is a required property"
    if problem and field:
        problem = f"Invalid input for field/attribute {field}. Value: {dict(body)}. {problem}"
    if problem:
        raise ApiError(400, problem)


def check_query(request: web.Request, allowed: Iterable[str]) -> None:
    """Refuse unknown query parameters.

    Raises:
        ApiError: 400.
    """
    check_shape(dict(request.query), allowed)


def check_server_query(request: web.Request, allowed: Iterable[str]) -> None:
    """The same for lists of servers, whose schema says it in other words.

    Raises:
        ApiError: 400.
    """
    unknown = sorted(name for name in set(request.query) - set(allowed) if not name.startswith("_"))
    if len(unknown) == 1:
        raise ApiError(400, f"'{unknown[0]}' does not match any of the regexes: '^_'")
    if unknown:
        names = ", ".join(f"'{name}'" for name in unknown)
        raise ApiError(400, f"{names} do not match any of the regexes: '^_'")


def one_of(body: Mapping[str, Any], field: str, values: Sequence[Any]) -> None:
    """Refuse a value, if there is one, that is not in the list.

    Raises:
        ApiError: 400.
    """
    if field in body and not any(body[field] == v and type(body[field]) is type(v) for v in values):
        value = body[field]
        raise _bad(field, value, f"{value!r} is not one of {list(values)}")


def text(body: Mapping[str, Any], field: str, *, nullable: bool = False, host: bool = False) -> None:
    """Refuse a value, if there is one, that is no text of 1 to 255 characters (for hosts: of those of a name).

    Raises:
        ApiError: 400.
    """
    value = body.get(field, "x")
    if value is None and nullable:
        return
    if not isinstance(value, str):
        raise _bad(field, value, f"{value!r} is not of type 'string'")
    if not value:
        raise _bad(field, value, "'' should be non-empty")
    if len(value) > 255:
        raise _bad(field, value, f"{value!r} is too long")
    if host and not _HOST.fullmatch(value):
        raise _bad(field, value, f"{value!r} does not match '^[a-zA-Z0-9-._]*$'")


def truth(value: Any) -> bool:
    """A boolean that a schema has let through."""
    return value is True or value in _YES


def _bad(field: str, value: Any, problem: str) -> ApiError:
    return ApiError(400, f"Invalid input for field/attribute {field}. Value: {value}. {problem}")


# ---------------------------------------------------------------------- actions on servers


def check_action(name: str, body: Any, minor: int) -> None:
    """The schema of an action at a microversion.

    Raises:
        ApiError: 400.
    """
    match name:
        case "evacuate":
            _check_evacuate(body, minor)
        case "os-migrateLive":
            _check_live_migration(body, minor)
        case "migrate" if minor >= 56 and body is not None:
            text(_object(name, body, {"host"}), "host", nullable=True, host=True)
        case "lock" if minor >= 73 and body is not None:
            text(_object(name, body, {"locked_reason"}), "locked_reason")
        case "os-resetState":
            one_of(_object(name, body, {"state"}, ["state"]), "state", ["active", "error"])
        case "reboot":
            kinds = ["HARD", "Hard", "hard", "SOFT", "Soft", "soft"]
            one_of(_object(name, body, {"type"}, ["type"]), "type", kinds)


def _check_evacuate(body: Any, minor: int) -> None:
    allowed = {"host", "adminPass"}
    allowed |= {"onSharedStorage"} if minor < 14 else set()
    allowed |= {"force"} if 29 <= minor < 68 else set()
    checked = _object("evacuate", body, allowed, ["onSharedStorage"] if minor < 14 else [])
    text(checked, "host", host=True)
    text(checked, "adminPass")
    one_of(checked, "onSharedStorage", BOOLEAN)
    one_of(checked, "force", BOOLEAN)


def _check_live_migration(body: Any, minor: int) -> None:
    required = ["block_migration", "host"] if minor >= 25 else ["block_migration", "disk_over_commit", "host"]
    kinds = (*BOOLEAN, "auto") if minor >= 25 else BOOLEAN
    if isinstance(body, dict):
        one_of(body, "block_migration", kinds)
    checked = _object("os-migrateLive", body, {*required, *(["force"] if 30 <= minor < 68 else [])}, required)
    text(checked, "host", nullable=True, host=True)
    one_of(checked, "disk_over_commit", BOOLEAN)
    one_of(checked, "force", BOOLEAN)


def _object(name: str, body: Any, allowed: set[str], required: Sequence[str] = ()) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise _bad(name, body, f"{body!r} is not of type 'object'")
    check_shape(body, allowed, required=required, field=name)
    return body


# ---------------------------------------------------------------------- compute services


def check_service_update(body: dict[str, Any], minor: int) -> None:
    """The schema of `PUT /os-services/…` at a microversion.

    Raises:
        ApiError: 400.
    """
    if minor >= 53:
        check_shape(body, {"status", "disabled_reason", "forced_down"})
        one_of(body, "status", ["enabled", "disabled"])
    else:
        names = {"host", "binary", "disabled_reason"}
        check_shape(body, names | ({"forced_down"} if minor >= 11 else set()), required=["host", "binary"])
        text(body, "host", host=True)
        text(body, "binary")
    text(body, "disabled_reason")
    one_of(body, "forced_down", BOOLEAN)
