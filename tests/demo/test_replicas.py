"""A walk: the demo's workspace, two bots started as it says, one killed while VMs move; the thread tells of none of it."""

import asyncio
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.store.databases import Postgresql

SECONDS = 60
OPS, ALICE, BOB = "C0OPS", "U0ALICE", "U0BOB"


class Visitor:
    """Somebody before the demo's page."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self._session = session
        self._address = address

    async def types(self, line: str) -> None:
        body = {"user": ALICE, "channel": OPS, "line": line}
        async with self._session.post(f"{self._address}_page/act/command", json=body) as answer:
            assert await answer.json() == {"ok": True, "error": ""}

    async def clicks(self, label: str) -> None:
        card = (await self.messages())[0]
        for block in card["blocks"]:
            for button in block.get("elements", []):
                if button["type"] == "button" and button["text"]["text"] == label:
                    where = {"channel": OPS, "ts": card["ts"], "block_id": block["block_id"]}
                    body = {"user": BOB, **where, "action_id": button["action_id"]}
                    async with self._session.post(f"{self._address}_page/act/click", json=body) as answer:
                        assert await answer.json() == {"ok": True, "error": ""}
                    return
        raise AssertionError(f"no {label} on {card}")

    async def messages(self) -> list[dict[str, Any]]:
        """What stands in #ops: the card, then its thread."""
        async with self._session.get(f"{self._address}_page/state", params={"user": ALICE}) as answer:
            channels = (await answer.json())["channels"]
        return next(channel["messages"] for channel in channels if channel["id"] == OPS)

    async def until(self, seen: Callable[[list[str]], object]) -> list[str]:
        """Wait until the messages, as text, are so."""
        async with asyncio.timeout(SECONDS):
            while True:
                said = [str(message["blocks"] or message["text"]) for message in await self.messages()]
                if seen(said):
                    return said
                await asyncio.sleep(0.1)


@asynccontextmanager
async def started(*command: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program that ends with the block."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(*command, stdout=out, stderr=out)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), SECONDS)


async def found(pattern: str, *logs: Path) -> tuple[Path, str]:
    """Wait until one of the logs says so: which, and the words."""
    async with asyncio.timeout(SECONDS):
        while True:
            for log in logs:
                if match := re.search(pattern, log.read_text(), re.MULTILINE):
                    return log, match[0]
            await asyncio.sleep(0.1)


@pytest.mark.long
async def test_of_two_bots_started_as_the_demo_says_one_is_killed_and_the_thread_does_not_tell(
    tmp_path: Path, server: Postgresql
) -> None:
    demo, logs = tmp_path / "demo.log", (tmp_path / "1.log", tmp_path / "2.log")
    arguments = ("demo", "--no-browser", "--port", "0", "--folder", str(tmp_path / "demo"))
    async with (
        server.database(migrated=False) as url,
        started(sys.executable, "-m", "bot", *arguments, "--database", url, log=demo),
    ):
        address, command = (await found(r"http://\S+", demo))[1], (await found(r"env .* run .*$", demo))[1]
        assert (tmp_path / "demo" / "muster.env").stat().st_mode & 0o077 == 0
        async with (
            started("sh", "-c", f"exec {command}", log=logs[0]) as first,
            started("sh", "-c", f"exec {command}", log=logs[1]) as second,
            aiohttp.ClientSession() as session,
        ):
            leader = first if (await found("speaks for all replicas", *logs))[0] == logs[0] else second
            visitor = Visitor(session, address)
            await visitor.types("/evacuate prod/compute-2")
            await visitor.until(lambda said: said and "Waiting for approval" in said[0])
            await visitor.clicks("Approve")
            await visitor.until(lambda said: "under way" in said[0])
            leader.kill()
            said = await visitor.until(lambda said: any("The whole story" in line for line in said))
            assert "12 of 12 done and verified" in said[0]
            thread = said[1:]
            assert [line for line, times in Counter(thread).items() if times > 1] == []
            order = ["Approved by", "Started.", "Take the host out of service", "Phase: *Evacuate*", "Done: everything"]
            places = [next(n for n, line in enumerate(thread) if words in line) for words in order]
            assert places == sorted(places)
