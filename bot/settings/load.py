"""Reads muster.toml and the environment, and tells everything that is wrong with them at once."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from bot.domain.rules.calendar import Freeze
from bot.domain.rules.policy import Rule
from bot.domain.values import Action
from bot.settings import keys, lookups, sentences
from bot.settings.problems import Problem, SettingsError
from bot.settings.reading import HasSettings, Reading
from bot.settings.settings import Settings

S = TypeVar("S", bound=BaseModel)

MOST_BYTES = 1024 * 1024
"""A settings file larger than this is the wrong file."""


def load(path: Path, env: Mapping[str, str], kinds: Mapping[str, HasSettings]) -> Settings:
    """Read the settings.

    Args:
        path: of muster.toml; relative paths inside it start at its folder.
        env: the environment, where the secrets are.
        kinds: of clouds, by their name in the file.

    Raises:
        SettingsError: something is wrong; names every problem with its key and remedy.
    """
    return understand(_read(path), Reading(env=env, folder=path.absolute().parent, kinds=kinds))


def load_store(path: Path, env: Mapping[str, str], kinds: Mapping[str, HasSettings]) -> keys.StoreSettings:
    """Read only where the database is, for commands that need no Slack and no cloud.

    Args:
        path: of muster.toml.
        env: the environment; the secrets of Slack and of the clouds need not be there.
        kinds: of clouds, by their name in the file.

    Raises:
        SettingsError: the file is not as it must be, or the database's address cannot be found out.
    """
    raw = _read(path)
    reading = Reading(env=env, folder=path.absolute().parent, kinds=kinds)
    _, problems = _shaped(keys.SettingsFile, raw, replace(reading, looks_up=False))
    file, more = _shaped(keys.StoreAlone, raw, reading)
    if file is None or problems:
        raise SettingsError(problems or more)
    return file.store


def load_slack(path: Path, kinds: Mapping[str, HasSettings]) -> keys.SlackSettings:
    """Read only what is said about Slack, for who makes the app whose tokens are not there yet.

    Args:
        path: of muster.toml.
        kinds: of clouds, by their name in the file.

    Raises:
        SettingsError: the file is not as it must be.
    """
    reading = Reading(env={}, folder=path.absolute().parent, kinds=kinds, looks_up=False)
    file, problems = _shaped(keys.SettingsFile, _read(path), reading)
    if file is None:
        raise SettingsError(problems)
    return file.slack


def understand(raw: Mapping[str, Any], reading: Reading) -> Settings:
    """Make settings of what a file holds.

    Args:
        raw: the file, as TOML values.
        reading: how what it points at is found.

    Raises:
        SettingsError: something is wrong; names every problem with its key and remedy.
    """
    file, problems = _shaped(keys.SettingsFile, raw, reading)
    problems.extend([*lookups.same_names(raw), *lookups.strange_clouds(raw)])
    tokens = lookups.tokens(raw, reading)
    problems.extend(reading.problems)
    if file is None or problems:
        raise SettingsError(problems)
    return Settings(
        slack=file.slack,
        store=file.store,
        http=file.http,
        log=file.log,
        retention=file.retention,
        watch=file.watch,
        alertmanager=file.alertmanager,
        tokens=replace(tokens, alertmanager=file.alertmanager.named_token or tokens.alertmanager),
        clouds=tuple(cloud.its for cloud in file.clouds),
        rules={
            (cloud.its.name, action): replace(
                _rule(file.policy, cloud.policy, action), freezes=_freezes(file.freezes, cloud.its.name, action)
            )
            for cloud in file.clouds
            for action in Action
        },
        secrets=tuple(reading.read),
    )


def _shaped(shape_: type[S], raw: Mapping[str, Any], reading: Reading) -> tuple[S | None, list[Problem]]:
    try:
        return shape_.model_validate(raw, context=reading), []
    except ValidationError as error:
        return None, list(sentences.problems(error, raw, reading.kinds))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}.", "Name the file with --config.") from error
    if len(content) > MOST_BYTES:
        raise _unreadable(path, "is too large to be a settings file.", "Name the right file with --config.")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise _unreadable(path, "is not UTF-8 text.", "Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise _unreadable(path, f"is not TOML: {error}.", "Correct that line.") from error


def _unreadable(path: Path, sentence: str, remedy: str) -> SettingsError:
    return SettingsError([Problem(key=str(path), sentence=sentence, remedy=remedy)])


def _rule(general: keys.Policy, cloud: keys.Policy, action: Action) -> Rule:
    """The policy of one cloud and action: the cloud's word beats the general one, the action's the cloud's whole."""
    said: dict[str, Any] = {"requesters": (), "approvers": ()}
    for terms in (general, getattr(general, action.value), cloud, getattr(cloud, action.value)):
        given = {key: getattr(terms, key) for key in keys.Terms.model_fields}
        said |= {key: _each_once(value) for key, value in given.items() if value is not None}
    return Rule(**said)


def _each_once(value: Any) -> Any:
    """A list as a rule has it; anything else as it is."""
    return tuple(dict.fromkeys(value)) if isinstance(value, list) else value


def _freezes(freezes: Sequence[keys.FreezeTable], cloud: str, action: Action) -> tuple[Freeze, ...]:
    """The freezes that stop an action on a cloud; evacuations are stopped by none, and none can name them."""
    return tuple(
        Freeze(name=one.name, starts=one.starts, ends=one.ends, zone=one.timezone)
        for one in freezes
        if action in one.actions and (one.clouds is None or cloud in one.clouds)
    )
