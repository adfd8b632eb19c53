"""A BMC that nobody here wrote: the emulator of `sushy-tools` with its fake driver, run on loopback."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import bcrypt

from tests.ports import free_port
from tests.stories.stage import Stage

SYSTEM = "27946b59-9e44-4fa7-8e91-f3527a1ef094"
USERNAME, PASSWORD = "operator", "password-of-the-bmc"


@dataclass
class Emulator:
    """One that runs, with one machine."""

    url: str  #: of the machine
    session: aiohttp.ClientSession
    log: Path

    async def power(self) -> str:
        """What it says itself."""
        async with self.session.get(self.url) as answer:
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["PowerState"])

    async def switch_on(self) -> None:
        """Somebody powers it on after its repair."""
        action = f"{self.url}/Actions/ComputerSystem.Reset"
        async with self.session.post(action, json={"ResetType": "On"}) as answer:
            assert answer.status == 204, await answer.text()

    def resets(self) -> int:
        """How often it was asked to switch the power."""
        return self.log.read_text().count("POST /redfish/")

    def readings_since(self) -> int:
        """How often its power was read after it was first asked to switch it."""
        return self.log.read_text().partition("POST /redfish/")[2].count(f"GET /redfish/v1/Systems/{SYSTEM} ")


def put_in_charge(stage: Stage, url: str, *, host: str, password: str = PASSWORD, fence: bool = False) -> None:
    """Give the power of a host of `prod` into the hands of a BMC, in the settings of a bot that has not started yet.

    Args:
        stage: the bot's.
        url: of the machine.
        host: its name in Nova.
        password: that the bot knows.
        fence: whether the bot may power hosts off.
    """
    entry = f'"{host}" = {{ url = "{url}", username = "{USERNAME}", password_env = "REAL_BMC" }}'
    text = re.sub(f'^"{host}" = .*$', entry, stage.config.read_text(), flags=re.MULTILINE)
    if fence:
        text = text.replace("[clouds.fencing.redfish]", "[clouds.fencing]\nfence = true\n[clouds.fencing.redfish]")
    stage.config.write_text(text)
    stage.env["REAL_BMC"] = password


@asynccontextmanager
async def running(folder: Path, *, power: str) -> AsyncIterator[Emulator]:
    """Run it.

    Args:
        folder: for its configuration, state and log.
        power: of its machine: "On" or "Off".
    """
    port = free_port()
    users = folder / "bmc-users"
    users.write_text(f"{USERNAME}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    config = folder / "bmc.conf"
    machine = {"uuid": SYSTEM, "name": "node", "power_state": power, "nics": []}
    config.write_text(
        f"SUSHY_EMULATOR_AUTH_FILE = {str(users)!r}\n"
        f"SUSHY_EMULATOR_STATE_DIR = {str(folder)!r}\n"
        f"SUSHY_EMULATOR_FAKE_SYSTEMS = [{machine!r}]\n"
    )
    log = folder / "bmc.log"
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("sushy-emulator")),
            *("--fake", "--config", str(config), "--interface", "127.0.0.1", "--port", str(port)),
            stdout=output,
            stderr=output,
        )
    try:
        headers = {"Authorization": aiohttp.encode_basic_auth(USERNAME, PASSWORD)}
        async with aiohttp.ClientSession(headers=headers) as session:
            root = f"http://127.0.0.1:{port}/redfish/v1"
            await _until_ready(session, root, process, log)
            yield Emulator(url=f"{root}/Systems/{SYSTEM}", session=session, log=log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _until_ready(
    session: aiohttp.ClientSession, root: str, process: asyncio.subprocess.Process, log: Path
) -> None:
    async with asyncio.timeout(60):
        while process.returncode is None:
            try:
                async with session.get(root) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError(f"the emulator ended at once:\n{(await asyncio.to_thread(log.read_text))[-2000:]}")
