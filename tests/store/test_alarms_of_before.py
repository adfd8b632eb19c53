"""Alarms that an earlier release stored are counted and placed as if this one had."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine, text

from bot.domain.messages.alarm import Counted
from bot.runtime.clock import WakeUp
from bot.store import SqlArchive, schema
from tests.clocks import ManualClock

SAID = {
    "kind": "alert",
    "since": "2026-11-21T12:00:00.000000+00:00",
    "first_seen_at": "2026-11-21T12:00:00.000000+00:00",
    "host_name": "compute-2",
    "alerts": [
        {"key": key, "summary": "", "since": "2026-11-21T12:00:00.000000+00:00", "is_over": key == "a"} for key in "abc"
    ],
}
TOLD = {"raised_at": "2026-11-21T12:00:01.000000+00:00", "within": "storm"}


async def test_what_waited_when_the_release_came_is_told_counted_and_placed(tmp_path: Path, clock: ManualClock) -> None:
    file = tmp_path / "muster.db"
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        command.upgrade(schema.config(connection), "0013")
        for id, said, shows, waits in (
            ("untold", SAID | {"label": ["prod", "compute-2"]}, 0, 1),
            ("sought", SAID | TOLD | {"label": ["", "compute-2"]}, 1, 1),
            ("placed", SAID | TOLD, 1, 0),
        ):
            connection.execute(
                text(
                    "INSERT INTO alarm (id, kind, cloud, subject, open, shows, waits, body, version, channel, ts, shown,"
                    " kept_at) VALUES (:id, 'alert', '', :id, 1, :shows, :waits, :body, 0, '', '', -1, '2026-11-21')"
                ),
                {"id": id, "shows": shows, "waits": waits, "body": json.dumps(said)},
            )
    engine.dispose()
    archive = SqlArchive(f"sqlite:///{file}", clock=clock, bell=WakeUp(clock))
    await archive.open()
    async with archive.reading() as unit:
        assert [one.id for one in await unit.alarms.untold(limit=9)] == ["untold"]
        assert sorted(await unit.alarms.sought_in()) == ["", "prod"]
        assert [one.id for one in await unit.alarms.sought("", after="", limit=9)] == ["sought"]
        assert await unit.alarms.counted("storm") == Counted(alarms=2, alerts=4, hosts=1)
    await archive.close()
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM alarm WHERE waits").fetchone() == (1,)
