"""Where the lab lives, which ports and hosts it has, and how it is addressed."""

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
PASSWORD = "labpass"  # of every account; all of them listen on loopback alone
REGION = "RegionOne"
LOCK_FILE = Path(__file__).resolve().parents[1] / "requirements.lock"
INSIDE = Path(__file__).resolve().parent / "inside"


class LabError(Exception):
    """The lab could not be installed, started or brought into the wanted state."""


class Port(StrEnum):
    """Whoever listens; the order gives the offset from the port base."""

    KEYSTONE = "keystone"
    PLACEMENT = "placement"
    NOVA = "nova"
    GLANCE = "glance"
    CINDER = "cinder"
    NEUTRON = "neutron"
    MARIADB = "mariadb"
    RABBIT = "rabbit"
    RABBIT_PEERS = "rabbit-peers"
    EPMD = "epmd"
    MEMCACHED = "memcached"
    OPENSTACK_CLIENT = "openstack-client"
    MARIADB_OF_CELL2 = "mariadb-of-cell2"  # while a test has that cell


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What distinguishes one lab from another."""

    home: Path
    port_base: int = 21000
    computes: tuple[str, ...] = ("compute-1", "compute-2", "compute-3", "compute-4")
    computes_of_cell2: tuple[str, ...] = ("compute-5", "compute-6")  # likewise
    storage_hosts: tuple[str, ...] = ("storage-1", "storage-2")
    heartbeat_seconds: int = 1
    down_after_seconds: int = 10

    @property
    def venv(self) -> Path:
        """The environment with OpenStack in it."""
        return self.home / "venv"

    @property
    def etc(self) -> Path:
        """Generated configuration."""
        return self.home / "etc"

    @property
    def data(self) -> Path:
        """Databases and the services' state: thrown away at each start."""
        return self.home / "data"

    @property
    def run(self) -> Path:
        """Process records and logs."""
        return self.home / "run"

    @property
    def snapshot(self) -> Path:
        """The state of a cloud that is set up and empty."""
        return self.home / "snapshot.tar"

    @property
    def all_computes(self) -> tuple[str, ...]:
        """The hosts that servers run on, those of the second cell too."""
        return self.computes + self.computes_of_cell2

    @property
    def clouds_yaml(self) -> Path:
        """Credentials of the people of this cloud, for openstacksdk and the command line."""
        return self.home / "clouds.yaml"

    @property
    def auth_url(self) -> str:
        """Keystone's address."""
        return self.url(Port.KEYSTONE) + "/v3"

    def port(self, listener: Port) -> int:
        """The TCP port of a listener."""
        return self.port_base + list(Port).index(listener)

    def url(self, listener: Port) -> str:
        """The root address of an HTTP service."""
        return f"http://127.0.0.1:{self.port(listener)}"

    def database(self, name: str, server: Port = Port.MARIADB) -> str:
        """The SQLAlchemy address of a database."""
        return f"mysql+pymysql://root:{PASSWORD}@127.0.0.1:{self.port(server)}/{name}?charset=utf8mb4"

    def rabbit(self, part: str = "") -> str:
        """The message bus, or a part of it (a virtual host), as oslo.messaging wants it."""
        return f"rabbit://guest:guest@127.0.0.1:{self.port(Port.RABBIT)}/{part}"

    def tool(self, name: str) -> str:
        """The path of a program of the lab's environment."""
        return str(self.venv / "bin" / name)

    def environment(self, **more: object) -> dict[str, str]:
        """The environment of every process: nothing of OpenStack leaks in from outside."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OS_", "PYTHON"))}
        kept["PATH"] = f"{self.venv}/bin:{kept.get('PATH', '')}:/usr/sbin:/sbin:/usr/bin:/bin"
        kept |= {
            "PYTHONPATH": str(INSIDE),
            "PYTHONWARNINGS": "ignore",
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "LANG": "C.UTF-8",
        }
        return kept | {k: str(v) for k, v in more.items()}


def from_environment() -> Settings:
    """The lab this checkout uses: MUSTER_LAB_HOME, MUSTER_LAB_PORT_BASE, MUSTER_LAB_COMPUTES.

    Raises:
        LabError: The lab cannot live where it is told to.
    """
    given = os.environ.get
    home = Path(given("MUSTER_LAB_HOME") or REPOSITORY / ".lab").resolve()
    if " " in str(home):  # the start scripts of MariaDB and RabbitMQ stumble over it
        raise LabError(f"`{home}` has a space in it: set MUSTER_LAB_HOME to a folder without")
    mark = home / "made-by-muster-lab"
    if home.exists() and not mark.exists() and home != REPOSITORY / ".lab" and any(home.iterdir()):
        raise LabError(f"`{home}` holds files and is no lab's: set MUSTER_LAB_HOME to a new folder")
    home.mkdir(parents=True, exist_ok=True)
    mark.touch()
    chosen = tuple(name for name in given("MUSTER_LAB_COMPUTES", "").split(",") if name)
    return Settings(
        home=home,
        port_base=int(given("MUSTER_LAB_PORT_BASE") or 21000),
        computes=chosen or Settings.computes,
    )
