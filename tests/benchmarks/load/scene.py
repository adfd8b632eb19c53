"""One bot under load: its processes, and what people do and see meanwhile."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.demo import configuration
from bot.demo.server import Served, serve
from bot.demo.workspace.acting import ClickResult, CommandResult
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.workspace import Workspace, standard_workspace

ALICE, BOB, CAROL = "U0ALICE", "U0BOB", "U0CAROL"
OPS = "C0OPS"
PATIENCE_SECONDS = 15.0
LONGEST_SECONDS = 400.0


@dataclass(kw_only=True)
class Scene:
    """A bot, its cloud and its workspace; and a control with a workspace of its own."""

    served: Served
    control: Served
    bot: asyncio.subprocess.Process
    log: Path
    acks: list[float] = field(default_factory=list)  #: seconds until a command was acknowledged
    control_acks: list[float] = field(default_factory=list)  #: the same of the control, asked at the same moments
    clicks: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)  #: seconds until the answer to `/muster list` was read
    pauses: list[float] = field(default_factory=list)  #: seconds from the click to a card that says Paused

    @property
    def workspace(self) -> Workspace:
        """Where the bot's people are."""
        return self.served.workspace

    def cards(self) -> Sequence[PostedMessage]:
        """The bot's messages in #ops that are no replies, oldest first."""
        return [m for m in self.workspace.channel_messages(OPS) if m.author == self.workspace.app.bot_user]

    def card_of(self, host: str) -> PostedMessage | None:
        """The card of the operation on a host."""
        return next((card for card in self.cards() if f"{host}:" in card.plain or f"{host} " in card.plain), None)

    async def shows(self, host: str, *words: str, seconds: float = LONGEST_SECONDS) -> PostedMessage:
        """Wait until the card of a host says one of these."""

        def said() -> PostedMessage | None:
            card = self.card_of(host)
            return card if card is not None and any(word in card.plain for word in words) else None

        try:
            return await self.workspace.until(said, timeout=seconds)
        except TimeoutError:
            card = self.card_of(host)
            raise AssertionError(
                f"{host}: {card.plain if card else 'no card'}\n{self.log.read_text()[-3000:]}"
            ) from None

    async def requested(self, hosts: Sequence[str]) -> None:
        """Ask for the evacuation of each host; each waits for its approval then."""
        for host in hosts:
            await self.workspace.type_command(ALICE, OPS, f"/evacuate prod/{host}")
        for host in hosts:
            await self.shows(host, "Waiting for approval")

    async def approve(self) -> None:
        """Approve what waits for it, until cancelled: a plan whose room others took comes back to be approved anew."""
        while True:
            for card in self.cards():
                if "Approve" in card.buttons:
                    self.clicks.append(await _timed(self.workspace.click(BOB, card, label="Approve")))
            await asyncio.sleep(1)

    async def ask(self, user: str) -> None:
        """`/muster list`: until it is acknowledged, here and at the control, and until it is answered."""

        def notes() -> int:
            return len(self.workspace.ephemerals(user))

        before, began = notes(), time.monotonic()
        asked = asyncio.create_task(_timed(self.control.workspace.type_command(user, OPS, "/muster list")))
        self.acks.append(await _timed(self.workspace.type_command(user, OPS, "/muster list")))
        self.control_acks.append(await asked)
        await self.workspace.until(lambda: notes() > before, timeout=120)
        self.answers.append(time.monotonic() - began)

    async def pause(self, host: str) -> None:
        """Pause a running operation until its card says so, and resume it."""
        card = self.card_of(host)
        if card is None or "Pause" not in card.buttons:
            return
        began = time.monotonic()
        self.clicks.append(await _timed(self.workspace.click(ALICE, card, label="Pause")))
        paused = await self.shows(host, "Paused", "done and verified", seconds=120)
        if "done and verified" in paused.plain:
            return
        self.pauses.append(time.monotonic() - began)
        self.clicks.append(await _timed(self.workspace.click(ALICE, paused, label="Resume")))


async def _timed(work: Awaitable[CommandResult | ClickResult]) -> float:
    """Seconds until it is acknowledged; all of Slack's patience where it was not."""
    began = time.monotonic()
    result = await work
    return PATIENCE_SECONDS if result.error else time.monotonic() - began


@asynccontextmanager
async def opened(*, hosts: int, vms: int, store: str = "") -> AsyncIterator[Scene]:
    """Start everything; the bot is connected and idle.

    Args:
        hosts: that are dead.
        vms: on each.
        store: the url of the bot's database; a file of its own when left out.
    """
    workspace, other = standard_workspace(patience=PATIENCE_SECONDS), standard_workspace(patience=PATIENCE_SECONDS)
    started: list[asyncio.subprocess.Process] = []
    with TemporaryDirectory() as folder:
        async with serve(workspace) as served, serve(other) as control:
            try:
                cloud = await _started("tests.benchmarks.load.cloud", str(hosts), str(vms))
                started.append(cloud)
                assert cloud.stdout is not None
                told = json.loads(await cloud.stdout.readline())
                secrets = control.bot_token, control.app_token
                started.append(await _started("tests.benchmarks.load.control", control.api_url, *secrets))
                config, env = configuration.write(
                    Path(folder),
                    api_url=served.api_url,
                    bot_token=served.bot_token,
                    app_token=served.app_token,
                    auth_url=told["auth_url"],
                    tower_url="",
                    bmcs=told["bmcs"],
                )
                config.write_text(_without_tower(config.read_text(), store))
                log = Path(folder) / "muster.log"
                bot = await _started("bot", "run", "--config", str(config), env=env, log=log)
                started.append(bot)
                while not (served.sockets.connections and control.sockets.connections):
                    if bot.returncode is not None:
                        raise AssertionError(log.read_text())
                    await asyncio.sleep(0.05)
                yield Scene(served=served, control=control, bot=bot, log=log)
            finally:
                for process in reversed(started):
                    if process.returncode is None:
                        process.kill()
                        await process.wait()


def _without_tower(settings: str, store: str) -> str:
    text = settings.partition('\n[[clouds]]\nname = "tower"')[0]
    if store:
        head, _, tail = text.partition("[store]\n")
        text = f'{head}[store]\nurl = "{store}"\n{tail.partition(chr(10))[2]}'
    return text.replace('poll = "1s"', 'poll = "1s"\nconcurrency = 400')


async def _started(
    module: str, *words: str, env: dict[str, str] | None = None, log: Path | None = None
) -> asyncio.subprocess.Process:
    if log is None:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
    with log.open("ab") as out:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *words, env=os.environ | (env or {}), stdout=out, stderr=out
        )
