"""What the file only points at: secrets and files, looked up on the raw tables so that a wrong key hides no other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from pydantic_core import PydanticCustomError

from bot.settings import fields
from bot.settings.problems import Problem, nearest
from bot.settings.secrets import Secrets
from bot.settings.sentences import cloud_key
from bot.settings.values import Secret

ALERTMANAGER_TOKEN = "ALERTMANAGER_TOKEN"  # noqa: S105  # the name of a variable
Raw: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SlackSecrets:
    """The secrets that the mode of the Slack app needs; the others are empty."""

    bot_token: Secret
    app_token: Secret
    signing_secret: Secret


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one cloud's keys lead to."""

    files: Mapping[str, Path | None]  #: by key
    secrets: Mapping[str, Secret] = field(default_factory=dict)  #: by word, or by host for Redfish


def slack(raw: Raw, secrets: Secrets) -> SlackSecrets:
    """Look up the secrets of the Slack app."""
    is_http = _table(raw, "slack").get("mode") == "http"
    nothing = Secret("")
    return SlackSecrets(
        bot_token=secrets.from_environment("SLACK_BOT_TOKEN", begins="xoxb-"),
        app_token=nothing if is_http else secrets.from_environment("SLACK_APP_TOKEN", begins="xapp-"),
        signing_secret=secrets.from_environment("SLACK_SIGNING_SECRET") if is_http else nothing,
    )


def store(raw: Raw, secrets: Secrets) -> str:
    """Look up the database's address where it is not in the file; empty when it is, or is left to the default."""
    table = _table(raw, "store")
    pointers = [key for key in ("url", "url_env", "url_file") if key in table]
    if "url" in pointers and len(pointers) > 1:
        secrets.problems.append(
            Problem(key="store.url", sentence=f"is there, and {pointers[1]} too.", remedy="Keep only one of them."),
        )
    address = secrets.from_keys("store", "url", table, needed=False).reveal()
    if address:
        try:
            fields.store_address(address)
        except PydanticCustomError as error:
            context = error.context or {}
            key = "store.url_env" if "url_env" in table else "store.url_file"
            secrets.problems.append(
                Problem(key=key, sentence=f"leads to what {context['sentence']}", remedy=str(context["remedy"])),
            )
    return address


def alertmanager(raw: Raw, secrets: Secrets) -> Secret:
    """Look up the token that Alertmanager bears; empty when none is named and ALERTMANAGER_TOKEN is not set."""
    table = _table(raw, "alertmanager")
    names = [cloud.get("name") for cloud in _tables(raw, "clouds")]
    if isinstance(table.get("cloud"), str) and table["cloud"] not in names:
        secrets.problems.append(
            Problem(
                key="alertmanager.cloud",
                sentence="is not the name of a cloud of this file.",
                remedy="Name one of [[clouds]], or leave it out.",
            ),
        )
    if "token_env" in table or "token_file" in table:
        return secrets.from_keys("alertmanager", "token", table)
    if any(secrets.env.get(name) for name in (ALERTMANAGER_TOKEN, f"{ALERTMANAGER_TOKEN}_FILE")):
        return secrets.from_environment(ALERTMANAGER_TOKEN)
    return Secret("")


def clouds(raw: Raw, secrets: Secrets) -> Sequence[Found]:
    """Look up what each cloud's keys lead to, in the order of the file."""
    found = []
    for place, cloud in enumerate(_tables(raw, "clouds")):
        key = cloud_key(place, raw)
        if cloud.get("kind") == "openstack":
            found.append(_openstack(key, cloud, secrets))
        elif cloud.get("kind") == "cloudtower":
            found.append(_cloudtower(key, cloud, secrets))
    return found


def strange_clouds(raw: Raw) -> Sequence[Problem]:
    """Clouds that a freeze names and that are none of ours: it would freeze nothing."""
    known = [name for cloud in _tables(raw, "clouds") if isinstance(name := cloud.get("name"), str)]
    return [
        Problem(key=f"freezes[{place}].clouds", sentence=f'"{name[:40]}" is no cloud.', remedy=nearest(name, known))
        for place, freeze in enumerate(_tables(raw, "freezes"), start=1)
        for name in _list(freeze, "clouds")
        if isinstance(name, str) and name not in known
    ]


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


def _openstack(at: str, cloud: Raw, secrets: Secrets) -> Found:
    cinder = _table(cloud, "cinder")
    if cinder.get("runner") == "ssh" and "host" not in cinder:
        secrets.problems.append(
            Problem(
                key=f"{at}.cinder.host",
                sentence="is missing.",
                remedy='Name the controller that runner = "ssh" goes to.',
            ),
        )
    files = {
        "clouds_file": secrets.path(f"{at}.clouds_file", cloud.get("clouds_file"), what="clouds.yaml"),
        "key_file": secrets.path(f"{at}.cinder.key_file", cinder.get("key_file"), what="private key"),
        "known_hosts": secrets.path(f"{at}.cinder.known_hosts", cinder.get("known_hosts"), what="known host keys"),
    }
    fencing = _table(cloud, "fencing")
    passwords = {}
    for host, entry in _table(fencing, "redfish").items():
        if isinstance(entry, Mapping):
            key = f"{at}.fencing.redfish.{host}"
            passwords[host] = secrets.from_keys(key, "password", entry)
            files[f"ca_file of {host}"] = _certificate(key, entry, secrets)
    if fencing.get("fence") is True and not passwords:
        secrets.problems.append(
            Problem(
                key=f"{at}.fencing.fence",
                sentence="has no BMC to power a host off with.",
                remedy="Add the hosts' BMCs under [clouds.fencing.redfish].",
            ),
        )
    return Found(files=files, secrets=passwords)


def _cloudtower(at: str, cloud: Raw, secrets: Secrets) -> Found:
    with_token = "token_env" in cloud or "token_file" in cloud
    with_name = any(key in cloud for key in ("username", "password_env", "password_file"))
    if with_token and with_name:
        secrets.problems.append(
            Problem(key=f"{at}.username", sentence="is there, and a token too.", remedy="Keep only one way to log in."),
        )
    if with_name and "username" not in cloud:
        secrets.problems.append(
            Problem(key=f"{at}.username", sentence="is missing.", remedy="Add the user whose password this is."),
        )
    found = {
        "token": secrets.from_keys(at, "token", cloud, needed=not with_name),
        "password": secrets.from_keys(at, "password", cloud, needed=with_name),
    }
    return Found(
        files={"ca_file": _certificate(at, cloud, secrets)},
        secrets=found,
    )


def _certificate(at: str, table: Raw, secrets: Secrets) -> Path | None:
    """The file of the authority that a server's certificate is checked against."""
    if table.get("insecure") is True and "ca_file" in table:
        secrets.problems.append(
            Problem(key=f"{at}.insecure", sentence="makes ca_file meaningless.", remedy="Remove one of them."),
        )
    return secrets.path(f"{at}.ca_file", table.get("ca_file"), what="certificate")


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
