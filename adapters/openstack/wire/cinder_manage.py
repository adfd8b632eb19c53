"""Runs `cinder-manage`, which has no REST call: on this machine, or on a controller (`ssh`).

One run is one command, never repeated. It is made of words; here no shell is asked at all.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.openstack.wire.errors import clean
from bot.domain.cloud import Refused, Unreachable

LONGEST = 120.0  #: seconds that a command may take; `update_host` was measured at 3
_TAIL = 500  #: characters of what was printed: a traceback tells its cause at its end
_NOT_FOUND, _NOT_ALLOWED = 127, 126  #: what a shell answers for a command it cannot start


class CommandRunner(Protocol):
    """A way to run `cinder-manage`."""

    @property
    def command(self) -> tuple[str, ...]:
        """How `cinder-manage` is called there."""
        ...

    @property
    def where(self) -> str:
        """As people say it: "on controller-1"."""
        ...

    async def run(self, words: Sequence[str], *, doing: str) -> str:
        """Run one command to its end and answer what it printed.

        Args:
            words: all of it, the program first.
            doing: as a phrase that follows "to": "list the backups".

        Raises:
            Refused: it was not started, or it has ended with an error: nothing more of it will take effect.
            Unreachable: nobody knows what became of it.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Local:
    """On this machine."""

    command: tuple[str, ...]

    @property
    def where(self) -> str:
        """As people say it."""
        return "on Muster's own machine"

    async def run(self, words: Sequence[str], *, doing: str) -> str:
        """See `CommandRunner`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as error:
            raise _cannot_start(self.where, _NOT_FOUND, words[0], str(error), doing=doing) from error
        except OSError as error:
            raise _cannot_start(self.where, _NOT_ALLOWED, words[0], str(error), doing=doing) from error
        try:
            async with asyncio.timeout(LONGEST):
                out, err = await process.communicate()
        except TimeoutError as error:
            raise Unreachable(
                f"`{words[0]}` did not end within {LONGEST:g} s when it was to {doing}.",
                remedy="Muster looks how far it came before anything else.",
            ) from error
        finally:
            if process.returncode is None:
                process.kill()
        return judged(self.where, process.returncode, text(out), text(err), program=words[0], doing=doing)


def text(printed: bytes | str | None) -> str:
    """What a command printed, whatever encoding it takes its terminal to have."""
    return printed.decode(errors="replace") if isinstance(printed, bytes) else printed or ""


def judged(where: str, status: int | None, out: str, err: str, *, program: str, doing: str) -> str:
    """What a command printed, when it ended well. Its standard error is never empty (deprecation warnings).

    Args:
        where: it ran, as people say it.
        status: its exit code; negative or None: it was killed.
        out: what it printed.
        err: the same on its standard error.
        program: its name.
        doing: as in `CommandRunner.run`.

    Raises:
        Refused, Unreachable: as there.
    """
    if status == 0:
        return out
    raw = clean(f"exit code {status}: …{f'{out.strip()} {err.strip()}'.strip()[-_TAIL:]}")
    if status is None or status < 0:
        raise Unreachable(f"`{program}` was killed {where} while it was to {doing}.", raw=raw)
    if status in {_NOT_FOUND, _NOT_ALLOWED}:
        raise _cannot_start(where, status, program, raw, doing=doing)
    sentence, remedy = next((said for word, said in _CAUSES.items() if word in out or word in err), _UNKNOWN_CAUSE)
    raise Refused(f"`{program}` {where} failed to {doing} (exit code {status}){sentence}.", remedy=remedy, raw=raw)


def _cannot_start(where: str, status: int, program: str, raw: str, *, doing: str) -> Refused:
    what = "is not there" if status == _NOT_FOUND else "may not be run"
    return Refused(
        f"Muster cannot {doing}: `{program}` {what} {where}.",
        remedy="Correct `command` in [clouds.cinder]: the full path of cinder-manage, with sudo where it needs that.",
        raw=clean(raw),
    )


_UNKNOWN_CAUSE = ("", "Read what it printed; `muster check` tries it again.")
_CAUSES = {
    "Failed to read configuration file": (
        ": it has no configuration file",
        'Name it in `command` of [clouds.cinder]: "--config-file", "/etc/cinder/cinder.conf".',
    ),
    "Can't connect to MySQL": (": it does not reach Cinder's database", "Check the database and its network."),
    "could not connect to server": (": it does not reach Cinder's database", "Check the database and its network."),
    "Access denied for user": (
        ": Cinder's database refuses its password",
        "Run it where cinder.conf is that of Cinder.",
    ),
    "a password is required": (": sudo asks for a password", "Allow exactly this command in sudoers with NOPASSWD."),
    "Permission denied": (": it may not read a file", "Let its user read cinder.conf, or put sudo into `command`."),
}
"""What is printed, by Cinder 29, oslo.db or sudo -> what it means and what to do."""
