"""What the settings say of how long things are kept is what the bot's own tick does."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from bot import main as house
from bot.domain.audit import AuditEvent, Entry
from bot.domain.ports import Delivery
from bot.runtime.clock import SystemClock
from tests.settings.written import SMALL, read


class Later(SystemClock):
    """Tells the time in 200 days."""

    def now(self) -> datetime:
        return super().now() + timedelta(days=200)


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("", (0, 3)),
        ('[retention]\nkeep = "400d"\n', (1, 3)),
        ('[retention]\nkeep = "400d"\naudit = "100d"\n', (1, 1)),
    ],
)
async def test_the_tick_lets_go_of_what_is_older_than_the_settings_say(
    tmp_path: Path, written: str, left: tuple[int, int]
) -> None:
    store = f'[store]\nurl = "sqlite:///{tmp_path}/muster.db"\n'
    bot = house.build(read(tmp_path, store + written + SMALL))
    await bot.archive.open()
    async with bot.archive.unit() as unit:
        now = bot.clock.now()
        await unit.inbox.take_in([Delivery(key="k", kind="test", payload={}, received_at=now)], result="done")
        for _ in range(3):
            await unit.audit.record(None, Entry(event=AuditEvent.OTHER))
        await unit.commit()
    later = bot.archive._clock = Later()
    _, tick = house.ticks_of(replace(bot, clock=later))["retention"]
    await tick()
    async with bot.archive.reading() as unit:
        counts = [await unit.transaction.first(text(f"SELECT count(*) FROM {table}")) for table in ("inbox", "audit")]
    assert tuple(counts) == left
    await bot.archive.close()
    for cloud in bot.clouds.values():
        await cloud.aclose()
