"""Ways to empty a dead host, each told when to begin: what people use, the barest paced client, that one when it names
the targets by turns (the least a client can ask of the cloud), and Muster."""

import asyncio
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.openstack.cloud import Cloud
from tests.openstack.lab.client import Client
from tests.openstack.lab.settings import PASSWORD, REGION, LabError, Settings
from tests.stories.stage import ALICE, BOB, OPS, staged

IN_FLIGHT = 10  #: of the bare clients
BARE_POLL_SECONDS = 0.5
LONGEST_SECONDS = 600.0

Way = Callable[[Settings, Cloud, str, int], float]
"""Empties a host of so many servers; answers when it was told to begin, on the machine's clock."""


def host_evacuate(settings: Settings, cloud: Cloud, host: str, count: int) -> float:
    """`nova host-evacuate`, the loop people use: it fires one call after the other and waits for none of them."""
    began = time.time()
    account = {
        "OS_AUTH_URL": settings.auth_url,
        "OS_USERNAME": "admin",
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": REGION,
        "OS_COMPUTE_API_VERSION": "2.94",  # later ones leave the servers stopped
    }
    done = subprocess.run(
        [settings.tool("nova"), "host-evacuate", host],
        env=settings.environment(**account),
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    if done.returncode or done.stdout.count("True") < count:
        raise LabError(f"nova host-evacuate: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return began


def bare(settings: Settings, cloud: Cloud, host: str, count: int) -> float:
    """So many in flight until their migration records are done; no checks, no memory, nobody asked."""
    return _paced(settings, cloud, host, count, turns=cycle([{}]))


def barest(settings: Settings, cloud: Cloud, host: str, count: int) -> float:
    """The same, but the targets are named by turns, which spares the cloud work and wants no look at anything."""
    others = sorted(name for name in cloud.computes if name != host)
    return _paced(settings, cloud, host, count, turns=cycle([{"host": name} for name in others]))


def _paced(settings: Settings, cloud: Cloud, host: str, count: int, *, turns: Iterator[dict[str, str]]) -> float:
    began = time.time()
    client = Client(settings)
    waiting = [each["id"] for each in cloud.servers(on=host)]
    asked: dict[str, Future[None]] = {}
    end = time.monotonic() + LONGEST_SECONDS
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        while True:
            records = cloud.migrations(host)
            if bad := [each for each in records if each["status"] in {"error", "failed"}]:
                raise LabError(f"{len(bad)} evacuations from {host} ended badly: {bad[0]}")
            done = {each["instance_uuid"] for each in records if each["status"] == "done"}
            if len(done) >= count:
                return began
            if time.monotonic() > end:
                raise LabError(f"{len(done)} of {count} were evacuated within {LONGEST_SECONDS:.0f} s")
            while waiting and len(asked) - len(done) < IN_FLIGHT:
                server = waiting.pop(0)
                asked[server] = pool.submit(client.act, server, "evacuate", next(turns))
            for call in asked.values():
                if call.done():
                    call.result()
            time.sleep(BARE_POLL_SECONDS)


def muster(settings: Settings, cloud: Cloud, host: str, count: int) -> float:
    """The whole bot, as a process of its own, with its default pace; told to begin by a click on Approve."""

    async def from_slack() -> float:
        with TemporaryDirectory() as folder:
            async with staged(Path(folder), auth_url=settings.auth_url, password=PASSWORD) as stage:
                text = stage.config.read_text()  # the demo's looks are quicker than the product's default
                text = text.replace('poll = "1s"\napi_timeout = "5s"\n', "")
                stage.config.write_text(text.partition('\n[[clouds]]\nname = "tower"')[0])  # nobody else has a second
                await stage.start_bot()
                await stage.workspace.type_command(ALICE, OPS, f"/evacuate prod/{host}")
                await stage.card_says("Waiting for approval", seconds=120)
                began = time.time()
                await stage.workspace.click(BOB, stage.card, label="Approve")
                await stage.card_says(f"{count} of {count} done and verified", seconds=LONGEST_SECONDS)
                return began

    return asyncio.run(from_slack())


CLIENTS: dict[str, Way] = {
    "nova host-evacuate": host_evacuate,
    "bare client": bare,
    "bare client, targets by turns": barest,
    "Muster": muster,
}
