"""Live, ready and measured: `/healthz`, `/readyz` and `/metrics` over HTTP.

The probes are callables, so that this room knows neither the store nor the worker. Other doors that answer HTTP
(webhooks, Slack in http mode) add their routes to the same application.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Generic, TypeVar

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector

from bot.domain.heartbeats import Heartbeats
from bot.domain.ports import StoreFailed
from bot.runtime.log import logger, stumbled

log = logger(__name__)
T = TypeVar("T")

PROBE_SECONDS = 2.0
"""How long a probe may take before it counts as failed; below the time-out of common orchestrators."""

LARGEST_REQUEST = 1024 * 1024
"""Bytes. Slack and Alertmanager send less; more is refused with 413."""

_GAUGES = {
    "operations": ("muster_operations", "Operations stored, by state.", "state"),
    "steps": ("muster_steps", "Steps of operations that are not over, by state.", "state"),
    "outbox": ("muster_outbox_waiting", "News that Slack has not taken yet.", None),
    "outbox_oldest_seconds": ("muster_outbox_oldest_seconds", "Age of the oldest news that Slack has not taken.", None),
}


class StoreQuestion(Generic[T]):
    """A question of the database, for whose answer nobody waits long, and that is not asked twice at a time.

    A statement is not given up in its middle: a database that hangs would hold up whoever waits for that.
    """

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._asked: asyncio.Future[T] | None = None

    async def answer(self) -> T:
        """The answer, or the error that it was.

        Raises:
            TimeoutError: there is none yet.
        """
        if self._asked is None or self._asked.done():
            self._asked = asyncio.ensure_future(self._ask())
            self._asked.add_done_callback(_heard)
        answered, _ = await asyncio.wait({self._asked}, timeout=PROBE_SECONDS)
        if not answered:
            raise TimeoutError
        return await self._asked


def _heard(asked: asyncio.Future[T]) -> None:
    """An error that comes too late is heard by nobody, and no surprise."""
    if not asked.cancelled():
        asked.exception()


@dataclass(kw_only=True)
class Probes:
    """How to find out whether each part of the bot works."""

    store: Callable[[], Awaitable[None]]  #: writes something; raises when that cannot be done
    slack: Callable[[], str]  #: why Slack cannot reach us now; empty when it can
    heartbeats: Heartbeats  #: of the worker, its operations, the board and the ticks
    counts: Callable[[], Awaitable[Mapping[str, int]]]
    """By "operations.<state>", "steps.<state>", "outbox" (how many wait) and "outbox_oldest_seconds"."""
    clouds: Callable[[], Mapping[str, str]] = dict
    """By name, why a cloud cannot be reached now; empty when it can. Told, and no reason not to be ready."""
    incident_channel: Callable[[], str] = str
    """Why it hears nothing; empty when it does, as far as this process knows. Told likewise."""

    def __post_init__(self) -> None:
        self._storing, self._counting = StoreQuestion(self.store), StoreQuestion(self.counts)

    async def counted(self) -> Mapping[str, int] | None:
        """How much there is of what; None where that cannot be told."""
        try:
            return await self._counting.answer()
        except TimeoutError:
            return None
        except Exception as error:  # noqa: BLE001  # metrics must say "down", not fail
            stumbled(log, "operations could not be counted", error)
            return None

    async def ailing(self) -> Mapping[str, str]:
        """What keeps the bot from working: the part and a sentence. Empty when it is ready."""
        found = {"store": await self._store(), "slack": self.slack(), "worker": self._worker()}
        return {part: sentence for part, sentence in found.items() if sentence} | {**self.heartbeats.hanging()}

    async def working(self) -> Mapping[str, bool]:
        """Each part, and whether it works; operations are one part, as their ids are without end."""
        ailing = await self.ailing()
        parts = {"store", "slack", "worker", *self.heartbeats.parts}
        operations = {part for part in parts if part.startswith("operation ")}
        works = {part: part not in ailing for part in sorted(parts - operations)}
        neighbours = {name: not sentence for name, sentence in self._neighbours().items()}
        return works | {"operations": not operations & ailing.keys()} | neighbours

    def missing(self) -> Mapping[str, str]:
        """The clouds that cannot be reached, as `cloud NAME`, and the incident channel; others are served.

        None of it is a reason not to be ready.
        """
        return {name: sentence for name, sentence in self._neighbours().items() if sentence}

    def _neighbours(self) -> Mapping[str, str]:
        clouds = {f"cloud {name}": sentence for name, sentence in self.clouds().items()}
        return clouds | {"incident channel": self.incident_channel()}

    async def _store(self) -> str:
        try:
            await self._storing.answer()
        except TimeoutError:
            return f"gives no answer within {PROBE_SECONDS:g} s"
        except Exception as error:  # noqa: BLE001  # whatever a store's driver raises means: not ready
            stumbled(log, "the store does not answer", error)
            return _why(error)
        return ""

    def _worker(self) -> str:
        return "" if "worker" in self.heartbeats.parts else "has not started"


def _why(error: Exception) -> str:
    """Why a store does not take a row, in words that give away nothing of where it is."""
    said = str(error).lower()
    if "disk is full" in said or "no space left" in said:
        return "takes nothing: the disk is full"
    if "disk i/o error" in said:
        return "takes nothing: the disk fails"
    if "readonly" in said or "read-only" in said:
        return "takes nothing: it is read-only"
    if "is not open" in said:
        return "cannot be reached"
    return "does not answer" if isinstance(error, StoreFailed) else f"does not answer ({type(error).__name__})"


def build(probes: Probes, *, sick: Callable[[], str] = str) -> web.Application:
    """The application that tells how the bot is.

    Args:
        probes: how to find out.
        sick: why this process should be replaced by a new one; empty as long as it should not.
    """

    async def healthz(_request: web.Request) -> web.Response:
        why = sick()
        return web.json_response({"alive": not why} | ({"why": why} if why else {}), status=503 if why else 200)

    async def readyz(_request: web.Request) -> web.Response:
        ailing = await probes.ailing()
        told = {"ready": not ailing, "ailing": {**ailing, **probes.missing()}}
        return web.json_response(told, status=503 if ailing else 200)

    async def metrics(_request: web.Request) -> web.Response:
        registry = CollectorRegistry()
        registry.register(_Reading(*await asyncio.gather(probes.counted(), probes.working())))
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = web.Application(client_max_size=LARGEST_REQUEST)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app


class _Reading(Collector):
    """One reading of the counts and probes as Prometheus gauges."""

    def __init__(self, counts: Mapping[str, int] | None, up: Mapping[str, bool]) -> None:
        self._counts = counts
        self._up = up

    def collect(self) -> Iterator[Metric]:
        """The gauges; a count that could not be read is absent, never 0."""
        up = GaugeMetricFamily("muster_up", "Whether a part of the bot works.", labels=["part"])
        for part, is_up in self._up.items():
            up.add_metric([part], int(is_up))
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
