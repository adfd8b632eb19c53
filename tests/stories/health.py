"""What a bot says of itself over HTTP."""

import asyncio
from collections.abc import Mapping
from math import ceil

import aiohttp


async def asked(url: str) -> tuple[int, Mapping[str, object]]:
    """What the bot says of itself; (0, {}) when nobody listens there."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status, await answer.json()
    except aiohttp.ClientConnectionError:
        return 0, {}


async def says(url: str, status: int, *words: str, seconds: float = 60) -> None:
    """Wait until it answers so."""
    for _ in range(ceil(seconds * 5)):
        told = await asked(url)
        if told[0] == status and all(word in str(told[1]) for word in words):
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"{url} says {told}, not {status} {words}")
