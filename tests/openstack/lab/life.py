"""The life of a lab: installed, set up once, brought up from its snapshot, taken down."""

import fcntl
import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.openstack.lab import (
    catalog,
    cells,
    configuration,
    infrastructure,
    installation,
    schemas,
    services,
)
from tests.openstack.lab.client import Client
from tests.openstack.lab.processes import Processes, command
from tests.openstack.lab.progress import say
from tests.openstack.lab.settings import LOCK_FILE, LabError, Port, Settings

# What decides how a cloud looks when it is new; a change of any makes the snapshot stale.
SET_UP_BY = ("catalog.py", "configuration.py", "infrastructure.py", "schemas.py")
SNAPSHOT_OF = ("mariadb", "keystone", "glance", "nova", "cinder", "neutron")


class Lab:
    """One OpenStack on this machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.processes = Processes(settings.run)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other runs out of this lab's folder meanwhile.

        Raises:
            LabError: Somebody is in there already.
        """
        self.settings.home.mkdir(parents=True, exist_ok=True)
        with (self.settings.home / "in-use").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LabError(
                    f"another run uses {self.settings.home}: wait for it or set MUSTER_LAB_HOME "
                    "and MUSTER_LAB_PORT_BASE"
                ) from error
            yield

    def install(self) -> None:
        """Install what is missing."""
        installation.install(self.settings)

    def up(self) -> None:
        """Bring up an empty cloud; whatever ran in this folder before is ended first."""
        self.down()
        try:
            self._clear()
            if self._is_set_up():
                say("restoring the empty cloud and starting it")
                self._tar("-xf", self.settings.snapshot)
                self._start()
            else:
                self._set_up()
        except BaseException:
            self.down()
            raise
        say(f"up: {self.settings.auth_url}")

    def down(self) -> None:
        """End every process at once: `up` begins from the snapshot, so nothing needs saving."""
        if ended := self.processes.kill_all():
            say(f"ended {ended} processes")

    def is_up(self) -> bool:
        """Whether the cloud that the present files describe runs and answers."""
        names = self.processes.names()
        if not names or self.processes.dead() or not self._is_set_up():
            return False
        try:
            return Client(self.settings).answers(Port.NOVA, "/")
        except (OSError, LookupError):
            return False

    def start_compute(self, host: str) -> None:
        """Start the nova-compute of a host."""
        services.start_compute(self.settings, self.processes, host)

    def add_cell(self) -> None:
        """A second cell beside the first, until the next `up`."""
        say("adding a cell")
        cells.add(self.settings, self.processes)

    def _start(self) -> None:
        configuration.write_all(self.settings)
        infrastructure.refuse_taken_ports(self.settings)
        self._start_services()

    def _start_services(self) -> None:
        since = datetime.now(UTC)
        services.start_all(self.settings, self.processes)
        services.wait_until_whole(self.settings, self.processes, since=since)

    def _set_up(self) -> None:
        """Bring up a cloud for the first time, and keep its state for the next."""
        configuration.write_all(self.settings)
        infrastructure.refuse_taken_ports(self.settings)
        infrastructure.start(self.settings, self.processes)
        say("creating the databases")
        schemas.create(self.settings)
        say("starting the services for the first time")
        services.start_keystone(self.settings, self.processes)
        catalog.create_accounts(self.settings)
        self._start_services()
        schemas.discover_computes(self.settings)
        services.wait_for_room(self.settings, wanted=len(self.settings.computes))
        catalog.create_image_and_flavors(self.settings)
        say("taking the snapshot")
        fresh = self.settings.snapshot.with_suffix(".new")
        self.processes.stop(Port.MARIADB)  # the services do not mind: they connect again
        self._tar("-cf", fresh)
        infrastructure.start_mariadb(self.settings, self.processes)
        infrastructure.answers(self.settings, Port.MARIADB)
        fresh.replace(self.settings.snapshot)
        self._fingerprint_file().write_text(self._fingerprint())

    def _clear(self) -> None:
        """Throw away the cloud and the logs of its last life."""
        shutil.rmtree(self.settings.data, ignore_errors=True)
        self.settings.data.mkdir(parents=True)
        for log in self.settings.run.glob("*.log"):
            if log.name != "install.log":
                log.unlink()

    def _tar(self, verb: str, archive: Path) -> None:
        parts = SNAPSHOT_OF if verb == "-cf" else ()
        command(
            ["tar", "-C", self.settings.data, verb, archive, *parts],
            environment=self.settings.environment(),
            log=self.settings.run / "snapshot.log",
            allowed=1,  # a file of a service that lives has changed meanwhile
        )

    def _is_set_up(self) -> bool:
        known = self._fingerprint_file()
        return self.settings.snapshot.exists() and known.exists() and known.read_text() == self._fingerprint()

    def _fingerprint_file(self) -> Path:
        return self.settings.snapshot.with_suffix(".made-by")

    def _fingerprint(self) -> str:
        here = Path(__file__).parent
        digest = hashlib.sha256(repr(self.settings).encode() + LOCK_FILE.read_bytes())
        for name in SET_UP_BY:
            digest.update((here / name).read_bytes())
        return digest.hexdigest()
