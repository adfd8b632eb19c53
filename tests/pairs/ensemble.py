"""Several whole bots over one PostgreSQL and one workspace: how they are lost and come back, and what must be true."""

import asyncio
import re
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp
import psycopg
from sqlalchemy import make_url

from tests.store.databases import Postgresql
from tests.stories.stage import ALICE, BOB, CAROL, OPS, Stage, staged

CONCURRENCY = 3
FAILOVER_SECONDS = 10.0
SLACK = 5.0  #: seconds beyond those, for a machine that does other things, too
_LEADS = re.compile(r"speaks for all replicas|another replica speaks")


@dataclass(kw_only=True)
class Ensemble:
    """The bots, what they share, and what is wrong with either."""

    server: Postgresql
    url: str
    stages: list[Stage]
    frozen: set[int] = field(default_factory=set)
    most_moving: int = 0
    lists: int = 0  #: how often somebody typed for one; where no bot answers, the command may be served later

    @property
    def first(self) -> Stage:
        return self.stages[0]

    @property
    def alive(self) -> list[int]:
        """The bots that run and are not frozen."""
        return [n for n in range(len(self.stages)) if self.runs(n) and n not in self.frozen]

    def runs(self, number: int) -> bool:
        process = self.stages[number].process
        return process is not None and process.returncode is None

    # what happens to them ------------------------------------------------------------------------------------
    async def start(self, number: int) -> None:
        await self.stages[number].launch_bot()

    async def kill(self, number: int) -> None:
        self.frozen.discard(number)
        await self.stages[number].kill_bot()

    def freeze(self, number: int) -> None:
        self._signal(number, signal.SIGSTOP)
        self.frozen.add(number)

    def thaw(self, number: int) -> None:
        self._signal(number, signal.SIGCONT)
        self.frozen.discard(number)

    def _signal(self, number: int, sig: signal.Signals) -> None:
        process = self.stages[number].process
        assert process is not None
        process.send_signal(sig)

    async def without_database(self, seconds: float) -> None:
        async with self.server.closed(self.url):
            await self.let_pass(seconds)

    async def let_pass(self, seconds: float) -> None:
        """Let them work, and count what moves meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.first.world.settle()
            moving = sum(1 for move in self.first.world.moves if move.status not in {"done", "error", "failed"})
            self.most_moving = max(self.most_moving, moving)
            await asyncio.sleep(0.05)

    def leads(self, number: int) -> bool:
        """Whether it was the last thing it said of itself."""
        said = _LEADS.findall(self.stages[number].log())
        return bool(said) and said[-1].startswith("speaks")

    async def health(self, number: int, path: str) -> tuple[int, str]:
        """What it answers at this address of its own: the status and the words."""
        port = re.findall(r"muster is running.*\bhttp=(\d+)", self.stages[number].log())[-1]
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, await answer.text()

    async def until_all_are_ready(self) -> float:
        """Seconds until each of them says that it is ready."""
        began = time.monotonic()
        async with asyncio.timeout(60):
            while any([(await self.health(number, "/readyz"))[0] != 200 for number in self.alive]):
                await self.let_pass(0.1)
        return time.monotonic() - began

    @property
    def leader(self) -> int | None:
        return next((n for n in self.alive if self.leads(n)), None)

    async def has_leader(self) -> float:
        """Seconds until one that is alive says that it speaks for all."""
        began = time.monotonic()
        await self.first.until(lambda: self.leader is not None, what="one speaks for all", seconds=60)
        return time.monotonic() - began

    # what people do ------------------------------------------------------------------------------------------
    async def ask(self, line: str) -> None:
        """Type it until somebody takes it: where no bot hears it, Slack says so."""
        async with asyncio.timeout(90):
            while True:
                self.lists += line == "/muster list"
                if not (await self.first.workspace.type_command(ALICE, OPS, line)).error:
                    return
                await self.let_pass(0.5)

    async def approve(self) -> None:
        """Two leads click at the same moment, wherever a card waits."""
        for card in self.first.cards():
            if "Waiting for approval" in card.plain:
                clicks = (self.first.workspace.click(who, card, label="Approve") for who in (BOB, CAROL))
                await asyncio.gather(*clicks, return_exceptions=True)

    # what must be true ---------------------------------------------------------------------------------------
    async def come_to_an_end(self, seconds: float = 180) -> None:
        """All bots are well again, people approve what waits, and everything that was begun ends."""
        self.first.workspace.faults.api.clear()
        self.first.workspace.faults.latency = 0.0
        for number in range(len(self.stages)):
            if number in self.frozen:
                self.thaw(number)
            elif not self.runs(number):
                await self.start(number)
        end = time.monotonic() + seconds
        while not await self._is_over():
            if time.monotonic() > end:
                raise AssertionError("\n".join([await self._told(), *(stage.log()[-3000:] for stage in self.stages)]))
            await self.approve()
            await self.let_pass(0.5)

    async def _is_over(self) -> bool:
        """Whether nothing waits; asked in the order in which things come about, for they go on meanwhile."""
        for query in (
            "SELECT count(*) FROM inbox WHERE settled_at IS NULL",
            "SELECT count(*) FROM operation WHERE live OR state = 'checking' OR revision > shown",
            "SELECT count(*) FROM outbox WHERE waiting",
        ):
            if await self._count(query):
                return False
        return True

    async def complaints(self) -> list[str]:
        """What was said or done twice, lost, or too much at once."""
        stage, found = self.first, []
        cards = stage.cards()
        operations = await self._count("SELECT count(*) FROM operation")
        if len(cards) != operations:
            found.append(f"{len(cards)} cards of {operations} operations")
        for card in cards:
            twice = [line for line, n in Counter(stage.thread(card)).items() if n > 1]
            found += [f"told twice: {line}" for line in twice]
        answers = [note for note in stage.notes(ALICE) if "a host now" in note]
        unheard = stage.workspace.faults.used["lost_reply"]
        if len(answers) > self.lists + unheard:
            found.append(f"{len(answers)} answers to {self.lists} questions, {unheard} of them unheard")
        found += [f"evacuated twice: {vm}" for vm, n in Counter(stage.evacuated()).items() if n > 1]
        decided = "SELECT operation_id FROM audit WHERE event = 'approved' GROUP BY operation_id HAVING count(*) > 1"
        found += [f"decided twice: {await self._told()}"] if await self._rows(decided) else []
        lines = sum(len(stage.thread(card)) for card in cards)
        told = await self._count("SELECT count(*) FROM outbox WHERE lane LIKE '% thread' AND ts <> ''")
        if lines < told - await self._together():
            found.append(f"{lines} lines in the threads, {told} told")
        if self.most_moving > CONCURRENCY:
            found.append(f"{self.most_moving} VMs moved at once, {CONCURRENCY} may")
        return found

    async def _together(self) -> int:
        """How many lines stand in a message with others."""
        shared = "SELECT count(*) - count(DISTINCT ts) FROM outbox WHERE lane LIKE '% thread' AND ts <> ''"
        return await self._count(shared)

    async def _count(self, query: str) -> int:
        with suppress(psycopg.OperationalError):
            return int(str((await self._rows(query))[0][0]))
        return -1

    async def _rows(self, query: str) -> list[tuple[object, ...]]:
        url = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
        async with await psycopg.AsyncConnection.connect(url) as connection:
            return list(await (await connection.execute(query)).fetchall())

    async def _told(self) -> str:
        return f"{await self._rows('SELECT id, state FROM operation')}\n{self.first.workspace.transcript()}"


@asynccontextmanager
async def ensemble(server: Postgresql, folder: Path, *, bots: int) -> AsyncIterator[Ensemble]:
    """So many bots, none of them started."""
    async with server.database() as url, staged(folder, forks=True) as first:
        text = re.sub(r"(\[store\]\nurl = ).*", rf'\1"{url}"', first.config.read_text())
        first.config.write_text(text.replace('poll = "1s"', f'poll = "1s"\nconcurrency = {CONCURRENCY}'))
        stages = [first]
        for number in range(1, bots):
            place = folder / f"bot-{number}"
            place.mkdir()
            stages.append(replace(first, folder=place, logs=[]))
        one = Ensemble(server=server, url=url, stages=stages)
        try:
            yield one
        finally:
            for number in range(bots):
                if one.runs(number):
                    await one.kill(number)
