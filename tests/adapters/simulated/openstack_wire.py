"""A simulated OpenStack on a loopback port and a bare HTTP client for it, with time moved by hand."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import openstack

from adapters.simulated import openstack_api
from adapters.simulated.openstack.identity import Keystone
from adapters.simulated.records import Move, SimHost, SimVm
from adapters.simulated.world import World
from tests.clocks import ManualClock

PASSWORD = "muster-demo"


@dataclass(kw_only=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def message(self) -> str:
        """The sentence inside a Nova-like error."""
        return str(next(iter(self.body.values()))["message"])


@dataclass(kw_only=True)
class Region:
    """What a test holds: the world, its clock, and the wire."""

    clock: ManualClock
    world: World
    keystone: Keystone
    url: str
    http: aiohttp.ClientSession
    tokens: dict[str, str]

    async def log_in(self, user: str) -> str:
        project = self.keystone.users[user].project
        domain = {"id": "default"}
        body = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {"user": {"name": user, "domain": domain, "password": PASSWORD}},
                },
                "scope": {"project": {"name": project, "domain": domain}},
            }
        }
        async with self.http.post(f"{self.url}/identity/v3/auth/tokens", json=body) as response:
            assert response.status == 201, await response.text()
            self.tokens[user] = response.headers["X-Subject-Token"]
        return self.tokens[user]

    async def call(
        self, method: str, path: str, body: Any = None, *, version: str = "", user: str = "admin", token: str = ""
    ) -> Answer:
        """One HTTP call; `version` is e.g. `compute 2.53`."""
        if not token:
            token = self.tokens.get(user) or await self.log_in(user)
        headers = {"X-Auth-Token": token} | ({"OpenStack-API-Version": version} if version else {})
        async with self.http.request(method, self.url + path, json=body, headers=headers) as response:
            shown = await response.json() if "json" in response.content_type and await response.text() else None
            return Answer(status=response.status, body=shown, headers=dict(response.headers))

    async def nova(self, method: str, path: str, body: Any = None, *, at: str = "2.96", user: str = "admin") -> Answer:
        return await self.call(method, f"/compute/v2.1{path}", body, version=f"compute {at}", user=user)

    async def act(self, vm: str, action: str, body: Any = None, *, at: str = "2.96", user: str = "admin") -> Answer:
        return await self.nova("POST", f"/servers/{self.world.vm(vm).id}/action", {action: body}, at=at, user=user)

    async def show(self, vm: str, *, at: str = "2.96") -> dict[str, Any]:
        shown: dict[str, Any] = (await self.nova("GET", f"/servers/{self.world.vm(vm).id}", at=at)).body["server"]
        return shown

    async def migrations(self, vm: str) -> list[dict[str, Any]]:
        """The migration records of a server, newest first."""
        path = f"/os-migrations?instance_uuid={self.world.vm(vm).id}"
        records: list[dict[str, Any]] = (await self.nova("GET", path)).body["migrations"]
        return records

    async def until(self, is_so: Callable[[], bool], *, within: float = 30.0) -> None:
        """Move the clock from deed to deed until something is so."""
        end = self.clock.now() + timedelta(seconds=within)
        while not is_so():
            due = self.world.next_deed()
            assert due is not None, "nothing more will happen"
            assert due <= end, "it did not come so in time"
            await self.clock.pass_time(max(0.0, (due - self.clock.now()).total_seconds()))
            self.world.settle()

    async def move_ends(self, vm: str) -> Move:
        """Let the newest move of a server come to its end."""
        server: SimVm = self.world.vm(vm)
        move = next(m for m in reversed(self.world.moves) if m.vm is server)
        ends = {"done", "error", "failed", "completed", "cancelled", "finished", "confirmed", "reverted"}
        await self.until(lambda: move.status in ends, within=120.0)
        return move

    async def fall_silent(self, host: str) -> SimHost:
        """Kill a host and wait until its service counts as down."""
        killed = self.world.kill_host(host)
        await self.clock.pass_time(self.world.service_down_time + 1)
        return killed

    def connect(self, user: str = "admin") -> openstack.connection.Connection:
        """A connection of the official SDK; blocking, so for a thread."""
        return openstack.connect(load_yaml_config=False, load_envvars=False, **self.credentials(user))

    def credentials(self, user: str = "admin") -> dict[str, Any]:
        return {
            "auth_url": f"{self.url}/identity",
            "username": user,
            "password": PASSWORD,
            "project_name": self.keystone.users[user].project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            "region_name": "RegionOne",
        }


@asynccontextmanager
async def region(build: Callable[[ManualClock], World]) -> AsyncIterator[Region]:
    """Serve the world that `build` makes."""
    clock = ManualClock()
    world = build(clock)
    keystone = Keystone(world)
    async with openstack_api.serve(world, keystone=keystone) as url, aiohttp.ClientSession() as http:
        yield Region(clock=clock, world=world, keystone=keystone, url=url, http=http, tokens={})
