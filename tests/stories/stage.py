"""The whole product on a stage: a workspace, two clouds and a real bot process, joined by addresses alone."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from typing import TypeVar

from adapters.simulated import cloudtower_api, datacentre, openstack_api, redfish_api
from adapters.simulated.cloudtower.state import Tower
from adapters.simulated.records import Platform
from adapters.simulated.world import World
from bot.demo import configuration
from bot.demo.server import Served, serve
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.view_stack import View
from bot.demo.workspace.workspace import Workspace, standard_workspace
from bot.runtime.clock import SystemClock
from tests.ports import free_port
from tests.store.migrated import migrated_file
from tests.stories.forked import Forked

ALICE, BOB, CAROL, DAVE, GUEST = "U0ALICE", "U0BOB", "U0CAROL", "U0DAVE", "U0GUEST"
OPS, INCIDENT = "C0OPS", "C0INCIDENT"
TICKED = [{"value": "yes"}]
"""A tick box, as it is sent in."""
T = TypeVar("T")

LOOPBACK = "http://127.0.0.1"
PATIENCE_SECONDS = 15.0
"""How long people's Slack waits for the bot, instead of three seconds: a busy machine may stand still for some."""


@dataclass
class Stage:
    """One running evening."""

    served: Served
    world: World
    tower: Tower
    folder: Path
    env: dict[str, str]
    config: Path
    process: asyncio.subprocess.Process | Forked | None = None
    forks: bool = False  #: the bot is forked from a process that has imported it, over a database that is migrated
    logs: list[str] = field(default_factory=list)
    within: Sequence[str] = ()  #: the words of a command that starts it, say in a namespace of its own

    @property
    def workspace(self) -> Workspace:
        return self.served.workspace

    async def start_bot(self) -> None:
        """Start `muster run` and wait until its Socket Mode connection stands."""
        await self.launch_bot()
        assert self.process is not None
        async with asyncio.timeout(120):
            while not self.served.sockets.connections:
                if self.process.returncode is not None:
                    raise AssertionError(f"the bot ended at once:\n{self.log()}")
                await asyncio.sleep(0.05)

    async def launch_bot(self) -> None:
        """Start `muster run`, and wait for nothing."""
        path = self.folder / "muster.log"
        if self.forks:
            if not (self.folder / "muster.db").exists():
                migrated_file(self.folder / "muster.db")
            self.process = Forked(self.config, self.env, path)
            return
        with path.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.within, sys.executable, "-m", "bot", "run", "--config", str(self.config),
                env=os.environ | self.env, stdout=log, stderr=log,
            )  # fmt: skip

    def listens(self) -> str:
        """Give the bot a port of its own for HTTP; answers its address."""
        port, text = free_port(), self.config.read_text()
        assert 'listen = "127.0.0.1:0"' in text
        self.config.write_text(text.replace('listen = "127.0.0.1:0"', f'listen = "127.0.0.1:{port}"'))
        return f"{LOOPBACK}:{port}"

    async def until_it_listens(self, port: int) -> None:
        """Wait until the bot takes connections at that port."""
        async with asyncio.timeout(120):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                if self.process is not None and self.process.returncode is not None:
                    raise AssertionError(f"the bot ended at once:\n{self.log()}")
                await asyncio.sleep(0.05)

    async def kill_bot(self) -> None:
        """SIGKILL: no farewell."""
        await self._end(signal.SIGKILL)

    async def stop_bot(self, *, seconds: float = 60) -> int:
        """SIGTERM, as a service manager stops it; answers its exit code."""
        return await self._end(signal.SIGTERM, seconds=seconds)

    async def _end(self, sig: signal.Signals, *, seconds: float = 60) -> int:
        assert self.process is not None
        with suppress(ProcessLookupError):
            self.process.send_signal(sig)
        try:
            return await second_by_second(self.process.wait, seconds=seconds)
        except TimeoutError:
            raise AssertionError(f"the bot goes on after {sig.name}:\n{self.log()}") from None

    def log(self) -> str:
        """What the bot logged so far."""
        path = self.folder / "muster.log"
        return path.read_text() if path.exists() else ""

    # what people do -----------------------------------------------------------------------------------------
    async def evacuate(self, *, says: str) -> None:
        """Alice asks for the evacuation of compute-2, and Bob approves it; until the card says that."""
        await self.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
        await self.card_says("Waiting for approval")
        await self.workspace.click(BOB, self.card, label="Approve")
        await self.card_says(says, seconds=120)

    async def window(self, who: str, label: str) -> View:
        """What opens when somebody presses that button of the newest card."""
        await self.workspace.click(who, self.card, label=label)
        await self.until(lambda: self.workspace.form(who), what=f"the window of {label}")
        shown = self.workspace.form(who)
        assert shown is not None
        return shown

    async def choose(self, vms: Collection[str]) -> None:
        """Alice ticks exactly these ids in the window of the newest card, which has one list."""
        window = await self.window(ALICE, "Choose VMs…")
        (listed,) = [block for block in window.blocks if block["type"] == "input"]
        await self.workspace.submit(ALICE, window, {listed["block_id"]: list(vms)})

    # what people see ---------------------------------------------------------------------------------------
    def cards(self) -> Sequence[PostedMessage]:
        """The messages of the bot in #ops that are no replies."""
        return [m for m in self.workspace.channel_messages(OPS) if m.author == self.workspace.app.bot_user]

    @property
    def card(self) -> PostedMessage:
        """The newest card."""
        return self.cards()[-1]

    def incidents(self, text: str = "") -> list[PostedMessage]:
        """What stands in the incident channel and says this."""
        return [m for m in self.workspace.channel_messages(INCIDENT) if text in m.plain]

    def everything(self) -> list[dict[str, object]]:
        """All that the workspace holds, as it was posted."""
        return [{"text": m.text, "blocks": m.blocks} for stored in self.workspace.messages.values() for m in stored]

    def thread(self, card: PostedMessage | None = None) -> list[str]:
        """The lines under a card."""
        card = card or self.card
        return [m.plain for m in self.workspace.thread(OPS, card.ts) if m.ts != card.ts]

    def files(self) -> list[str]:
        """The texts of the files under the newest card."""
        replies = self.workspace.thread(OPS, self.card.ts)
        ids = [str(file["id"]) for reply in replies for file in reply.body.get("files", [])]
        return [(self.workspace.files[id].content or b"").decode() for id in ids]

    def thread_says(self, text: str) -> list[str]:
        """The lines under the newest card that say this."""
        return [line for line in self.thread() if text in line]

    async def hears(self, user: str, text: str) -> str:
        """Wait until a person was told this privately, or in their window; answers the note."""

        def heard() -> list[str]:
            window = self.workspace.modal(user)
            return [said for said in (*self.notes(user), str(window.blocks) if window else "") if text in said]

        await self.until(heard, what=f"{user} hears {text!r}")
        return heard()[0]

    async def answer(self, user: str, line: str) -> str:
        """Have a person type a question; answers what they are told privately."""
        before = len(self.notes(user))
        result = await self.workspace.type_command(user, OPS, line)
        assert not result.error, result.error
        await self.until(lambda: len(self.notes(user)) > before, what=f"an answer to {line}")
        return self.notes(user)[-1]

    def notes(self, user: str) -> list[str]:
        """What only this person was told."""
        return [m.plain for m in self.workspace.ephemerals(user)]

    def link(self) -> str:
        """Slack's address of the newest card."""
        return f"/archives/{OPS}/p{self.card.ts.replace('.', '')}"

    # what the clouds saw -----------------------------------------------------------------------------------
    def mutations(self) -> list[str]:
        """Calls that change something, as "METHOD path", logins and prechecks aside."""
        return [f"{c.method} {c.path}" for c in self.world.mutations()]

    def evacuated(self) -> list[str]:
        """The server of each evacuate call that reached Nova, one entry a call."""
        return [
            call.path.split("/")[-2]
            for call in self.world.mutations()
            if call.path.endswith("/action") and "evacuate" in (call.body or {})
        ]

    async def until(self, happened: Callable[[], object], *, seconds: float = 90, what: str = "") -> None:
        """Wait for something that people would see."""
        try:
            await second_by_second(lambda: self.workspace.until(lambda: bool(happened())), seconds=seconds)
        except TimeoutError:
            seen = "\n".join(m.plain for m in self.workspace.channel_messages(OPS))
            notes = [m.plain for u in self.workspace.users for m in self.workspace.ephemerals(u)]
            raise AssertionError(f"never happened: {what}\n{seen}\n{notes}\n--- log\n{self.log()[-4000:]}") from None

    async def card_says(self, text: str, *, seconds: float = 90) -> PostedMessage:
        """Wait until the newest card says this."""
        await self.until(lambda: self.cards() and text in self.card.plain, seconds=seconds, what=f"card says {text!r}")
        return self.card


async def second_by_second(attempt: Callable[[], Awaitable[T]], *, seconds: float) -> T:
    """Make an attempt of a second so many times: a machine that stands still costs one of them, not all.

    Raises:
        TimeoutError: None of them came to its end.
    """
    for _ in range(ceil(seconds)):
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                return await attempt()
    raise TimeoutError


@asynccontextmanager
async def staged(
    folder: Path,
    *,
    settings: str = "",
    auth_url: str = "",
    password: str = "muster-demo",
    cinder: str = "",
    forks: bool = False,
    slack_port: int = 0,
) -> AsyncIterator[Stage]:
    """A workspace and two clouds, served; the bot is started by the test.

    Args:
        folder: for configuration, database and log.
        settings: TOML to put in front of the clouds, e.g. another policy.
        auth_url: Keystone of another OpenStack to use as `prod` than the simulated one. Its hosts have no BMCs of
            their own: the simulated ones of the same names stand in for them, and say that the power is off.
        password: of its user admin.
        cinder: TOML of the `[clouds.cinder]` of `prod`, with {url} for the simulated controller; the simulated host
            that is dead has managed volumes and backups then.
        forks: see `Stage`; it saves two seconds of a processor at each start.
        slack_port: Slack comes by HTTP to this port of the bot; 0: the bot connects to Slack.
    """
    clock = SystemClock()
    workspace = standard_workspace(patience=PATIENCE_SECONDS)
    world = datacentre.build(clock.now, sleep=clock.sleep, cinder_on=datacentre.DEAD if cinder else "")
    for host in world.hosts_of(Platform.OPENSTACK) if auth_url else []:
        host.powered = False
    # both quicker than real ones, so that stories stay short
    tower = datacentre.cloudtower(world, sync=2, lanes=8)
    for host in world.hosts_of(Platform.OPENSTACK):
        host.knobs.live_slots = 8
    async with (
        openstack_api.serve(world) as openstack_url,
        cloudtower_api.serve(world, tower=tower) as tower_url,
        redfish_api.serve(world) as redfish_url,
        serve(workspace, request_url=f"{LOOPBACK}:{slack_port}/slack/events" if slack_port else None) as served,
    ):
        config, env = configuration.write(
            folder,
            api_url=served.api_url,
            bot_token=served.bot_token,
            app_token=served.app_token,
            auth_url=auth_url or openstack_url + "/identity",
            password=password,
            tower_url=tower_url,
            bmcs=redfish_api.systems(world, redfish_url),
        )
        # a call whose fate is unknown is waited for by the API's timeout: a short one keeps the tests short
        text = settings + config.read_text().replace('poll = "1s"', 'poll = "1s"\napi_timeout = "5s"')
        if cinder:
            table = f"[clouds.cinder]\n{cinder.replace('{url}', openstack_url)}\n"
            text = text.replace("[clouds.fencing.redfish]", f"{table}\n[clouds.fencing.redfish]")
        if slack_port:
            text = text.replace('mode = "socket"', f'mode = "http"\nlisten = "127.0.0.1:{slack_port}"')
            del env["SLACK_APP_TOKEN"]
            env["SLACK_SIGNING_SECRET"] = served.signing_secret
        config.write_text(text)
        stage = Stage(served=served, world=world, tower=tower, folder=folder, env=env, config=config, forks=forks)
        try:
            yield stage
        finally:
            if stage.process is not None and stage.process.returncode is None:
                await stage.kill_bot()


__all__ = ["Served", "Stage", "staged"]
