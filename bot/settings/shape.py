"""The shape of muster.toml: every key, its type, its bounds and its default."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.settings import fields


class Table(BaseModel):
    """A table that knows all of its keys."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Slack(Table):
    """`[slack]`."""

    mode: Literal["socket", "http"] = "socket"
    api_url: fields.SlackAddress = "https://slack.com/api/"
    incident_channel: fields.Channel
    locale: Literal["en", "zh-CN"] = "en"
    direct_messages: Literal["absent", "always", "never"] = "absent"
    external_channels: bool = False
    command_prefix: str = Field(default="", pattern=r"^[a-z0-9_-]{0,20}$")
    listen: fields.Listen | None = None
    # the default is written as in the file
    deaf_after: fields.Deafness = Field(default="10m", validate_default=True)


class Store(Table):
    """`[store]`: the address itself, or where it is read from when it holds a password."""

    url: fields.StoreAddress | None = None
    url_env: fields.EnvironmentName | None = None
    url_file: fields.Text | None = None


class Retention(Table):
    """`[retention]`: how long what is over is kept."""

    # the default is written as in the file
    keep: fields.Keeping = Field(default="180d", validate_default=True)
    audit: fields.Keeping | None = None


class Http(Table):
    """`[http]`."""

    listen: fields.Listen = "127.0.0.1:3000"


class Watch(Table):
    """`[watch]`: the looks at hosts that nobody asked for."""

    hosts: bool = True
    # defaults are written as in the file
    every: fields.Round = Field(default="15s", validate_default=True)
    left_over_after: fields.Reminder = Field(default="4h", validate_default=True)


class Alertmanager(Table):
    """`[alertmanager]`: who may tell of alerts, and how they name a host."""

    token_env: fields.EnvironmentName | None = None
    token_file: fields.Text | None = None
    host_label: fields.Label = "instance"
    cloud_label: fields.Label = "cloud"
    cloud: fields.CloudName | None = None


class Log(Table):
    """`[log]`."""

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


class Freeze(Table):
    """An entry of `[[freezes]]`."""

    name: fields.Text
    starts: fields.Mark
    ends: fields.Mark
    timezone: fields.Zone
    clouds: list[fields.CloudName] | None = None
    actions: list[Literal["enter", "exit"]] = ["enter", "exit"]

    @model_validator(mode="after")
    def _is_a_period(self) -> "Freeze":
        if not self.starts.is_like(self.ends):
            raise fields.wrong("starts and ends in different ways.", "Write both with a weekday, a date, or neither.")
        if self.starts.day and self.ends.day and (self.ends.day, self.ends.at) <= (self.starts.day, self.starts.at):
            raise fields.wrong("ends before it starts.", "Write a later date or time in ends.")
        return self


class Cloud(Table):
    """What every entry of `[[clouds]]` has."""

    name: fields.CloudName
    # defaults are written as in the file
    poll: fields.Poll = Field(default="2s", validate_default=True)
    api_timeout: fields.Timeout = Field(default="30s", validate_default=True)
    policy: Policy = Policy()


class Cinder(Table):
    """`[clouds.cinder]`."""

    runner: Literal["ssh", "local", "manual", "none"] = "none"
    host: fields.Text | None = None
    user: fields.Text | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    key_file: fields.Text | None = None
    known_hosts: fields.Text | None = None
    command: Annotated[list[fields.Text], Field(min_length=1)] = ["cinder-manage"]


class Migration(Table):
    """`[clouds.migration]`: one VM's live migration."""

    # the default is written as in the file
    deadline: fields.Deadline = Field(default="30m", validate_default=True)
    late: Literal["requeue", "abort", "force-complete", "hold"] = "requeue"


class Redfish(Table):
    """One entry of `[clouds.fencing.redfish]`."""

    url: fields.SystemAddress
    username: fields.Text = "root"
    password_env: fields.EnvironmentName | None = None
    password_file: fields.Text | None = None
    ca_file: fields.Text | None = None
    insecure: bool = False


class Fencing(Table):
    """`[clouds.fencing]`."""

    fence: bool = False
    redfish: dict[fields.Text, Redfish] = {}


class OpenStack(Cloud):
    """A cloud of kind "openstack"."""

    kind: Literal["openstack"]
    cloud: fields.Text | None = None
    clouds_file: fields.Text | None = None
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 100
    starts_per_second: Annotated[float, Field(gt=0, le=100)] | None = None
    gentle: bool = False
    minimum_version: fields.Version | None = None
    platform_version: fields.Version | None = None
    shared_storage: bool | None = None
    evacuated_vms: Literal["running", "stopped"] = "running"
    lock_vms: bool = False
    priority_metadata: fields.MetadataKey | None = None
    bring_back: Literal["all", "none"] = "none"
    migration: Migration = Migration()
    cinder: Cinder = Cinder()
    fencing: Fencing = Fencing()


class CloudTower(Cloud):
    """A cloud of kind "cloudtower"."""

    kind: Literal["cloudtower"]
    url: fields.TowerAddress
    token_env: fields.EnvironmentName | None = None
    token_file: fields.Text | None = None
    username: fields.Text | None = None
    password_env: fields.EnvironmentName | None = None
    password_file: fields.Text | None = None
    source: Literal["LOCAL", "LDAP"] = "LOCAL"
    ca_file: fields.Text | None = None
    insecure: bool = False
    concurrency: Annotated[int, Field(ge=1, le=100)] = 10


KINDS: dict[str, type[Cloud]] = {"openstack": OpenStack, "cloudtower": CloudTower}


class File(Table):
    """The whole file."""

    slack: Slack
    store: Store = Store()
    retention: Retention = Retention()
    http: Http = Http()
    log: Log = Log()
    watch: Watch = Watch()
    alertmanager: Alertmanager = Alertmanager()
    policy: Policy = Policy()
    freezes: list[Freeze] = []
    clouds: Annotated[
        list[Annotated[OpenStack | CloudTower, Field(discriminator="kind")]],
        Field(min_length=1),
    ]
