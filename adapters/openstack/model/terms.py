"""What the operator of a cloud has laid down about it."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from bot.domain.plans.plan import By


@dataclass(frozen=True, kw_only=True)
class Rehoming:
    """What the operator of a cloud has laid down about `cinder-manage`."""

    by: By | None = None  #: who runs it; None: nobody, volumes stay where they are
    command: tuple[str, ...] = ("cinder-manage",)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What the operator of a cloud has laid down about it."""

    stopped: bool = False  #: evacuated VMs shall be left stopped
    shared_storage: bool | None = None  #: whether local disks are on shared storage; None: nobody said
    minimum_version: str = ""
    platform_version: str = ""
    lock_vms: bool = False  #: VMs are locked while they are moved
    priority_metadata: str = ""  #: the metadata of a VM that tells its turn; empty: none does
    fence: bool = False  #: whether a host is powered off by its BMC before it is evacuated
    rehoming: Rehoming = field(default_factory=Rehoming)
    brings_back: bool = False  #: VMs that were moved away come back with their host unless somebody chooses otherwise
    quiet: timedelta = timedelta(seconds=90)  #: how long a call whose answer is lost may still take effect
    deadline: timedelta = timedelta(minutes=30)  #: how long one VM may be live-migrated
    late: Literal["requeue", "abort", "force-complete", "hold"] = "requeue"  #: what is done about it then
