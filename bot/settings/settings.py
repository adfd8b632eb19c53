"""Everything that the file and the environment say, once it is understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.domain.rules.policy import Rule
from bot.domain.settings.cloud_settings import CloudSettings
from bot.domain.settings.secret import Secret
from bot.domain.values import Action
from bot.settings import keys


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The secrets that have names of their own in the environment."""

    bot: Secret  #: of the Slack app
    app: Secret  #: of the Slack app; empty in http mode
    signing: Secret  #: Slack's signing secret; empty in socket mode, where Slack signs nothing
    alertmanager: Secret  #: what callers must bear who tell of alerts; empty: nobody may


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that muster.toml and the environment say."""

    slack: keys.SlackSettings
    store: keys.StoreSettings
    http: keys.HttpSettings
    log: keys.LogSettings
    retention: keys.RetentionSettings
    watch: keys.WatchSettings
    alertmanager: keys.AlertmanagerSettings
    tokens: Tokens
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
