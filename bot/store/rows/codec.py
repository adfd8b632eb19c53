"""Domain values as canonical JSON, and back.

Canonical: keys sorted, no blanks, ASCII only, so that equal values have equal texts, and so that any text a cloud or a
person wrote (NUL and lone surrogates included) fits into every database. Fields added to a value later are filled with
their defaults when an old text is read; fields that were taken away are ignored.
"""

import dataclasses
import json
import types
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any, NewType, TypeVar, Union, get_args, get_origin, get_type_hints

from bot.domain.values import Json

T = TypeVar("T")
Turn = Callable[[Any], Any]

MICROSECOND = timedelta(microseconds=1)


def canonical(value: object) -> str:
    """The canonical text of plain JSON (tuples and mappings welcome)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_plain)


def encode(value: object, *, without: Collection[str] = ()) -> str:
    """The canonical text of a dataclass value.

    Args:
        value: an instance of a dataclass.
        without: names of its fields to leave out.
    """
    fields = _fields(type(value))
    return canonical({name: give(getattr(value, name)) for name, (give, _) in fields.items() if name not in without})


def decode(kind: type[T], text: str, **known: object) -> T:
    """The value of a canonical text.

    Args:
        kind: the dataclass.
        text: what `encode` made.
        known: fields that are not in the text, or to take instead.

    Raises:
        ValueError: the text lacks a field that has no default.
    """
    return _build(kind, json.loads(text), known)


def given(value: object) -> dict[str, Any]:
    """The fields of a dataclass value as plain JSON."""
    return {name: give(getattr(value, name)) for name, (give, _) in _fields(type(value)).items()}


def taken(kind: type[T], found: Mapping[str, Any]) -> T:
    """The value of fields as plain JSON; others are ignored.

    Raises:
        ValueError: a field is missing that has no default.
    """
    return _build(kind, found, {})


def decode_part(kind: type[T], text: str, name: str) -> T:
    """The value of one field of a canonical text."""
    return _build(kind, json.loads(text)[name], {})


def plain(text: str) -> Mapping[str, Json]:
    """The JSON object of a canonical text."""
    found: Mapping[str, Json] = json.loads(text)
    return found


def _build(kind: type[T], found: Mapping[str, Any], known: Mapping[str, object]) -> T:
    given = {name: take(found[name]) for name, (_, take) in _fields(kind).items() if name in found}
    try:
        return kind(**{**given, **known})
    except TypeError as error:
        raise ValueError(f"A stored {kind.__name__} cannot be read: {error}") from error


def _plain(value: object) -> object:
    """What `json` does not know by itself: mappings and sequences that are neither dict nor list."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Collection):
        return list(value)
    raise TypeError(f"not JSON: {type(value).__name__}")


def _fields(kind: Any) -> Mapping[str, tuple[Turn, Turn]]:
    return _fields_once(kind)


@cache
def _fields_once(kind: Any) -> Mapping[str, tuple[Turn, Turn]]:
    hints = get_type_hints(kind, localns={"Json": object})  # its own name inside the recursive alias
    return {field.name: _turns(hints[field.name]) for field in dataclasses.fields(kind) if field.init}


def _turns(hint: Any) -> tuple[Turn, Turn]:
    """How a field of this type is written and read."""
    while isinstance(hint, NewType):
        hint = hint.__supertype__
    origin = get_origin(hint)
    if origin in {Union, types.UnionType}:
        return _optional(hint)
    if origin is tuple:
        give, take = _turns(get_args(hint)[0])
        return (lambda value: [give(v) for v in value]), (lambda value: tuple(take(v) for v in value))
    if isinstance(hint, type):
        if dataclasses.is_dataclass(hint):
            return given, (lambda value: _build(hint, value, {}))
        if issubclass(hint, Enum):
            return (lambda value: value.value), hint
        if issubclass(hint, datetime):
            return _give_moment, datetime.fromisoformat
        if issubclass(hint, timedelta):
            return (lambda value: value // MICROSECOND), (lambda value: timedelta(microseconds=value))
    return _same, _same


def _optional(hint: Any) -> tuple[Turn, Turn]:
    """`X | None` by the rules of X; any other union is plain JSON."""
    arms = [arm for arm in get_args(hint) if arm is not type(None)]
    if len(arms) != 1:
        return _same, _same
    give, take = _turns(arms[0])
    if give is _same:
        return _same, _same
    return (
        lambda value: None if value is None else give(value),
        lambda value: None if value is None else take(value),
    )


def _give_moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _same(value: Any) -> Any:
    return value
