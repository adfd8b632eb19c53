"""The image that the Dockerfile makes: built, asked for its version, and run through an evacuation as it is deployed."""

import asyncio
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from tests.image import base
from tests.image.buildah import Buildah
from tests.ports import free_port
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

pytestmark = pytest.mark.timeout(2 * base.SECONDS)  # the first test waits for the base and the build

ROOT = Path(__file__).parents[2]
IMAGE, VERSION = "localhost/muster", "7.8.9"
OF_THE_CACHE = Path("~/.cache/uv").expanduser()
SETTINGS = Path("/etc/muster")
HAS = "import sys, importlib.util as i; print([name for name in sys.argv[1:] if i.find_spec(name)])"

AUTHORITIES = "import os, ssl; print(len(os.listdir(ssl.get_default_verify_paths().capath)) > 100)"


@pytest.fixture(scope="session")
def buildah() -> Buildah:
    """A store that holds the image, built of the working tree as it is, and nothing of an earlier run but the base."""
    buildah = Buildah(home=ROOT / ".image")
    buildah.call("rm", "--all")
    if buildah.has(IMAGE):
        buildah.call("rmi", IMAGE)
        buildah.call("rmi", "--prune")
    base.ensure(buildah, ROOT / "Dockerfile")
    OF_THE_CACHE.mkdir(parents=True, exist_ok=True)
    volumes = {OF_THE_CACHE: "/root/.cache/uv"}
    buildah.build(ROOT, image=IMAGE, arguments={"VERSION": VERSION}, volumes=volumes)
    return buildah


@pytest.fixture(scope="session")
def container(buildah: Buildah) -> Iterator[str]:
    """One that all tests share: they write nothing, and a copy takes seconds."""
    name = buildah.call("from", "--pull-never", IMAGE)
    yield name
    buildah.call("rm", name)


def run(buildah: Buildah, container: str, *words: str, settings: Path | None = None) -> tuple[int, str, str]:
    """A program's exit code and what it said, run as the image is: by its user, where nothing but its volume can be written."""
    volumes = {settings: str(SETTINGS)} if settings else {}
    user = buildah.config(IMAGE)["User"]
    line = buildah.line_in(container, words, user=user, env={}, volumes=volumes)
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


def readable(folder: Path) -> Path:
    """Let the image's user read a folder of settings."""
    for each in (folder, *folder.iterdir()):
        each.chmod(0o755 if each.is_dir() else 0o644)
    return folder


def test_it_is_run_by_a_user_without_rights_who_writes_nothing_but_the_volume(buildah: Buildah, container: str) -> None:
    said = "id -un; grep CapBnd /proc/self/status; touch /var/lib/muster/here; touch /opt/muster/x /var/x /x"
    code, out, complaints = run(buildah, container, "sh", "-c", said)
    assert (code, out) == (1, "muster\nCapBnd:\t0000000000000000\n")
    assert [line for line in complaints.splitlines() if "/var/lib/muster" in line] == []
    assert complaints.count("Read-only file system") == 3


def test_it_says_the_version_that_it_was_given(buildah: Buildah, container: str) -> None:
    assert run(buildah, container, "muster", "version") == (0, f"muster {VERSION}\n", "")


def test_it_holds_nothing_of_the_demo_nor_of_developers(buildah: Buildah, container: str) -> None:
    has = run(buildah, container, "python", "-c", HAS, "bot", "jsonschema", "pip", "uv", "pytest", "playwright")
    assert has == (0, "['bot']\n", "")
    code, _, complaint = run(buildah, container, "muster", "demo", "--no-browser")
    assert code == 1
    assert complaint.startswith("muster: The demo needs the package jsonschema")


def test_it_knows_the_authorities_that_vouch_for_slack_and_clouds(buildah: Buildah, container: str) -> None:
    without_the_machines = ("env", "-u", "SSL_CERT_FILE")
    known = run(buildah, container, *without_the_machines, "python", "-c", AUTHORITIES)
    assert known == (0, "True\n", "")


def test_settings_that_cannot_be_used_are_told_line_by_line(buildah: Buildah, container: str, tmp_path: Path) -> None:
    (tmp_path / "muster.toml").write_text("[slak]\n")
    words = ("muster", "check", "--config", f"{SETTINGS}/muster.toml")
    code, out, complaint = run(buildah, container, *words, settings=readable(tmp_path))
    assert (code, out) == (2, "")
    assert "✗ slak: is not a key known here." in complaint
    assert "✗ SLACK_BOT_TOKEN: is not set." in complaint
    assert "Traceback" not in complaint


@pytest.fixture
async def stage(buildah: Buildah, container: str, tmp_path: Path) -> AsyncIterator[tuple[Stage, int]]:
    """The bot of the image, connected to the emulated Slack, and the port of its health."""
    port = free_port()
    async with staged(tmp_path) as stage:
        text = stage.config.read_text().replace('listen = "127.0.0.1:0"', f'listen = "127.0.0.1:{port}"')
        text = re.sub(r'url = "sqlite:.*"', 'url = "sqlite:///muster.db"', text)
        stage.config.write_text(text.replace(str(tmp_path), str(SETTINGS)))
        config = buildah.config(IMAGE)
        line = buildah.line_in(
            container,
            [*config["Entrypoint"], *config["Cmd"]],
            user=config["User"],
            env=stage.env,
            volumes={readable(tmp_path): str(SETTINGS)},
        )
        with (tmp_path / "muster.log").open("wb") as log:
            stage.process = await asyncio.create_subprocess_exec(*line, stdout=log, stderr=log)
        await stage.until(lambda: stage.served.sockets.connections, what="the bot connects to Slack")
        yield stage, port


async def test_it_evacuates_a_host_and_is_well(buildah: Buildah, container: str, stage: tuple[Stage, int]) -> None:
    evening, port = stage
    kind, *healthcheck = buildah.config(IMAGE)["Healthcheck"]["Test"]
    assert kind == "CMD"
    words: Sequence[str] = [word.replace(":3000", f":{port}") for word in healthcheck]
    assert words != healthcheck
    assert await asyncio.to_thread(run, buildah, container, *words) == (0, "", "")
    await evening.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await evening.card_says("Waiting for approval")
    await evening.workspace.click(BOB, evening.card, label="Approve")
    await evening.card_says("12 of 12 done and verified")
    assert evening.process is not None
    os.kill(program(evening.process.pid), signal.SIGTERM)
    assert await evening.process.wait() == 0, evening.log()


def program(pid: int) -> int:
    """What a `buildah run` runs at the end of its own processes; it hands on no signal but SIGKILL."""
    while children := [int(one) for thread in Path(f"/proc/{pid}/task").iterdir() for one in told(thread)]:
        (pid,) = children
    return pid


def told(thread: Path) -> Sequence[str]:
    return (thread / "children").read_text().split()
