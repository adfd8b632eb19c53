"""What the settings are once they are understood: frozen values, one small part for each room."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, inf
from pathlib import Path
from typing import Literal, TypeAlias

from bot.domain.policy import Rule
from bot.domain.values import Action

HIDDEN = "•••"


class Secret:
    """A text that must not be shown. Printing, formatting or logging it shows only that there is one."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one call that needs it."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("A secret is not written down.")


@dataclass(frozen=True, kw_only=True)
class SlackSettings:
    """The workspace, and how to reach it."""

    mode: Literal["socket", "http"]
    api_url: str  #: ends with a slash
    incident_channel: str  #: id
    locale: Literal["en", "zh-CN"]
    bot_token: Secret
    app_token: Secret  #: empty in http mode
    signing_secret: Secret  #: empty in socket mode, where Slack signs nothing
    direct_messages: Literal["absent", "always", "never"] = "absent"  #: who of those who are called gets one
    external_channels: bool = False  #: whether Muster posts where people of other organisations read it
    command_prefix: str = ""  #: between the slash and the names of the commands
    listen: tuple[str, int] | None = None  #: http mode: where Slack is answered, and nobody else; None: with the rest
    deaf_after: timedelta = timedelta(minutes=10)  #: so long without hearing Slack, and /healthz fails


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """The database."""

    url: str = field(repr=False)  #: sqlite:///… or postgresql://…; may hold a password


@dataclass(frozen=True, kw_only=True)
class RetentionSettings:
    """How long what is over is kept."""

    keep: timedelta = timedelta(days=180)
    audit: timedelta | None = None  #: None: for ever


@dataclass(frozen=True, kw_only=True)
class HttpSettings:
    """Where health, metrics and webhooks are served, and Slack in http mode."""

    host: str
    port: int  #: 0 takes any free one


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """The looks at hosts that nobody asked for."""

    hosts: bool = True  #: whether people are told of hosts that are down
    every: timedelta = timedelta(seconds=15)
    left_over_after: timedelta = timedelta(hours=4)


@dataclass(frozen=True, kw_only=True)
class AlertmanagerSettings:
    """Who may tell of alerts, and how they name a host."""

    token: Secret = field(default_factory=lambda: Secret(""))  #: empty: nobody may
    host_label: str = "instance"
    cloud_label: str = "cloud"
    cloud: str = ""  #: where hosts are looked for when no label says; empty: everywhere


@dataclass(frozen=True, kw_only=True)
class LogSettings:
    """How much is logged, and in which shape."""

    level: Literal["debug", "info", "warning", "error"]
    format: Literal["json", "console"]


@dataclass(frozen=True, kw_only=True)
class CinderSettings:
    """How the `cinder-manage` commands of a re-homing are run."""

    runner: Literal["ssh", "local", "manual", "none"]
    host: str  #: the controller, for ssh
    user: str  #: empty: the user Muster runs as
    port: int
    key_file: Path | None
    known_hosts: Path | None
    command: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RedfishSettings:
    """The baseboard controller of one host."""

    url: str  #: of its ComputerSystem, without a slash behind it
    username: str
    password: Secret
    ca_file: Path | None = None
    insecure: bool = False


DEFAULT_CONCURRENCY = 100
GENTLY_AT_ONCE, GENTLY_A_SECOND = 10, 0.5
"""What `gentle` means: so many VMs on their way at most, and so many begun a second."""
FEW_AT_ONCE = 40
"""Below, a cloud whose VMs wait for their boot is emptied more slowly than by a plain loop (docs/benchmarks.md)."""


@dataclass(frozen=True, kw_only=True)
class OpenStackSettings:
    """One OpenStack."""

    name: str
    cloud: str  #: entry of clouds.yaml
    clouds_file: Path | None  #: None: where openstacksdk looks for clouds.yaml itself
    concurrency: int
    rate: float  #: VMs begun a second at most; infinite: as quickly as the cloud takes them up
    poll: float  #: seconds
    api_timeout: float  #: seconds
    minimum_version: str
    platform_version: str
    shared_storage: bool | None  #: None: not said, so the adapter finds out
    evacuated_vms: Literal["running", "stopped"]
    lock_vms: bool
    priority_metadata: str  #: key of VMs' metadata; empty: none tells their turn
    bring_back: Literal["all", "none"]  #: of the VMs that were moved away, when their host returns
    deadline: float  #: seconds that one VM may be live-migrated
    late: Literal["requeue", "abort", "force-complete", "hold"]  #: what is done about it then
    cinder: CinderSettings
    fence: bool  #: whether a host is powered off before it is evacuated
    redfish: Mapping[str, RedfishSettings]  #: by host name


@dataclass(frozen=True, kw_only=True)
class CloudTowerSettings:
    """One SmartX CloudTower: either a token or a user name with a password."""

    name: str
    url: str  #: ends with /v2/api, without a slash behind it
    token: Secret  #: empty with a user name
    username: str
    password: Secret
    source: Literal["LOCAL", "LDAP"]
    ca_file: Path | None
    insecure: bool
    concurrency: int
    poll: float  #: seconds
    api_timeout: float  #: seconds


CloudSettings: TypeAlias = OpenStackSettings | CloudTowerSettings


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that muster.toml and the environment say."""

    slack: SlackSettings
    store: StoreSettings
    http: HttpSettings
    log: LogSettings
    retention: RetentionSettings = RetentionSettings()
    watch: WatchSettings = WatchSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    clouds: tuple[CloudSettings, ...]
    rules: Mapping[tuple[str, Action], Rule]  #: by cloud name and action; complete
    secrets: tuple[str, ...] = field(repr=False)  #: every secret read, for the log to hide

    @property
    def advice(self) -> tuple[str, ...]:
        """What is set and costs more than people may know, a sentence each."""
        return tuple(
            said for cloud in self.clouds if isinstance(cloud, OpenStackSettings) for said in _cost_of_pace(cloud)
        )

    @property
    def not_in_effect(self) -> tuple[str, ...]:
        """What is set but does nothing in this release, a sentence each: nobody may rely on it."""
        said = []
        if self.slack.locale != "en":
            said.append(f'slack.locale = "{self.slack.locale}": texts are in English in this release.')
        return tuple(said)


def _cost_of_pace(cloud: OpenStackSettings) -> Iterator[str]:
    """What limits of a cloud's pace cost, as against the default ones."""
    if cloud.concurrency < FEW_AT_ONCE:
        yield (
            f"clouds.{cloud.name}.concurrency = {cloud.concurrency}: no more than so many VMs are on their way at once,"
            f" so a host with many VMs is evacuated more slowly than with the default {DEFAULT_CONCURRENCY}: where each"
            f" takes 15 s until it is up, 60 VMs take {ceil(60 / cloud.concurrency) * 15} s at least."
        )
    if cloud.rate < inf:
        yield (
            f"clouds.{cloud.name}: VMs are begun at a rate of {cloud.rate:,.2f} a second at most, so the last of 60 is"
            f" begun {60 / cloud.rate:,.0f} s after the first."
        )
