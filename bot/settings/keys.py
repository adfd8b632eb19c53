"""The shape of muster.toml: every key, its type, its bounds and its default."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PlainValidator, ValidationInfo, model_validator

from bot.domain.settings import kinds
from bot.domain.settings.cloud_settings import CloudSettings
from bot.domain.settings.secret import Secret
from bot.domain.settings.table import Complaint, Said, Table, all_wrong, wrong
from bot.settings import fields
from bot.settings.problems import nearest
from bot.settings.reading import Reading

DEFAULT_STORE = "sqlite:///muster.db"


class SlackSettings(Table):
    """`[slack]`: the workspace, and how to reach it."""

    mode: Literal["socket", "http"] = "socket"
    api_url: fields.SlackAddress = "https://slack.com/api/"  #: ends with a slash
    incident_channel: fields.Channel  #: id
    locale: Literal["en", "zh-CN"] = "en"
    direct_messages: Literal["absent", "always", "never"] = "absent"  #: who of those who are called gets one
    external_channels: bool = False  #: whether Muster posts where people of other organisations read it
    #: between the slash and the names of the commands
    command_prefix: str = Field(default="", pattern=r"^[a-z0-9_-]{0,20}$")
    listen: fields.Listen | None = None  #: http mode: where Slack is answered, and nobody else; None: with the rest
    deaf_after: fields.Deafness = timedelta(minutes=10)  #: so long without hearing Slack, and /healthz fails


class StoreSettings(Table):
    """`[store]`: the address itself, or where it is read from when it holds a password."""

    url: fields.StoreAddress = DEFAULT_STORE
    url_env: fields.StoreAddressOfVariable | None = None
    url_file: fields.StoreAddressOfFile | None = None

    @classmethod
    def complaints(cls, said: Said) -> Iterator[Complaint]:
        """See `Table.complaints`."""
        if "url" in said and (other := next((key for key in ("url_env", "url_file") if key in said), "")):
            yield "url", wrong(f"is set, and so is {other}.", "Keep only one of them.")

    @property
    def address(self) -> str:
        """Where it is; may hold a password."""
        found = self.url_env or self.url_file
        return found.reveal() if found else self.url


class RetentionSettings(Table):
    """`[retention]`: how long what is over is kept."""

    keep: fields.Keeping = timedelta(days=180)
    audit: fields.Keeping | None = None  #: None: for ever


class HttpSettings(Table):
    """`[http]`: where health, metrics and webhooks are served, and Slack in http mode."""

    listen: fields.Listen = fields.Address("127.0.0.1", 3000)


class WatchSettings(Table):
    """`[watch]`: the looks at hosts that nobody asked for."""

    hosts: bool = True  #: whether people are told of hosts that are down
    every: fields.Round = timedelta(seconds=15)
    left_over_after: fields.Reminder = timedelta(hours=4)


class AlertmanagerSettings(Table):
    """`[alertmanager]`: who may tell of alerts, and how they name a host."""

    token_env: kinds.SecretOfVariable | None = None
    token_file: kinds.SecretOfFile | None = None
    host_label: fields.Label = "instance"
    cloud_label: fields.Label = "cloud"
    cloud: kinds.CloudName = ""  #: where hosts are looked for when no label says; empty: everywhere

    @property
    def named_token(self) -> Secret:
        """What callers must bear by these keys; empty: they name none."""
        return self.token_env or self.token_file or Secret("")


class LogSettings(Table):
    """`[log]`: how much is logged, and in which shape."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "console"] = "json"


class Terms(Table):
    """What may be said about one action; what is not said is taken from the next wider table."""

    requesters: list[fields.Requester] | None = None
    approvers: list[fields.PersonOrGroup] | None = None
    break_glass: list[fields.PersonOrGroup] | None = None
    quorum: Annotated[int, Field(ge=1, le=20)] | None = None
    self_approval: bool | None = None
    typed_confirmation: bool | None = None
    expires: fields.Expiry | None = None
    remind_before: fields.Reminder | None = None
    escalate_to: list[fields.PersonOrGroup] | None = None
    escalate_after: fields.Reminder | None = None


class Policy(Terms):
    """`[policy]` and `[clouds.policy]`, with a table for each action inside."""

    enter: Terms = Terms()
    exit: Terms = Terms()
    evacuate: Terms = Terms()
    rehome: Terms = Terms()


class FreezeTable(Table):
    """An entry of `[[freezes]]`."""

    name: kinds.Text
    starts: fields.Mark
    ends: fields.Mark
    timezone: fields.Zone
    clouds: list[kinds.CloudName] | None = None
    actions: list[Literal["enter", "exit"]] = Field(default=["enter", "exit"])

    @model_validator(mode="after")
    def _is_a_period(self) -> "FreezeTable":
        if not self.starts.is_like(self.ends):
            raise wrong("starts and ends in different ways.", "Write both with a weekday, a date, or neither.")
        if self.starts.day and self.ends.day and (self.ends.day, self.ends.at) <= (self.starts.day, self.starts.at):
            raise wrong("ends before it starts.", "Write a later date or time in ends.")
        return self


def _of_its_kind(said: Said, info: ValidationInfo[Reading]) -> CloudSettings:
    """An entry as the model of its kind understands it."""
    reading = info.context
    if "kind" not in said:
        known = ", ".join(f'"{kind}"' for kind in reading.kinds)
        raise all_wrong(("kind", wrong("is missing.", f"Write one of: {known}.")))
    kind = str(said["kind"])
    if kind not in reading.kinds:
        raise all_wrong(
            ("kind", wrong(f'"{kind[:40]}" is not a kind of cloud.', nearest(kind, reading.kinds, else_="Kinds")))
        )
    return reading.kinds[kind].settings.model_validate(said, context=reading)


class CloudTable(BaseModel):
    """An entry of `[[clouds]]`: who may do what with it, and all else, which is for its kind to understand."""

    policy: Policy = Policy()
    its: Annotated[CloudSettings, PlainValidator(_of_its_kind)]

    @model_validator(mode="before")
    @classmethod
    def _apart(cls, said: Any) -> Any:
        if not isinstance(said, Mapping):
            return said
        policy = {"policy": said["policy"]} if "policy" in said else {}
        return policy | {"its": {key: value for key, value in said.items() if key != "policy"}}


class SettingsFile(Table):
    """The whole file."""

    slack: SlackSettings
    store: StoreSettings = StoreSettings()
    retention: RetentionSettings = RetentionSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    watch: WatchSettings = WatchSettings()
    alertmanager: AlertmanagerSettings = AlertmanagerSettings()
    policy: Policy = Policy()
    freezes: list[FreezeTable] = Field(default_factory=list)
    clouds: Annotated[list[CloudTable], Field(min_length=1)]


class StoreAlone(BaseModel):
    """Of the whole file, only where the database is."""

    store: StoreSettings = StoreSettings()
