"""What an operator says about an OpenStack: every key of its entry in muster.toml."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import ceil, inf
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from adapters.redfish.settings import BmcSettings
from bot.domain.plans.plan import By
from bot.domain.settings import kinds
from bot.domain.settings.cloud_settings import CloudSettings
from bot.domain.settings.table import Complaint, Said, Table, wrong

TIMEOUTS_OF_A_CALL = 3
"""So many time-outs after its begin a call has ended, whatever came of it: its turn on a thread, a login, itself."""
GENTLY_AT_ONCE, GENTLY_A_SECOND = 10, 0.5
"""What `gentle` means: so many VMs on their way at most, and so many begun a second."""
FEW_AT_ONCE = 40
"""Below, a cloud whose VMs wait for their boot is emptied more slowly than by a plain loop (docs/benchmarks.md)."""


def _metadata_key(value: str) -> str:
    # https://docs.openstack.org/api-ref/compute/#create-or-update-server-metadata-items
    if not re.fullmatch(r"[a-zA-Z0-9-_:. ]{1,255}", value):
        raise wrong(
            "cannot be the key of a VM's metadata.",
            "Use up to 255 letters, digits, blanks and any of - _ : .",
        )
    return value


class MigrationSettings(Table):
    """`[clouds.migration]`: one VM's live migration."""

    #: how long it may take, from when Nova is at it
    deadline: Annotated[timedelta, kinds.duration("1s", "7d")] = timedelta(minutes=30)
    late: Literal["requeue", "abort", "force-complete", "hold"] = "requeue"  #: what is done about it then


class CinderSettings(Table):
    """`[clouds.cinder]`: who gives volumes and backups of a dead host a new manager, by `cinder-manage`."""

    runner: Literal["ssh", "local", "manual", "none"] = "none"
    host: kinds.Text = ""  #: the controller, for ssh
    user: kinds.Text = ""  #: empty: the user Muster runs as
    port: Annotated[int, Field(ge=1, le=65535)] = 22
    key_file: Annotated[Path, kinds.readable("private key")] | None = None  #: None: the keys in ~/.ssh
    known_hosts: Annotated[Path, kinds.readable("known host keys")] | None = None  #: None: ~/.ssh/known_hosts
    command: tuple[kinds.Text, ...] = Field(default=("cinder-manage",), min_length=1, strict=False)

    @classmethod
    def complaints(cls, said: Said) -> Iterator[Complaint]:
        """See `Table.complaints`."""
        if said.get("runner") == "ssh" and "host" not in said:
            yield "host", wrong("is missing.", 'Name the controller that runner = "ssh" goes to.')

    @property
    def by(self) -> By | None:
        """Who runs it; None: nobody, volumes stay where they are."""
        return {"ssh": By.MUSTER, "local": By.MUSTER, "manual": By.PERSON}.get(self.runner)


class FencingSettings(Table):
    """`[clouds.fencing]`."""

    fence: bool = False  #: whether a dead host is powered off by its BMC before it is evacuated
    redfish: dict[kinds.Text, BmcSettings] = Field(default_factory=dict)  #: by host name

    @classmethod
    def complaints(cls, said: Said) -> Iterator[Complaint]:
        """See `Table.complaints`."""
        if said.get("fence") is True and not said.get("redfish"):
            remedy = "Add the hosts' BMCs under [clouds.fencing.redfish]."
            yield "fence", wrong("has no BMC to power a host off with.", remedy)


class OpenStackSettings(CloudSettings):
    """A cloud of kind "openstack"."""

    cloud: kinds.Text = ""  #: entry of clouds.yaml; empty: the name
    #: None: where openstacksdk looks for clouds.yaml itself
    clouds_file: Annotated[Path, kinds.readable("clouds.yaml")] | None = None
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 100  #: VMs on their way at most
    #: VMs begun a second at most; None: as quickly as the cloud takes them up
    starts_per_second: Annotated[float, Field(gt=0, le=100)] | None = None
    gentle: bool = False  #: for a cloud to be spared
    minimum_version: kinds.Version = ""  #: below it evacuation is refused; empty: no such limit
    platform_version: kinds.Version = ""  #: at what version the cloud is
    shared_storage: bool | None = None  #: whether local disks are on storage that all hosts share; None: not said
    evacuated_vms: Literal["running", "stopped"] = "running"  #: how VMs come up that ran before
    lock_vms: bool = False  #: whether VMs are locked while they are moved
    #: key of VMs' metadata that tells their turn; empty: none does
    priority_metadata: Annotated[str, AfterValidator(_metadata_key)] = ""
    bring_back: Literal["all", "none"] = "none"  #: of the VMs that were moved away, when their host returns
    migration: MigrationSettings = MigrationSettings()
    cinder: CinderSettings = CinderSettings()
    fencing: FencingSettings = FencingSettings()

    @property
    def entry(self) -> str:
        """Its entry of clouds.yaml."""
        return self.cloud or self.name

    @property
    def stopped(self) -> bool:
        """Whether evacuated VMs are left stopped."""
        return self.evacuated_vms == "stopped"

    @property
    def brings_back(self) -> bool:
        """Whether VMs that were moved away come back with their host unless somebody chooses otherwise."""
        return self.bring_back == "all"

    @property
    def quiet(self) -> timedelta:
        """How long a call whose answer is lost may still take effect."""
        return TIMEOUTS_OF_A_CALL * self.api_timeout + timedelta(seconds=30)

    @property
    def at_once(self) -> int:
        """VMs moved side by side at most."""
        return min(self.concurrency, GENTLY_AT_ONCE) if self.gentle else self.concurrency

    @property
    def rate(self) -> float:
        """VMs begun a second at most; infinite: as quickly as the cloud takes them up."""
        return min(self.starts_per_second or inf, GENTLY_A_SECOND if self.gentle else inf)

    @property
    def advice(self) -> Sequence[str]:
        """What limits of its pace cost, as against the default ones."""
        return tuple(self._costs())

    def _costs(self) -> Iterator[str]:
        if self.at_once < FEW_AT_ONCE:
            usual = type(self).model_fields["concurrency"].default
            yield (
                f"clouds.{self.name}.concurrency = {self.at_once}: no more than so many VMs are on their way at once,"
                f" so a host with many VMs is evacuated more slowly than with the default {usual}: where each"
                f" takes 15 s until it is up, 60 VMs take {ceil(60 / self.at_once) * 15} s at least."
            )
        if self.rate < inf:
            yield (
                f"clouds.{self.name}: VMs are begun at a rate of {self.rate:,.2f} a second at most, so the last of 60"
                f" is begun {60 / self.rate:,.0f} s after the first."
            )
