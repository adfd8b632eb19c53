"""A real Alertmanager, as Debian packages it, run on loopback."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.ports import free_port

PACKAGE = "prometheus-alertmanager"
_CONFIG = """\
route:
  receiver: muster
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 1h
receivers:
  - name: muster
    webhook_configs:
      - url: {url}
        send_resolved: true
        http_config:
          authorization: {{type: Bearer, credentials: {token}}}
"""


def program() -> Path:
    """The program, from the system's package archive when it is not installed yet.

    Raises:
        RuntimeError: it could not be had; says why, and what to do.
    """
    apt = ["apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=300"]
    install = [*apt, "install", "--no-install-recommends", PACKAGE]
    why = ""
    for command in (install, [*apt, "update"], install):
        if shutil.which(PACKAGE):
            break
        why = _run(command)
    if installed := shutil.which(PACKAGE):
        return Path(installed)
    raise RuntimeError(f"These tests need a real Alertmanager. As root: apt-get install {PACKAGE}. {why}")


def _run(command: list[str]) -> str:
    """Run a command; what it complains of, when it fails. RUNLEVEL=1 keeps the package from starting a service."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return done.stderr.strip()[-300:] if done.returncode else ""


@dataclass
class Alertmanager:
    """One that runs."""

    url: str
    session: aiohttp.ClientSession

    async def tell(self, labels: Mapping[str, str], *, summary: str, is_over: bool = False) -> None:
        """Have an alert fire, or end, as Prometheus does."""
        now = datetime.now(UTC)
        alert: dict[str, Any] = {"labels": dict(labels), "annotations": {"summary": summary}}
        if is_over:
            alert["endsAt"] = now.isoformat()
        async with self.session.post(f"{self.url}/api/v2/alerts", json=[alert]) as answer:
            assert answer.status == 200, await answer.text()


@asynccontextmanager
async def running(binary: Path, folder: Path, *, webhook: str, token: str) -> AsyncIterator[Alertmanager]:
    """Run it, telling whatever fires to a webhook."""
    config = folder / "alertmanager.yml"
    config.write_text(_CONFIG.format(url=webhook, token=token))
    port = free_port()
    log = (folder / "alertmanager.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        str(binary),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        stdout=log,
        stderr=log,
    )
    try:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}"
            await _until_ready(session, url, process, folder / "alertmanager.log")
            yield Alertmanager(url=url, session=session)
    finally:
        log.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_ready(
    session: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process, log: Path
) -> None:
    async with asyncio.timeout(30):
        while process.returncode is None:
            try:
                async with session.get(f"{url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError(f"Alertmanager ended at once:\n{(await asyncio.to_thread(log.read_text))[-2000:]}")
