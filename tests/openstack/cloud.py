"""What a test does with the real cloud: boot, break, read back, and put everything right again."""

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.openstack.lab import catalog, commandline, knobs
from tests.openstack.lab.client import Client
from tests.openstack.lab.life import Lab
from tests.openstack.lab.progress import say, until
from tests.openstack.lab.services import reported_after
from tests.openstack.lab.settings import LabError, Port

Record = dict[str, Any]


class Cloud:
    """A running cloud, seen with the eyes and hands of its operator."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.settings = lab.settings
        self.processes = lab.processes
        self.computes = lab.settings.computes
        self.auth_url = lab.settings.auth_url
        self.clouds_yaml: Path = lab.settings.clouds_yaml  # has the clouds `admin` and `demo`
        self._connect()

    # --- the `openstack` command line, the outside witness

    def cli(self, *words: str, cloud: str = "admin") -> str:
        """Run the `openstack` command line and return what it printed.

        Args:
            words: Everything after `openstack`.
            cloud: Whose credentials: `admin` or `demo`.

        Raises:
            LabError: It failed; the text is what it said.
        """
        return commandline.run(self.settings, self.processes, ("--os-cloud", cloud, *words))

    def cli_json(self, *words: str, cloud: str = "admin") -> Any:
        """Run a command that shows or lists something; returns its `-f json` decoded."""
        return json.loads(self.cli(*words, "-f", "json", cloud=cloud))

    async def service_shown(self, host: str) -> tuple[str, str]:
        """Status and state of a host's service as the command line shows them."""
        listed = await asyncio.to_thread(self.cli_json, "compute", "service", "list")
        (found,) = [each for each in listed if each["Host"] == host]
        return found["Status"], found["State"]

    # --- servers

    def boot(self, count: int, *, on: str, name: str = "vm", flavor: str = "m1.tiny", group: str = "") -> list[Record]:
        """Boot servers of the demo project on a host and wait until they are ACTIVE.

        Args:
            count: How many; beyond one they are called name-1, name-2, ...
            on: The host.
            name: Theirs.
            flavor: m1.tiny, m1.large or m1.huge.
            group: The id of the server group they belong to; empty: none.

        Returns:
            The servers, ordered by name.

        Raises:
            LabError: One went to ERROR, with Nova's reason, or the deadline passed.
        """
        images = self._tenant.get(Port.GLANCE, f"/v2/images?name={catalog.IMAGE}")["images"]
        flavors = self._tenant.get(Port.NOVA, "/v2.1/flavors")["flavors"]
        server = {
            "name": name,
            "imageRef": images[0]["id"],
            "flavorRef": next(each["id"] for each in flavors if each["name"] == flavor),
            "networks": "none",
            "availability_zone": f"nova:{on}",
            "min_count": count,
            "max_count": count,
        }
        before = self._ids()
        hints = {"os:scheduler_hints": {"group": group}} if group else {}
        self._tenant.call("POST", Port.NOVA, "/v2.1/servers", {"server": server, **hints})

        def booted() -> set[str] | None:
            if failed := self._ids("&status=ERROR") - before:
                reason = self.server(failed.pop()).get("fault", {}).get("message")
                raise LabError(f"{1 + len(failed)} of {count} servers are in ERROR: {reason}")
            ready = self._ids("&status=ACTIVE") - before
            return ready if len(ready) == count else None

        ids = until(f"{count} servers on {on}", booted, seconds=60 + 5 * count)
        return sorted((each for each in self.servers(on=on) if each["id"] in ids), key=lambda each: str(each["name"]))

    def servers(self, *, on: str | None = None) -> list[Record]:
        """All servers of all projects as Nova shows them, or those of one host."""
        path = "/v2.1/servers/detail?all_tenants=1&limit=1000" + (f"&host={on}" if on else "")
        found: list[Record] = self._admin.get(Port.NOVA, path)["servers"]
        return found

    def _ids(self, filters: str = "") -> set[str]:
        """Ids of all servers; to show more of them costs Nova twenty times as much, and keeps it from its work."""
        listed = self._admin.get(Port.NOVA, f"/v2.1/servers?all_tenants=1&limit=1000{filters}")["servers"]
        return {str(each["id"]) for each in listed}

    def server(self, server_id: str) -> Record:
        """One server as Nova shows it."""
        found: Record = self._admin.get(Port.NOVA, f"/v2.1/servers/{server_id}")["server"]
        return found

    def ask(self, path: str) -> Record:
        """What Nova answers to a question."""
        found: Record = self._admin.get(Port.NOVA, path)
        return found

    def act(self, server_id: str, action: str, argument: object = None) -> None:
        """Ask Nova for an action on a server, such as `lock`, `pause` or `os-stop`."""
        self._admin.act(server_id, action, argument)

    def rename(self, server_id: str, name: str) -> None:
        """Give a server another name."""
        self._admin.call("PUT", Port.NOVA, f"/v2.1/servers/{server_id}", {"server": {"name": name}})

    def delete(self, server_id: str) -> None:
        """Delete a server and wait until it is gone."""
        self._delete(server_id)
        until("a server to be deleted", lambda: server_id not in self._ids(), seconds=60)

    def delete_all_servers(self) -> None:
        """Delete every server of every project and wait until none is left."""
        began = time.monotonic()
        asked: dict[str, float] = {}

        def gone() -> bool:
            left = self._ids()
            for server_id in left:
                waited = time.monotonic() - asked.get(server_id, began - 60)
                if waited > 30:
                    if server_id in asked:  # stuck in a task: Nova forgets the task first
                        self.act(server_id, "os-resetState", {"state": "error"})
                    self._delete(server_id)
                    asked[server_id] = time.monotonic()
            return not left

        until("all servers to be deleted", gone, seconds=180)

    def _delete(self, server_id: str) -> None:
        try:
            self._admin.call("DELETE", Port.NOVA, f"/v2.1/servers/{server_id}")
        except LabError as error:
            if " 404 " not in str(error):
                raise

    # --- hosts

    def kill_compute(self, host: str) -> None:
        """End nova-compute of a host at once, as a power failure does (SIGKILL)."""
        self._lab.processes.kill(host)

    def stop_compute(self, host: str) -> None:
        """Stop nova-compute of a host in good order (SIGTERM)."""
        self._lab.processes.stop(host)

    def freeze_compute(self, host: str) -> None:
        """Hang nova-compute of a host (SIGSTOP); `revive` lets it go on too."""
        self._lab.processes.freeze(host)

    def thaw_compute(self, host: str) -> None:
        """Let a hung nova-compute go on, and wait until Nova has heard of it."""
        self._lab.processes.thaw(host)
        self.wait_for_service(host, "up")

    def start_compute(self, host: str) -> None:
        """Start nova-compute of a host, and wait until it has reported and cleaned up.

        The service stays disabled or forced down if it was: `revive` ends that as well.
        """
        since = datetime.now(UTC).replace(microsecond=0)  # Nova writes whole seconds
        self._lab.processes.thaw(host)
        self._lab.start_compute(host)
        until(
            f"{host} to report itself",
            lambda: reported_after(self.service(host)["updated_at"], since),
            seconds=120,
        )

        def cleared() -> bool:
            return all(each["status"] != "done" for each in self.migrations(host))

        until(f"{host} to remove the servers evacuated from it", cleared, seconds=120)

    def change_service(self, host: str, change: Record) -> None:
        """Change a host's service, for example {"forced_down": True} or {"status": "disabled"}."""
        path = f"/v2.1/os-services/{self.service(host)['id']}"
        self._admin.call("PUT", Port.NOVA, path, change)

    def turn_knobs(self, host: str, **values: str | float) -> None:
        """Make a host slow, small or failing: see lab/knobs.py for the names."""
        knobs.turn(self._lab.settings, host, **values)

    def service(self, host: str) -> Record:
        """The nova-compute service of a host as Nova shows it."""
        path = f"/v2.1/os-services?binary=nova-compute&host={host}"
        found: Record = self._admin.get(Port.NOVA, path)["services"][0]
        return found

    def wait_for_service(self, host: str, state: str) -> None:
        """Wait until Nova takes a host's service for `up` or `down`."""
        until(
            f"the service of {host} to be {state}",
            lambda: self.service(host)["state"] == state,
            seconds=120,
            pause=0.5,
        )

    def migrations(self, host: str, *, kind: str | None = "evacuation") -> list[Record]:
        """Migration records of servers that left a host, whatever became of them; kind None: of every kind."""
        query = f"source_compute={host}&limit=1000" + (f"&migration_type={kind}" if kind else "")
        found: list[Record] = self._admin.get(Port.NOVA, f"/v2.1/os-migrations?{query}")["migrations"]
        return found

    def wait_for_evacuations(self, host: str, count: int) -> list[Record]:
        """Wait until so many evacuations from a host have succeeded; returns their records.

        Raises:
            LabError: One failed, or the deadline passed.
        """

        def ended() -> list[Record] | None:
            found = self.migrations(host)
            if bad := [each for each in found if each["status"] in {"error", "failed"}]:
                raise LabError(f"{len(bad)} evacuations from {host} ended badly: {bad[0]}")
            good = [each for each in found if each["status"] in {"done", "completed"}]
            return good if len(good) >= count else None

        return until(f"{count} evacuations from {host}", ended, seconds=60 + 5 * count, pause=0.5)

    def allocations(self, server_id: str) -> Record:
        """What Placement holds for a server, by provider."""
        found: Record = self._admin.get(Port.PLACEMENT, f"/allocations/{server_id}")["allocations"]
        return found

    def providers(self) -> list[str]:
        """The names of Placement's providers."""
        return [each["name"] for each in self._admin.get(Port.PLACEMENT, "/resource_providers")["resource_providers"]]

    def revive(self, host: str) -> None:
        """Bring a host back to service after whatever was done to it.

        nova-compute starts while the host is still forced down, removes the guests that were
        evacuated, and only then is the host released and enabled.
        """
        self.start_compute(host)
        for _ in range(3):
            try:
                self.change_service(host, {"forced_down": False})
                break
            except LabError as error:
                if "done" not in str(error):
                    raise
                # Left-overs of a broken evacuation take a second start to be cleared.
                self._lab.processes.stop(host)
                self.start_compute(host)
        self.change_service(host, {"status": "enabled"})
        self.wait_for_service(host, "up")

    def tidy(self) -> None:
        """Make the cloud empty and whole for the next test."""
        try:
            for host in self.computes:
                knobs.clear(self._lab.settings, host)
                if not self._is_well(host):
                    self.revive(host)
            self.delete_all_servers()
            self._delete_groupings()
        except LabError as error:
            say(f"it could not be tidied: {error}")
            self.begin_anew()

    def begin_anew(self) -> None:
        """An empty cloud, as it was set up."""
        self._lab.up()
        self._connect()

    def add_cell(self) -> None:
        """Have a second cell; only `begin_anew` takes it away."""
        self._lab.add_cell()

    def _delete_groupings(self) -> None:
        """Delete every aggregate and every server group."""
        for aggregate in self._admin.get(Port.NOVA, "/v2.1/os-aggregates")["aggregates"]:
            path = f"/v2.1/os-aggregates/{aggregate['id']}"
            for host in aggregate["hosts"]:
                self._admin.call("POST", Port.NOVA, f"{path}/action", {"remove_host": {"host": host}})
            self._admin.call("DELETE", Port.NOVA, path)
        for group in self._admin.get(Port.NOVA, "/v2.1/os-server-groups?all_projects=True")["server_groups"]:
            self._admin.call("DELETE", Port.NOVA, f"/v2.1/os-server-groups/{group['id']}")

    def _connect(self) -> None:
        self._admin = Client(self._lab.settings)
        self._tenant = Client(self._lab.settings, project="demo")

    def _is_well(self, host: str) -> bool:
        self._lab.processes.thaw(host)
        service = self.service(host)
        released = not service["forced_down"] and service["status"] == "enabled"
        return bool(released and self._lab.processes.pid(host) and service["state"] == "up")
