"""What the settings are once they are understood: frozen values, one small part for each room."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from bot.domain.rules.policy import Rule
from bot.domain.settings.cloud_settings import CloudSettings
from bot.domain.settings.secret import Secret
from bot.domain.values import Action


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
        return tuple(said for cloud in self.clouds for said in cloud.advice)

    @property
    def not_in_effect(self) -> tuple[str, ...]:
        """What is set but does nothing in this release, a sentence each: nobody may rely on it."""
        said = []
        if self.slack.locale != "en":
            said.append(f'slack.locale = "{self.slack.locale}": texts are in English in this release.')
        return tuple(said)
