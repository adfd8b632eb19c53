"""What the Cinder tests do with the real cloud: a compute that manages volumes too, and a controller's real sshd."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.openstack.cloud import Cloud, Record
from tests.openstack.lab.client import Client
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import PASSWORD, REGION, LabError, Port
from tests.ports import free_port

BACKEND = "fake"
SSHD = "sshd-of-the-controller"
MODEL = "storage-1"  #: whose configuration the other's is a copy of


class Storage:
    """The block storage of the lab, with a compute that manages volumes and backups as well.

    Args:
        cloud: the lab.
        host: the compute.
    """

    def __init__(self, cloud: Cloud, host: str) -> None:
        self._cloud = cloud
        self._host = host
        self._client = Client(cloud.settings)
        self._others = [name for name in cloud.settings.storage_hosts if name != host]

    def start(self) -> None:
        """Start cinder-volume and cinder-backup on the host, and wait until Cinder counts them as up."""
        settings = self._cloud.settings
        text = (settings.etc / "cinder" / MODEL / "cinder.conf").read_text()
        path = settings.etc / "cinder" / self._host / "cinder.conf"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace(MODEL, self._host))
        (settings.data / "cinder" / self._host / "locks").mkdir(parents=True, exist_ok=True)
        for program in ("cinder-volume", "cinder-backup"):
            words = [settings.tool(program), "--config-file", path]
            self._cloud.processes.start(f"{program}-{self._host}", words, settings.environment())
        self._wait(up=True)

    def kill(self) -> None:
        """End both at once, and wait until Cinder counts them as down."""
        for program in ("cinder-volume", "cinder-backup"):
            self._cloud.processes.kill(f"{program}-{self._host}")
        self._wait(up=False)

    def _wait(self, *, up: bool) -> None:
        def all_so() -> bool:
            mine = [s for s in self.services() if s["host"].partition("@")[0] == self._host]
            return len(mine) == 2 and all((s["state"] == "up") is up for s in mine)

        until(f"Cinder on {self._host} to be {'up' if up else 'down'}", all_so, seconds=120)

    def services(self) -> list[Record]:
        """Cinder's services, as the API lists them."""
        found: list[Record] = self._client.get(Port.CINDER, "/v3/{project}/os-services")["services"]
        return found

    def fill(self, *, volumes: int) -> None:
        """Make volumes and a backup of the first, and put them under the host.

        Cinder's scheduler decides who makes them; the host becomes their manager by the very commands of a re-homing.
        """
        made = [self._volume(f"{self._host}-data-{n}") for n in range(1, volumes + 1)]
        backup = {"volume_id": made[0], "name": f"{self._host}-nightly"}
        body = self._client.call("POST", Port.CINDER, "/v3/{project}/backups", {"backup": backup})
        self._available("backups", body["backup"]["id"])
        for host in self._others:
            self.rename(f"{host}@{BACKEND}#{BACKEND}", f"{self._host}@{BACKEND}#{BACKEND}")
            self.manage("backup", "update_backup_host", "--currenthost", host, "--newhost", self._host)
        self.manage("volume", "update_service")

    def rename(self, old: str, new: str) -> None:
        """Write another manager into the records of volumes; any name is taken."""
        self.manage("volume", "update_host", "--currenthost", old, "--newhost", new)

    def _volume(self, name: str) -> str:
        body = {"volume": {"name": name, "size": 1}}
        made: str = self._client.call("POST", Port.CINDER, "/v3/{project}/volumes", body)["volume"]["id"]
        self._available("volumes", made)
        return made

    def _available(self, kind: str, id: str) -> None:
        def is_so() -> bool:
            status = self._client.get(Port.CINDER, f"/v3/{{project}}/{kind}/{id}")[kind.removesuffix("s")]["status"]
            if status == "error":
                raise LabError(f"{kind} {id} is in error")
            return bool(status == "available")

        until(f"{kind} {id} to be available", is_so, seconds=60, pause=0.5)

    # ------------------------------------------------------------------ the outside witnesses

    def managers(self) -> dict[str, str]:
        """Who manages each volume, by its name, as the `openstack` command line shows it."""
        listed = self._cloud.cli_json("volume", "list", "--all-projects")
        with ThreadPoolExecutor() as pool:  # each takes seconds, most of them Python's own start
            shown = pool.map(lambda v: self._cloud.cli_json("volume", "show", v["ID"]), listed)
            return {v["name"]: v["os-vol-host-attr:host"] for v in shown}

    def listed_by_cinder(self, manager: str) -> set[str]:
        """Names of the volumes under a manager, as the `cinder` command line of the runbook lists them."""
        settings = self._cloud.settings
        words = ["--os-volume-api-version", "3.33", "list", "--all-tenants", "--filters", f"host={manager}"]
        login = {
            "OS_AUTH_URL": self._cloud.auth_url,
            "OS_USERNAME": "admin",
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": "admin",
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": REGION,
        }
        done = subprocess.run(
            [settings.tool("cinder"), *words],
            env=settings.environment(**login),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise LabError(f"cinder {' '.join(words)}: {done.stderr}")
        rows = [[cell.strip() for cell in line.split("|")] for line in done.stdout.splitlines() if line.startswith("|")]
        return {row[rows[0].index("Name")] for row in rows[1:]}

    def services_in_records(self) -> set[str]:
        """The uuids of the services that the records of the volumes name."""
        volumes = self._client.get(Port.CINDER, "/v3/{project}/volumes/detail?all_tenants=1")["volumes"]
        return {str(v["service_uuid"]) for v in volumes}

    def backup_hosts(self) -> dict[str, str]:
        """The host of each backup, by its name: `cinder-manage backup list`, for no client shows it."""
        rows = [line.split("\t") for line in self.manage("backup", "list").splitlines()[1:]]
        return {row[4].strip(): row[3].strip() for row in rows}

    @property
    def command(self) -> list[str]:
        """`cinder-manage` of the controller."""
        settings = self._cloud.settings
        config = settings.etc / "cinder" / "controller" / "cinder.conf"
        return [settings.tool("cinder-manage"), "--config-file", str(config)]

    def manage(self, *words: str) -> str:
        """Run `cinder-manage` by hand."""
        done = subprocess.run([*self.command, *words], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout

    # ------------------------------------------------------------------ putting right

    def tidy(self) -> None:
        """Take out volumes, backups and the services of the host."""
        for kind in ("backups", "volumes"):
            for each in self._client.get(Port.CINDER, f"/v3/{{project}}/{kind}?all_tenants=1")[kind]:
                self.manage_away(kind, each["id"])
        for program in ("cinder-volume", "cinder-backup"):
            self._cloud.processes.kill(f"{program}-{self._host}")
        for binary, name in (("cinder-volume", f"{self._host}@{BACKEND}"), ("cinder-backup", self._host)):
            self.manage("service", "remove", binary, name)
        shutil.rmtree(self._cloud.settings.etc / "cinder" / self._host, ignore_errors=True)

    def manage_away(self, kind: str, id: str) -> None:
        """Delete a volume or a backup whoever manages it: its manager, living again by then, is asked."""
        self._client.call("DELETE", Port.CINDER, f"/v3/{{project}}/{kind}/{id}")

        def gone() -> bool:
            return all(e["id"] != id for e in self._client.get(Port.CINDER, f"/v3/{{project}}/{kind}")[kind])

        until(f"{kind} {id} to be gone", gone, seconds=60, pause=0.5)


@contextmanager
def sshd(cloud: Cloud, folder: Path) -> Iterator[str]:
    """A real sshd on loopback that lets root in with a key of its own; yields the lines of `[clouds.cinder]`."""
    port = free_port()
    for name in ("host_key", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {(folder / 'host_key.pub').read_text()}")
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\nAuthorizedKeysFile {folder}/key.pub\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\nStrictModes no\nUsePAM no\nPidFile none\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    program = shutil.which("sshd", path=cloud.settings.environment()["PATH"])
    cloud.processes.start(SSHD, [program, "-D", "-e", "-f", config], cloud.settings.environment())
    try:
        until("sshd to listen", lambda: _listens(port), seconds=60, pause=0.1)
        yield (
            f'runner = "ssh"\nhost = "127.0.0.1"\nport = {port}\nuser = "root"\n'
            f'key_file = "{folder}/key"\nknown_hosts = "{folder}/known_hosts"\n'
        )
    finally:
        cloud.processes.kill(SSHD)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
