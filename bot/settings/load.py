"""Reads muster.toml and the environment, and tells everything that is wrong with them at once."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from math import inf
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.domain.calendar import Freeze
from bot.domain.policy import Rule
from bot.domain.values import Action
from bot.settings import fields, lookups, sentences, shape
from bot.settings.lookups import Found
from bot.settings.problems import Problem, SettingsError
from bot.settings.secrets import Secrets
from bot.settings.values import (
    GENTLY_A_SECOND,
    GENTLY_AT_ONCE,
    AlertmanagerSettings,
    CinderSettings,
    CloudSettings,
    CloudTowerSettings,
    HttpSettings,
    LogSettings,
    OpenStackSettings,
    RedfishSettings,
    RetentionSettings,
    Settings,
    SlackSettings,
    StoreSettings,
    WatchSettings,
)

MOST_BYTES = 1024 * 1024
"""A settings file larger than this is the wrong file."""

DEFAULT_STORE = "sqlite:///muster.db"


def load(path: Path, env: Mapping[str, str]) -> Settings:
    """Read the settings.

    Args:
        path: of muster.toml; relative paths inside it start at its folder.
        env: the environment, where the secrets are.

    Raises:
        SettingsError: something is wrong; names every problem with its key and remedy.
    """
    return understand(_read(path), env=env, folder=path.absolute().parent)


def load_store(path: Path, env: Mapping[str, str]) -> StoreSettings:
    """Read only where the database is, for commands that need no Slack and no cloud.

    Args:
        path: of muster.toml.
        env: the environment; the secrets of Slack and of the clouds need not be there.

    Raises:
        SettingsError: the file is not as it must be, or the database's address cannot be found out.
    """
    raw = _read(path)
    secrets = Secrets(env=env, folder=path.absolute().parent)
    file, problems = _shaped(raw)
    address = lookups.store(raw, secrets)
    problems.extend(secrets.problems)
    if file is None or problems:
        raise SettingsError(problems)
    return StoreSettings(url=address or file.store.url or DEFAULT_STORE)


def understand(raw: Mapping[str, Any], *, env: Mapping[str, str], folder: Path) -> Settings:
    """Make settings of what a file holds.

    Args:
        raw: the file, as TOML values.
        env: the environment.
        folder: where relative paths start.

    Raises:
        SettingsError: something is wrong; names every problem with its key and remedy.
    """
    secrets = Secrets(env=env, folder=folder)
    file, problems = _shaped(raw)
    problems.extend([*lookups.same_names(raw), *lookups.strange_clouds(raw)])
    tokens = lookups.slack(raw, secrets)
    address = lookups.store(raw, secrets)
    found = lookups.clouds(raw, secrets)
    alertmanager = lookups.alertmanager(raw, secrets)
    problems.extend(secrets.problems)
    if file is None or problems:
        raise SettingsError(problems)
    host, port = fields.listen_parts(file.http.listen)
    return Settings(
        slack=SlackSettings(
            mode=file.slack.mode,
            api_url=file.slack.api_url,
            incident_channel=file.slack.incident_channel,
            locale=file.slack.locale,
            bot_token=tokens.bot_token,
            app_token=tokens.app_token,
            signing_secret=tokens.signing_secret,
            direct_messages=file.slack.direct_messages,
            external_channels=file.slack.external_channels,
            command_prefix=file.slack.command_prefix,
            listen=fields.listen_parts(file.slack.listen) if file.slack.listen else None,
            deaf_after=file.slack.deaf_after,
        ),
        store=StoreSettings(url=address or file.store.url or DEFAULT_STORE),
        retention=RetentionSettings(keep=file.retention.keep, audit=file.retention.audit),
        http=HttpSettings(host=host, port=port),
        watch=WatchSettings(hosts=file.watch.hosts, every=file.watch.every, left_over_after=file.watch.left_over_after),
        alertmanager=AlertmanagerSettings(
            token=alertmanager,
            host_label=file.alertmanager.host_label,
            cloud_label=file.alertmanager.cloud_label,
            cloud=file.alertmanager.cloud or "",
        ),
        log=LogSettings(level=file.log.level, format=file.log.format),
        clouds=tuple(_cloud(cloud, its) for cloud, its in zip(file.clouds, found, strict=True)),
        rules={
            (cloud.name, action): replace(
                _rule(file.policy, cloud.policy, action), freezes=_freezes(file.freezes, cloud.name, action)
            )
            for cloud in file.clouds
            for action in Action
        },
        secrets=tuple(secrets.read),
    )


def _shaped(raw: Mapping[str, Any]) -> tuple[shape.File | None, list[Problem]]:
    try:
        return shape.File.model_validate(raw), []
    except ValidationError as error:
        return None, list(sentences.problems(error, raw))


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


def _cloud(cloud: shape.OpenStack | shape.CloudTower, its: Found) -> CloudSettings:
    return _openstack(cloud, its) if isinstance(cloud, shape.OpenStack) else _cloudtower(cloud, its)


def _openstack(cloud: shape.OpenStack, its: Found) -> OpenStackSettings:
    return OpenStackSettings(
        name=cloud.name,
        cloud=cloud.cloud or cloud.name,
        clouds_file=its.files["clouds_file"],
        concurrency=min(cloud.concurrency, GENTLY_AT_ONCE) if cloud.gentle else cloud.concurrency,
        rate=min(cloud.starts_per_second or inf, GENTLY_A_SECOND if cloud.gentle else inf),
        poll=cloud.poll.total_seconds(),
        api_timeout=cloud.api_timeout.total_seconds(),
        minimum_version=cloud.minimum_version or "",
        platform_version=cloud.platform_version or "",
        shared_storage=cloud.shared_storage,
        evacuated_vms=cloud.evacuated_vms,
        lock_vms=cloud.lock_vms,
        priority_metadata=cloud.priority_metadata or "",
        bring_back=cloud.bring_back,
        deadline=cloud.migration.deadline.total_seconds(),
        late=cloud.migration.late,
        cinder=CinderSettings(
            runner=cloud.cinder.runner,
            host=cloud.cinder.host or "",
            user=cloud.cinder.user or "",
            port=cloud.cinder.port,
            key_file=its.files["key_file"],
            known_hosts=its.files["known_hosts"],
            command=tuple(cloud.cinder.command),
        ),
        fence=cloud.fencing.fence,
        redfish={
            host: RedfishSettings(
                url=entry.url,
                username=entry.username,
                password=its.secrets[host],
                ca_file=its.files[f"ca_file of {host}"],
                insecure=entry.insecure,
            )
            for host, entry in cloud.fencing.redfish.items()
        },
    )


def _cloudtower(cloud: shape.CloudTower, its: Found) -> CloudTowerSettings:
    return CloudTowerSettings(
        name=cloud.name,
        url=cloud.url,
        token=its.secrets["token"],
        username=cloud.username or "",
        password=its.secrets["password"],
        source=cloud.source,
        ca_file=its.files["ca_file"],
        insecure=cloud.insecure,
        concurrency=cloud.concurrency,
        poll=cloud.poll.total_seconds(),
        api_timeout=cloud.api_timeout.total_seconds(),
    )


def _rule(general: shape.Policy, cloud: shape.Policy, action: Action) -> Rule:
    """The policy of one cloud and action: the cloud's word beats the general one, the action's the cloud's whole."""
    said: dict[str, Any] = {
        "requesters": [],
        "approvers": [],
        "break_glass": [],
        "quorum": 1,
        "self_approval": False,
        "typed_confirmation": False,
        "expires": timedelta(minutes=30),
        "remind_before": timedelta(minutes=10),
        "escalate_to": [],
        "escalate_after": timedelta(minutes=15),
    }
    for terms in (general, getattr(general, action.value), cloud, getattr(cloud, action.value)):
        said |= {key: getattr(terms, key) for key in said if getattr(terms, key) is not None}
    return Rule(
        requesters=tuple(dict.fromkeys(said["requesters"])),
        approvers=tuple(dict.fromkeys(said["approvers"])),
        break_glass=tuple(dict.fromkeys(said["break_glass"])),
        quorum=said["quorum"],
        self_approval=said["self_approval"],
        typed_confirmation=said["typed_confirmation"],
        expires=said["expires"],
        remind_before=said["remind_before"],
        escalate_to=tuple(dict.fromkeys(said["escalate_to"])),
        escalate_after=said["escalate_after"],
    )


def _freezes(freezes: Sequence[shape.Freeze], cloud: str, action: Action) -> tuple[Freeze, ...]:
    """The freezes that stop an action on a cloud; evacuations are stopped by none, and none can name them."""
    return tuple(
        Freeze(name=one.name, starts=one.starts, ends=one.ends, zone=one.timezone)
        for one in freezes
        if action in one.actions and (one.clouds is None or cloud in one.clouds)
    )
