"""`.ci/run`, played with parts that only say that they run: whatever ends it, nothing that it started goes on."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PART = """#!/bin/sh
# Ends at once, but for the last parts, which wait with a child of their own until they are ended.
case "$*" in
  *test-openstack*|*test-demo*) echo "$*" >&3; sh -c 'trap "" TERM; echo $$ >&3; exec sleep 600'; exit 1;;
esac
"""

IN_THE_BACKGROUND = "trap '' INT;"
"""As a shell starts what it is told to start in the background."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project whose parts are played."""
    for path in ("bin/make", ".venv/bin/python"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(PART)
        (tmp_path / path).chmod(0o755)
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    return tmp_path


def with_parts(folder: Path) -> dict[str, str]:
    return os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}


@pytest.fixture
def running(folder: Path, request: pytest.FixtureRequest) -> Iterator[tuple[subprocess.Popen[bytes], Sequence[int]]]:
    """The script while its two last parts run, and the processes that these started; its parameter goes before it."""
    told, tells = os.pipe()
    with os.fdopen(told) as lines:
        script = subprocess.Popen(
            ["env", "--default-signal=INT", "bash", "-c", f"exec 3>&{tells}; {request.param} exec bash .ci/run"],
            cwd=folder,
            env=with_parts(folder),
            pass_fds=[tells],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(tells)
        children: list[int] = []
        while len(children) < 2:
            line = lines.readline()
            assert line, "the script ended early"
            children += [int(line)] if line.strip().isdigit() else []
        yield script, children
        script.kill()
        for child in filter(alive, children):
            os.kill(child, signal.SIGKILL)
        script.wait(60)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("number", "running"),
    [(signal.SIGTERM, ""), (signal.SIGTERM, IN_THE_BACKGROUND), (signal.SIGHUP, ""), (signal.SIGINT, "")],
    indirect=["running"],
)
def test_a_run_that_is_ended_takes_along_what_runs_beside(
    number: signal.Signals, running: tuple[subprocess.Popen[bytes], Sequence[int]]
) -> None:
    script, children = running
    assert all(map(alive, children))
    script.send_signal(number)
    assert script.wait(60) == 128 + number
    assert not any(map(alive, children))


def test_a_part_that_fails_beside_the_others_fails_the_run_and_is_shown(folder: Path) -> None:
    (folder / "bin" / "make").write_text('#!/bin/sh\ncase "$*" in *test-demo*) echo no page; exit 3;; esac')
    done = subprocess.run(
        ["bash", ".ci/run"],
        cwd=folder,
        env=with_parts(folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert "no page" in done.stdout
    assert "all passed" not in done.stdout
