"""What only a CloudTower knows: tokens, fresh tasks, prechecks, its delayed picture of the clusters, and its switches.

The switches are how tests and the demo make it behave as a difficult real one does. By default it is already not kind:
tasks are missing from the first list, and VMs and hosts are seen as they were at the last sync (sheet §6).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from adapters.simulated.records import Maintenance, Platform, Power, SimHost, SimVm
from adapters.simulated.world import World

API_KEY = "simulated-api-key"
USERNAME, PASSWORD = "muster", "simulated-password"


class PrecheckMood(StrEnum):
    """How prechecks end."""

    ANSWERS = "answers"
    NEVER = "never"
    """Its task executes for ever."""
    SAYS_NO = "says-no"
    """Its task succeeds, and `done` stays false."""
    FAILS = "fails"


@dataclass(kw_only=True)
class PrecheckTask:
    """An enter precheck, by its task."""

    host: SimHost
    done: bool = False
    shutdown: list[str] = field(default_factory=list)  #: uuids


@dataclass(kw_only=True)
class Moved:
    """What entering maintenance did to one VM, remembered for the exit."""

    vm: SimVm
    how: str  #: live, offline or stopped
    to: SimHost | None


@dataclass(kw_only=True)
class HostAlert:
    """An alert of a host."""

    id: str
    host: SimHost
    message: str
    severity: str = "NOTICE"
    ended: bool = False


@dataclass(eq=False, kw_only=True)
class Tower:
    """One CloudTower over the World. Set any field to change how it behaves."""

    world: World
    version: str = "4.8.1"
    api_keys: set[str] = field(default_factory=lambda: {API_KEY})
    users: dict[str, str] = field(default_factory=lambda: {USERNAME: PASSWORD})
    role: str = "ADMIN"
    token_calls: int | None = None  #: how many calls a token from a login lasts; None: for ever
    passive: bool = False  #: every call is answered 307, as on the passive node
    shutdown_as_strings: bool = False  #: `shutdownVms` in the shape of the vendor's page
    precheck: PrecheckMood = PrecheckMood.ANSWERS
    precheck_seconds: float = 1.0
    task_seconds: float = 0.3  #: until a pending task executes
    sync: float = 20.0  #: seconds between two looks of the tower at its clusters; 0: it always knows
    clock_ahead: timedelta = timedelta(0)  #: of its own clock, by which it dates its tasks, before that of the world
    hides_fresh_tasks: bool = True  #: a task is missing from the first list that would show it
    most_rows: int | None = None  #: the longest page it gives, whatever is asked for
    ignores_skip: bool = False  #: every page is the first one
    lanes: int = 2  #: live migrations side by side
    stubborn: set[str] = field(default_factory=set)  #: names of VMs whose guests ignore a shutdown
    shutdown_timeout: float = 60.0
    unseen: set[str] = field(default_factory=set)  #: names of VMs that the user may not see
    attached_to: str = ""  #: name of the host through whose address it reaches its cluster; empty: a virtual one
    alerts: list[HostAlert] = field(default_factory=list)
    labels: dict[str, dict[str, str]] = field(default_factory=dict)  #: cuid of a host or VM -> key -> value
    # --- what it remembers
    logins: dict[str, int] = field(default_factory=dict)  #: token -> calls made with it
    fresh: set[str] = field(default_factory=set)  #: ids of tasks nobody has asked about
    prechecks: dict[str, PrecheckTask] = field(default_factory=dict)  #: by task id
    moved: dict[str, list[Moved]] = field(default_factory=dict)  #: by host cuid, since it entered
    old_vms: dict[str, tuple[Power, SimHost | None]] = field(default_factory=dict)  #: as seen at the last sync
    old_hosts: dict[str, Maintenance] = field(default_factory=dict)

    # ------------------------------------------------------------------ tokens

    def log_in(self, username: str, password: str) -> str | None:
        """A token, or None for the wrong password."""
        if username not in self.users or self.users[username] != password:
            return None
        token = f"token-{self.world.new_uuid()}"
        self.logins[token] = 0
        return token

    def expire_tokens(self) -> None:
        """Forget every token that a login gave."""
        self.logins.clear()

    def admits(self, token: str) -> bool:
        """Whether a call with this token may pass; counts it."""
        if token in self.api_keys:
            return True
        if token not in self.logins:
            return False
        self.logins[token] += 1
        return self.token_calls is None or self.logins[token] <= self.token_calls

    # ------------------------------------------------------------------ its picture of the clusters

    def vm_changes(self, vm: SimVm) -> None:
        """Call before a VM changes: until the next sync it is shown as it is now."""
        if self.sync and vm.id not in self.old_vms:
            self.old_vms[vm.id] = (vm.power, vm.host)
            self.world.after(self._until_sync(), lambda: self.old_vms.pop(vm.id, None))

    def host_changes(self, host: SimHost) -> None:
        """Call before a host's maintenance state changes: until the next sync it is shown as it is now."""
        if self.sync and host.id not in self.old_hosts:
            self.old_hosts[host.id] = host.maintenance
            self.world.after(self._until_sync(), lambda: self.old_hosts.pop(host.id, None))

    def _until_sync(self) -> float:
        return self.sync - (self.world.now - self.world.born).total_seconds() % self.sync

    def seen(self, vm: SimVm) -> tuple[Power, SimHost | None]:
        """A VM's power and place as shown."""
        return self.old_vms.get(vm.id, (vm.power, vm.host))

    def mode(self, host: SimHost) -> Maintenance:
        """A host's maintenance state as shown."""
        return self.old_hosts.get(host.id, host.maintenance)

    # ------------------------------------------------------------------ looking

    def hosts(self) -> list[SimHost]:
        return self.world.hosts_of(Platform.CLOUDTOWER)

    def peers(self, host: SimHost) -> list[SimHost]:
        return [h for h in self.hosts() if h.cluster is host.cluster and h is not host]

    def vms(self) -> list[SimVm]:
        return [vm for vm in self.world.vms_of(Platform.CLOUDTOWER) if vm.name not in self.unseen]

    def free_memory(self, host: SimHost) -> int:
        """Bytes that may still be given to running VMs."""
        awake = (vm.memory_mb for vm in self.world.vms_on(host) if vm.power is not Power.STOPPED)
        return (host.capacity.memory_mb - sum(awake)) * 2**20

    def open_hosts(self, hosts: Iterable[SimHost]) -> list[SimHost]:
        """Those that take VMs, the emptiest first."""
        usable = [h for h in hosts if h.alive and h.maintenance is Maintenance.IN_USE]
        return sorted(usable, key=lambda h: (-self.free_memory(h), h.name))
