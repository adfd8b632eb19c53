"""What no table can tell alone: the secrets of the environment, and the names of clouds that tables share."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from bot.domain.settings.secret import Secret
from bot.settings.problems import Problem, nearest
from bot.settings.reading import Reading
from bot.settings.settings import Tokens

ALERTMANAGER_TOKEN = "ALERTMANAGER_TOKEN"  # noqa: S105  # the name of a variable
Raw: TypeAlias = Mapping[str, Any]


def tokens(raw: Raw, reading: Reading) -> Tokens:
    """Look up the secrets that the mode of the Slack app needs, and what Alertmanager bears if the file names none."""
    is_http = _table(raw, "slack").get("mode") == "http"
    is_named = not {"token_env", "token_file"}.isdisjoint(_table(raw, "alertmanager"))
    is_set = any(reading.env.get(name) for name in (ALERTMANAGER_TOKEN, f"{ALERTMANAGER_TOKEN}_FILE"))
    nothing = Secret("")
    return Tokens(
        bot=reading.from_environment("SLACK_BOT_TOKEN", begins="xoxb-"),
        app=nothing if is_http else reading.from_environment("SLACK_APP_TOKEN", begins="xapp-"),
        signing=reading.from_environment("SLACK_SIGNING_SECRET") if is_http else nothing,
        alertmanager=reading.from_environment(ALERTMANAGER_TOKEN) if is_set and not is_named else nothing,
    )


def strange_clouds(raw: Raw) -> Iterator[Problem]:
    """Clouds that other tables name and that are none of ours."""
    known = [name for cloud in _tables(raw, "clouds") if isinstance(name := cloud.get("name"), str)]
    default = _table(raw, "alertmanager").get("cloud")
    if isinstance(default, str) and default not in known:
        yield Problem(
            key="alertmanager.cloud",
            sentence="is not the name of a cloud of this file.",
            remedy="Name one of [[clouds]], or leave it out.",
        )
    yield from (
        Problem(key=f"freezes[{place}].clouds", sentence=f'"{name[:40]}" is not a cloud.', remedy=nearest(name, known))
        for place, freeze in enumerate(_tables(raw, "freezes"), start=1)
        for name in _list(freeze, "clouds")
        if isinstance(name, str) and name not in known
    )


def same_names(raw: Raw) -> Sequence[Problem]:
    """Clouds that share a name; people type names in any case."""
    seen: set[str] = set()
    problems = []
    for cloud in _tables(raw, "clouds"):
        name = cloud.get("name")
        if not isinstance(name, str):
            continue
        if name.casefold() in seen:
            problems.append(
                Problem(
                    key=f"clouds.{name[:40]}.name", sentence="is the name of two clouds.", remedy="Rename one of them."
                ),
            )
        seen.add(name.casefold())
    return problems


def _table(raw: Raw, key: str) -> Raw:
    """A table inside a table; empty when it is something else, which the shape tells."""
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


def _list(raw: Raw, key: str) -> Sequence[object]:
    """A list inside a table; empty when it is something else, which the shape tells."""
    value = raw.get(key)
    return value if isinstance(value, list) else []


def _tables(raw: Raw, key: str) -> Sequence[Raw]:
    value = raw.get(key)
    return [table if isinstance(table, Mapping) else {} for table in value] if isinstance(value, list) else []
