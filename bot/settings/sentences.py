"""From pydantic's errors to sentences an operator can act on."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from bot.settings import keys
from bot.settings.problems import Problem, nearest
from bot.settings.reading import HasSettings

_ITS = "its"  #: where `shape.CloudTable` keeps what is for its kind to understand

_SECRET_WORDS = ("token", "secret", "password")

_TYPES = {
    "string_type": ("must be a text.", 'Write it in quotes: "…".'),
    "int_type": ("must be a whole number.", "Write it without quotes."),
    "bool_type": ("must be true or false.", "Write it without quotes."),
    "tuple_type": ("must be a list.", 'Write it in brackets: ["…", "…"].'),
    "list_type": ("must be a list.", 'Write it in brackets: ["…", "…"].'),
    "dict_type": ("must be a table.", "Write it under a heading of its own."),
    "model_type": ("must be a table.", "Write it under a heading of its own."),
    "model_attributes_type": ("must be a table.", "Write it under a heading of its own."),
}


def problems(error: ValidationError, raw: Mapping[str, Any], kinds: Mapping[str, HasSettings]) -> Sequence[Problem]:
    """Every error of a validation as a problem, in the order of the file's shape.

    Args:
        error: what pydantic raised.
        raw: the file as read, for the names of clouds.
        kinds: of clouds, by their name in the file.
    """
    return [_problem(detail, raw, kinds) for detail in error.errors(include_url=False, include_input=False)]


def _problem(detail: Any, raw: Mapping[str, Any], kinds: Mapping[str, HasSettings]) -> Problem:
    kind: str = detail["type"]
    context: Mapping[str, Any] = detail.get("ctx", {})
    location: tuple[str | int, ...] = tuple(part for part in detail["loc"] if part != "[key]")
    key = _key(location, raw)
    if kind == "extra_forbidden":
        return _unknown_key(key, str(location[-1]), known=_keys_at(location[:-1], raw, kinds))
    return Problem(key=key, **_sentence(kind, context, location))


def _sentence(kind: str, context: Mapping[str, Any], location: tuple[str | int, ...]) -> dict[str, str]:
    if kind == "muster":
        return {"sentence": context["sentence"], "remedy": context["remedy"]}
    if kind == "missing":
        return {"sentence": "is missing.", "remedy": _ADD.get(str(location[-1]), "Add it.")}
    if kind == "literal_error":
        return {"sentence": "is not one of the words known here.", "remedy": f"Write {context['expected']}."}
    if kind == "too_short":
        return {"sentence": "is empty.", "remedy": _ADD.get(str(location[-1]), "Add at least one.")}
    if kind == "greater_than_equal":
        return {"sentence": "is too small.", "remedy": f"It must be at least {context['ge']}."}
    if kind == "less_than_equal":
        return {"sentence": "is too large.", "remedy": f"It must be at most {context['le']}."}
    if kind == "list_type" and location == ("clouds",):
        return {
            "sentence": "must be a list of tables.",
            "remedy": "Write [[clouds]], with two brackets, before each cloud.",
        }
    sentence, remedy = _TYPES.get(kind, ("is not as it must be.", f"({kind})"))
    return {"sentence": sentence, "remedy": remedy}


_ADD = {
    "slack": "Add a [slack] table with incident_channel.",
    "clouds": "Add a [[clouds]] table with name and kind.",
    "incident_channel": "Add the id of the channel that hears of every operation.",
    "name": "Add the name people type before a host.",
    "url": "Add the address of its API.",
}


def _unknown_key(key: str, word: str, *, known: frozenset[str]) -> Problem:
    if word in {"bot_token", "app_token", "signing_secret"}:
        return Problem(
            key=key,
            sentence="does not belong here: secrets never stand in this file.",
            remedy=f"Remove it and set SLACK_{word.upper()} in the environment.",
        )
    if word in _SECRET_WORDS and f"{word}_env" in known:
        return Problem(
            key=key,
            sentence="does not belong here: secrets never stand in this file.",
            remedy=f"Remove it and name an environment variable in {word}_env or a file in {word}_file.",
        )
    return Problem(key=key, sentence="is not a key known here.", remedy=nearest(word, known))


def _keys_at(
    location: tuple[str | int, ...], raw: Mapping[str, Any], kinds: Mapping[str, HasSettings]
) -> frozenset[str]:
    """The keys of the table at a location of the shape."""
    table: type[BaseModel] = keys.SettingsFile
    for part in location:
        if part == _ITS:
            table = kinds[raw["clouds"][location[1]]["kind"]].settings
        elif part in table.model_fields:
            table = table_in(table.model_fields[str(part)].annotation) or table
    return frozenset(table.model_fields) | ({"policy"} if location[-1:] == (_ITS,) else set())


def table_in(annotation: Any) -> type[BaseModel] | None:
    """The table an annotation speaks of, also inside a list, a dict or a union."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = [table for part in get_args(annotation) if (table := table_in(part))]
    return found[-1] if found else None


def _key(location: tuple[str | int, ...], raw: Mapping[str, Any]) -> str:
    """A location as an operator would say it: clouds by name, without our mark for what its kind understands."""
    words: list[str] = []
    for place, part in enumerate(location):
        if place == 1 and location[0] == "clouds" and isinstance(part, int):
            words[-1] = cloud_key(part, raw)
        elif place == 2 and location[0] == "clouds" and part == _ITS:
            continue
        elif isinstance(part, int):
            words[-1] += f"[{part + 1}]"
        else:
            words.append(str(part))
    return ".".join(words) or "muster.toml"


def cloud_key(place: int, raw: Mapping[str, Any]) -> str:
    """How problems name the cloud at a place of the list: by its name, or by its number, counted from 1."""
    clouds = raw.get("clouds")
    cloud = clouds[place] if isinstance(clouds, list) else None
    name = cloud.get("name") if isinstance(cloud, dict) else None
    return (
        f"clouds.{name}"
        if isinstance(name, str) and name.isprintable() and 0 < len(name) <= 40
        else f"clouds[{place + 1}]"
    )
