"""The bot tells over HTTP whether it lives, whether it is ready, and how much there is to do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.domain.heartbeats import Heartbeats
from bot.domain.ports import StoreFailed
from bot.runtime import http_server
from bot.web import health
from tests.clocks import ManualClock

COUNTS = {
    "operations.running": 2,
    "operations.needs attention": 1,
    "steps.in flight": 7,
    "outbox": 3,
    "outbox_oldest_seconds": 41,
    "something else": 5,
}


class Parts:
    """A bot whose parts can be broken."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.heartbeats = Heartbeats(self.clock)
        self.heartbeats.beat("worker", within=30)
        self.store_error: Exception | None = None
        self.missing: dict[str, str] = {}
        self.unheard = ""
        self.why = ""
        self.connected = True
        self.hangs = False

    async def store(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.store_error:
            raise self.store_error

    def slack(self) -> str:
        return "" if self.connected else "not connected"

    def clouds(self) -> Mapping[str, str]:
        return self.missing

    def sick(self) -> str:
        return self.why

    def probes(self) -> health.Probes:
        return health.Probes(
            store=self.store,
            slack=self.slack,
            heartbeats=self.heartbeats,
            counts=self.counts,
            clouds=self.clouds,
            incident_channel=lambda: self.unheard,
        )

    async def counts(self) -> Mapping[str, int]:
        await self.store()
        return COUNTS


class Frozen(Parts):
    """Its database is frozen: a statement is not given up, but waited for until it ends, whoever is cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.thaws = asyncio.Event()
        self.asked = 0

    async def store(self) -> None:
        self.asked += 1
        while not self.thaws.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await self.thaws.wait()
        raise StoreFailed("The server is gone.")


@asynccontextmanager
async def asking(parts: Parts) -> AsyncIterator[Callable[[str], Awaitable[httpx.Response]]]:
    app = health.build(parts.probes(), sick=parts.sick)
    async with (
        http_server.serve(app, "127.0.0.1", 0) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield client.get


async def test_a_whole_bot_is_alive_and_ready() -> None:
    async with asking(Parts()) as get:
        assert (await get("/healthz")).status_code == 200
        answer = await get("/readyz")
        assert (answer.status_code, answer.json()) == (200, {"ready": True, "ailing": {}})


async def test_everything_that_ails_is_named() -> None:
    parts = Parts()
    parts.store_error = OSError("disk of 10.0.0.1 with token xoxb-planted")
    parts.connected = False
    await parts.clock.pass_time(31)
    async with asking(parts) as get:
        answer = await get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["ailing"] == {
            "store": "does not answer (OSError)",
            "slack": "not connected",
            "worker": "last seen 31 s ago",
        }
        assert (await get("/healthz")).status_code == 200


async def test_setting_the_clock_makes_no_worker_look_dead_and_none_look_alive() -> None:
    parts = Parts()
    async with asking(parts) as get:
        parts.clock.set_by(86_400)
        assert (await get("/readyz")).status_code == 200
        parts.clock.set_by(-2 * 86_400)
        await parts.clock.pass_time(31)
        assert (await get("/readyz")).json()["ailing"] == {"worker": "last seen 31 s ago"}


async def test_a_worker_that_never_started_is_not_ready() -> None:
    parts = Parts()
    parts.heartbeats.ended("worker")
    async with asking(parts) as get:
        assert (await get("/readyz")).json()["ailing"] == {"worker": "has not started"}


async def test_an_operation_a_tick_or_the_board_that_hangs_is_named_until_it_comes_round() -> None:
    parts = Parts()
    beats = parts.heartbeats
    beats.beat("board", within=120)
    beats.beat("tick expiry", within=75)
    beats.beat("operation 7KQ2", within=300)
    async with asking(parts) as get:
        await parts.clock.pass_time(301)
        for alive in ("worker", "tick expiry"):
            beats.beat(alive, within=75)
        answer = await get("/readyz")
        silent = {"board": "last seen 301 s ago", "operation 7KQ2": "last seen 301 s ago"}
        assert (answer.status_code, answer.json()["ailing"]) == (503, silent)
        told = (await get("/metrics")).text
        assert 'muster_up{part="board"} 0.0' in told
        assert 'muster_up{part="operations"} 0.0' in told
        assert 'muster_up{part="tick expiry"} 1.0' in told
        assert "7KQ2" not in told
        beats.beat("board", within=120)
        beats.ended("operation 7KQ2")
        assert (await get("/readyz")).status_code == 200


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("database or disk is full", "takes nothing: the disk is full"),
        ("disk I/O error", "takes nothing: the disk fails"),
        ("attempt to write a readonly database", "takes nothing: it is read-only"),
        ("cannot execute UPDATE in a read-only transaction", "takes nothing: it is read-only"),
    ],
)
async def test_a_database_that_takes_nothing_is_not_ready_and_says_why(said: str, told: str) -> None:
    parts = Parts()
    parts.store_error = StoreFailed(f"The database did not take a statement: {said}")
    async with asking(parts) as get:
        assert (await get("/readyz")).json()["ailing"] == {"store": told}


async def test_a_cloud_that_is_away_is_named_and_keeps_nobody_from_the_others() -> None:
    parts = Parts()
    parts.missing = {"prod": "does not answer (Unreachable)", "tower": ""}
    async with asking(parts) as get:
        answer = await get("/readyz")
        assert (answer.status_code, answer.json()) == (
            200,
            {"ready": True, "ailing": {"cloud prod": "does not answer (Unreachable)"}},
        )
        told = (await get("/metrics")).text
        assert 'muster_up{part="cloud prod"} 0.0' in told
        assert 'muster_up{part="cloud tower"} 1.0' in told


async def test_an_incident_channel_that_takes_nothing_is_named_and_is_no_reason_not_to_be_ready() -> None:
    parts = Parts()
    async with asking(parts) as get:
        assert 'muster_up{part="incident channel"} 1.0' in (await get("/metrics")).text
        parts.unheard = "takes nothing (Slack: is_archived)"
        answer = await get("/readyz")
        assert (answer.status_code, answer.json()["ailing"]) == (200, {"incident channel": parts.unheard})
        assert 'muster_up{part="incident channel"} 0.0' in (await get("/metrics")).text


async def test_a_process_that_should_be_replaced_says_why() -> None:
    parts = Parts()
    parts.why = "Nothing has been heard from Slack for 601 s"
    async with asking(parts) as get:
        answer = await get("/healthz")
        assert (answer.status_code, answer.json()) == (503, {"alive": False, "why": parts.why})


async def test_a_probe_that_hangs_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    parts = Parts()
    parts.hangs = True
    async with asking(parts) as get:
        answer = await get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["ailing"] == {"store": "gives no answer within 0.05 s"}
        assert 'muster_up{part="store"} 0.0' in (await get("/metrics")).text


async def test_nobody_waits_for_a_database_that_hangs_in_the_middle_of_a_statement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "PROBE_SECONDS", 0.05)
    parts = Frozen()
    async with asking(parts) as get:
        for _ in range(2):
            async with asyncio.timeout(10):
                answer = await get("/readyz")
            assert answer.json()["ailing"] == {"store": "gives no answer within 0.05 s"}
        assert 'muster_up{part="store"} 0.0' in (await get("/metrics")).text
        assert parts.asked == 2, "once for the row, once for the counts: no queue of them grows"
        parts.thaws.set()
        await asyncio.sleep(0)
        assert (await get("/readyz")).json()["ailing"] == {"store": "does not answer"}


async def test_metrics_are_read_by_prometheus_own_parser() -> None:
    async with asking(Parts()) as get:
        answer = await get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert samples["muster_operations", "running"] == 2
    assert samples["muster_operations", "needs attention"] == 1
    assert samples["muster_steps", "in flight"] == 7
    assert samples[("muster_outbox_waiting",)] == 3
    assert samples[("muster_outbox_oldest_seconds",)] == 41
    assert samples["muster_up", "slack"] == 1
    assert not any("something" in part for sample in samples for part in sample)


async def test_what_could_not_be_counted_is_absent_and_not_zero() -> None:
    parts = Parts()
    parts.store_error = OSError("gone")
    async with asking(parts) as get:
        answer = await get("/metrics")
    assert answer.status_code == 200
    assert 'muster_up{part="store"} 0.0' in answer.text
    assert "muster_operations" not in answer.text


async def test_an_address_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    async with asking(Parts()) as get:
        port = (await get("/healthz")).url.port
        assert port
        app = health.build(Parts().probes())
        with pytest.raises(OSError, match="address already in use"):
            async with http_server.serve(app, "127.0.0.1", port):
                raise AssertionError("it must not be served")
