"""The processes the lab started: each has a name, a log, a record on disk and its own session.

All stand in a folder of the lab's own: a server takes modules from where it stands before those of its own language, so
that a `grp.py` in the folder of whoever starts the lab would end it. The record makes them findable by the next run,
also after a crash of the one that started them. It holds the start time beside the pid, so that a recycled pid is never
taken for one of ours.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.openstack.lab.settings import LabError

GRACE_SECONDS = 10.0
ENV = "/usr/bin/env"  # becomes the program it starts: pid, session and streams stay


@dataclass(frozen=True, kw_only=True)
class Stat:
    """The few fields of /proc/<pid>/stat that identify a process."""

    pid: int
    state: str
    session: int
    started: int


def look(pid: int) -> Stat | None:
    """What the kernel knows of a process, None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return Stat(pid=pid, state=fields[0], session=int(fields[3]), started=int(fields[19]))


def command(words: Sequence[object], *, environment: Mapping[str, str], log: Path, allowed: int = 0) -> None:
    """Run a program to its end, in the folder of a log that its output is appended to.

    Args:
        words: The command line.
        environment: The whole environment of the program.
        log: The file that takes the output.
        allowed: An exit code that is no failure either.

    Raises:
        LabError: It exited with another code; the text ends with the log's tail.
    """
    line = [str(word) for word in words]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        code = subprocess.run(
            line, cwd=log.parent, env=environment, stdout=out, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code not in {0, allowed}:
        tail = log.read_text(errors="replace")[-3000:]
        raise LabError(f"`{' '.join(line)}` exited with {code}:\n{tail}")


class Processes:
    """Starts, finds and ends the long-running processes of one lab."""

    def __init__(self, run: Path) -> None:
        self._run = run

    def start(self, name: str, words: Sequence[object], environment: Mapping[str, str]) -> None:
        """Start a process in a session of its own; nothing happens when it runs already."""
        if self.pid(name):
            return
        self._run.mkdir(parents=True, exist_ok=True)
        line = [str(word) for word in words]
        program = shutil.which(line[0], path=environment["PATH"])
        if program is None:
            raise LabError(f"{line[0]} is not installed: run `install` first")
        log = (str(self.log(name)), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        pid = os.posix_spawn(
            ENV,
            [ENV, f"--chdir={self._run}", program, *line[1:]],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, *log),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                *((os.POSIX_SPAWN_CLOSE, fd) for fd in _handed_on()),
            ],
            setsid=True,
        )
        born = look(pid)
        self._record(name).write_text(f"{pid} {born.started if born else 0}")

    def pid(self, name: str) -> int | None:
        """The process, if it is alive and still the one that was started under this name."""
        recorded = self._recorded(name)
        if recorded is None:
            return None
        seen = look(recorded[0])
        same = seen is not None and seen.started == recorded[1] and seen.state != "Z"
        return recorded[0] if same else None

    def names(self) -> list[str]:
        """Every process with a record, dead ones too."""
        return sorted(path.stem for path in self._run.glob("*.pid"))

    def dead(self) -> list[str]:
        """Processes that have a record but do not run."""
        return [name for name in self.names() if not self.pid(name)]

    def log(self, name: str) -> Path:
        """Where the process writes."""
        return self._run / f"{name}.log"

    def stop(self, name: str) -> None:
        """Ask a process to end (SIGTERM), then end whatever is left of its session."""
        if pid := self.pid(name):
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + GRACE_SECONDS
            while self.pid(name) and time.monotonic() < end:
                _reap(pid)
                time.sleep(0.05)
        self.kill(name)

    def kill(self, name: str) -> None:
        """End a process and its children at once (SIGKILL); no trace of it is left."""
        while members := self._session(name):
            _signal(members, signal.SIGKILL)
            for pid in members:
                _reap(pid)
            time.sleep(0.02)
        self._record(name).unlink(missing_ok=True)

    def freeze(self, name: str) -> None:
        """Halt a process as a hung host would be halted (SIGSTOP)."""
        _signal(self._session(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let a frozen process go on."""
        _signal(self._session(name), signal.SIGCONT)

    def kill_all(self) -> int:
        """End everything this lab has ever recorded; returns how many records there were."""
        names = self.names()
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(self.kill, names))
        return len(names)

    def memory(self, name: str) -> int:
        """Proportional memory of a process and its children, in KiB."""
        total = 0
        for pid in self._session(name):
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            total += sum(int(ln.split()[1]) for ln in text.splitlines() if ln.startswith("Pss:"))
        return total

    def _record(self, name: str) -> Path:
        return self._run / f"{name}.pid"

    def _recorded(self, name: str) -> tuple[int, int] | None:
        try:
            pid, started = self._record(name).read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid), int(started)

    def _session(self, name: str) -> list[int]:
        """Living members of the session that the named process leads or led."""
        recorded = self._recorded(name)
        if recorded is None:
            return []
        leader, started = recorded
        seen = look(leader)
        if seen and seen.started != started:
            return []  # the pid was given to somebody else, which needs the session to be empty
        every = (look(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit())
        return [p.pid for p in every if p and p.session == leader and p.state != "Z"]


def _handed_on() -> list[int]:
    """What a child would inherit from us beside its three streams: a lock or a pipe of whoever started this run."""
    return [fd for fd in (int(each.name) for each in Path("/proc/self/fd").iterdir()) if fd > 2 and _is_inheritable(fd)]


def _is_inheritable(fd: int) -> bool:
    try:
        return os.get_inheritable(fd)
    except OSError:  # the one that listed them, closed by now
        return False


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return  # not our child: another run started it, or it is a grandchild
