"""Parts of the process that say that they come round, and what is said of those that do not."""

from bot.domain.heartbeats import Heartbeats
from tests.clocks import ManualClock


async def test_a_part_hangs_once_its_next_beat_is_overdue_and_no_longer_once_it_has_come_round_or_ended() -> None:
    clock = ManualClock()
    hearts = Heartbeats(clock)
    hearts.beat("board", within=10)
    hearts.beat("worker", within=60)
    assert hearts.parts == {"board", "worker"}
    await clock.pass_time(10)
    assert hearts.hanging() == {}
    await clock.pass_time(1)
    assert hearts.hanging() == {"board": "last seen 11 s ago"}
    hearts.beat("board", within=10)
    assert hearts.hanging() == {}
    await clock.pass_time(60)
    hearts.ended("worker")
    hearts.ended("worker")
    assert hearts.hanging() == {"board": "last seen 60 s ago"}
