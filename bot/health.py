"""Live, ready and measured: `/healthz`, `/readyz` and `/metrics` over HTTP.

The probes are callables, so that this room knows neither the store nor the worker. Other doors that answer HTTP
(webhooks, Slack in http mode) add their routes to the same application.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import metadata

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from bot.domain.ports import Clock

log = structlog.get_logger(__name__)

PROBE_SECONDS = 2.0
"""How long a probe may take before it counts as failed; below the time-out of common orchestrators."""

OLDEST_BEAT = timedelta(seconds=30)
"""A worker that has not come round for longer than this hangs."""

LARGEST_REQUEST = 1024 * 1024
"""Bytes. Slack and Alertmanager send less; more is refused with 413."""

_GAUGES = {
    "operations": ("muster_operations", "Operations stored, by state.", "state"),
    "steps": ("muster_steps", "Steps of operations that are not over, by state.", "state"),
    "outbox": ("muster_outbox_waiting", "News that Slack has not taken yet.", None),
    "outbox_oldest_seconds": ("muster_outbox_oldest_seconds", "Age of the oldest news that Slack has not taken.", None),
}


@dataclass(frozen=True, kw_only=True)
class Probes:
    """How to find out whether each part of the bot works."""

    store: Callable[[], Awaitable[None]]
    slack: Callable[[], Awaitable[bool]]
    worker_beat: Callable[[], datetime | None]
    counts: Callable[[], Awaitable[Mapping[str, int]]]
    clock: Clock

    async def ailing(self) -> Mapping[str, str]:
        """What keeps the bot from working: the part and a sentence. Empty when it is ready."""
        store, slack = await asyncio.gather(self._store(), self._slack())
        found = {"store": store, "slack": slack, "worker": self._worker()}
        return {part: sentence for part, sentence in found.items() if sentence}

    async def _store(self) -> str:
        try:
            await asyncio.wait_for(self.store(), PROBE_SECONDS)
        except TimeoutError:
            return f"no answer within {PROBE_SECONDS:g} s"
        except Exception as error:  # noqa: BLE001  # whatever a store's driver raises means: not ready
            log.warning("the store does not answer", error=str(error))
            return f"does not answer ({type(error).__name__})"
        return ""

    async def _slack(self) -> str:
        try:
            connected = await asyncio.wait_for(self.slack(), PROBE_SECONDS)
        except TimeoutError:
            return f"no answer within {PROBE_SECONDS:g} s"
        except Exception as error:  # noqa: BLE001  # whatever Slack's client raises means: not ready
            log.warning("the state of the Slack connection is not known", error=str(error))
            return f"state not known ({type(error).__name__})"
        return "" if connected else "not connected"

    def _worker(self) -> str:
        beat = self.worker_beat()
        if beat is None:
            return "has not started"
        age = self.clock.now() - beat
        return f"last seen {age.total_seconds():.0f} s ago" if age > OLDEST_BEAT else ""


def build(
    *,
    store: Callable[[], Awaitable[None]],
    slack: Callable[[], Awaitable[bool]],
    worker_beat: Callable[[], datetime | None],
    clock: Clock,
    counts: Callable[[], Awaitable[Mapping[str, int]]],
) -> web.Application:
    """The application that tells how the bot is.

    Args:
        store: asks the database for an answer; raises when there is none.
        slack: whether Slack can reach us now.
        worker_beat: when the worker last came round; None before its first time.
        clock: to tell the beat's age.
        counts: by "operations.<state>", "steps.<state>", "outbox" (how many wait) and "outbox_oldest_seconds".
    """
    probes = Probes(store=store, slack=slack, worker_beat=worker_beat, counts=counts, clock=clock)

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(_request: web.Request) -> web.Response:
        ailing = await probes.ailing()
        return web.json_response({"ready": not ailing, "ailing": ailing}, status=503 if ailing else 200)

    async def metrics(_request: web.Request) -> web.Response:
        ailing = await probes.ailing()
        registry = CollectorRegistry()
        registry.register(_Reading(await _counted(probes), ailing))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = web.Application(client_max_size=LARGEST_REQUEST)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


@asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve an application while the context lasts; gives the port, which matters when 0 was asked for.

    Raises:
        OSError: the address is taken or not ours.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _counted(probes: Probes) -> Mapping[str, int] | None:
    try:
        return await asyncio.wait_for(probes.counts(), PROBE_SECONDS)
    except Exception as error:  # noqa: BLE001  # metrics must say "down", not fail
        log.warning("operations could not be counted", error=str(error))
        return None


class _Reading(Collector):
    """One reading of the counts and probes as Prometheus gauges."""

    def __init__(self, counts: Mapping[str, int] | None, ailing: Mapping[str, str]) -> None:
        self._counts = counts
        self._ailing = ailing

    def collect(self) -> Iterator[Metric]:
        """The gauges; a count that could not be read is absent, never 0."""
        up = GaugeMetricFamily("muster_up", "Whether a part of the bot works.", labels=["part"])
        for part in ("store", "slack", "worker"):
            up.add_metric([part], 0 if part in self._ailing else 1)
        yield up
        build_info = GaugeMetricFamily("muster_build_info", "The release that runs.", labels=["version"])
        build_info.add_metric([metadata.version("muster")], 1)
        yield build_info
        if self._counts is None:
            return
        for prefix, (name, words, label) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, words, labels=[label] if label else [])
            for key, value in sorted(self._counts.items()):
                family, _, kind = key.partition(".")
                if family == prefix:
                    gauge.add_metric([kind] if label else [], value)
            yield gauge
