"""Runs `cinder-manage`, which has no REST call: on a controller over SSH, or on this machine.

One run is one command, never repeated. It is made of words; SSH carries one string, so there they are quoted
(`shlex.join`), and here no shell is asked at all. Host keys are always checked; no agent is used or forwarded.
"""

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncssh

from adapters.openstack.settings import CinderSettings
from adapters.openstack.wire.errors import clean
from bot.domain.cloud import CloudError, Refused, Unreachable

LONGEST = 120.0  #: seconds that a command may take; `update_host` was measured at 3
_CONNECT = 15.0  #: seconds to reach the controller and to log in
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
class Ssh:
    """Over SSH, as one user with one key."""

    host: str
    command: tuple[str, ...]
    user: str = ""  #: empty: the user Muster runs as
    port: int = 22
    key_file: Path | None = None  #: None: the keys in ~/.ssh
    known_hosts: Path | None = None  #: None: ~/.ssh/known_hosts

    @property
    def where(self) -> str:
        """As people say it."""
        return f"on {self.host}"

    async def run(self, words: Sequence[str], *, doing: str) -> str:
        """See `CommandRunner`."""
        try:
            connection = await asyncio.wait_for(self._connect(), _CONNECT)
        except (OSError, asyncssh.Error, ValueError) as error:  # ValueError: a key file that holds no key
            raise self._no_login(error, doing=doing) from error
        try:
            async with asyncio.timeout(LONGEST):
                ended = await connection.run(shlex.join(words), encoding=None)
        except (OSError, asyncssh.Error) as error:  # a time-out is an OSError too
            raise self._lost(doing, clean(f"{type(error).__name__}: {error}")) from error
        finally:
            connection.abort()  # a farewell would wait for a controller that may be dead
        if ended.exit_status is None:
            raise self._lost(doing, "no exit code came")
        return _judged(
            self.where, ended.exit_status, _text(ended.stdout), _text(ended.stderr), program=words[0], doing=doing
        )

    def _lost(self, doing: str, raw: str) -> Unreachable:
        return Unreachable(
            f"The connection to {self.host} was lost while it was to {doing}.",
            remedy="Muster looks how far it came before anything else.",
            raw=raw,
        )

    async def _connect(self) -> asyncssh.SSHClientConnection:
        known = self.known_hosts or Path.home() / ".ssh" / "known_hosts"
        return await asyncssh.connect(
            self.host,
            self.port,
            username=self.user or (),
            client_keys=[str(self.key_file)] if self.key_file else (),
            known_hosts=known.read_bytes(),
            agent_path=None,
            agent_forwarding=False,
            config=None,
            preferred_auth="publickey",
            keepalive_interval=15,
        )

    def _no_login(self, error: Exception, *, doing: str) -> CloudError:
        """Why there is no connection, with what is to be done about it; a key itself is never in it."""
        raw = clean(f"{type(error).__name__}: {error}")
        who = f"{self.user}@{self.host}" if self.user else self.host
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            return Refused(
                f"Muster did not {doing}: the host key of {self.host} is not the one that known_hosts has, if any.",
                remedy=f"Compare it on {self.host} itself, then enter it (`ssh-keyscan -p {self.port} {self.host}`).",
                raw=raw,
            )
        if isinstance(error, asyncssh.PermissionDenied):
            return Refused(
                f"Muster cannot {doing}: {who} refuses the login with its key.",
                remedy=f"Enter the public key into ~/.ssh/authorized_keys of that user on {self.host}.",
                raw=raw,
            )
        if isinstance(error, FileNotFoundError | PermissionError | asyncssh.KeyImportError | ValueError):
            return Refused(
                f"Muster cannot {doing}: a file that SSH needs cannot be used ({type(error).__name__}).",
                remedy="Check key_file (without a passphrase) and known_hosts in [clouds.cinder].",
                raw=clean(str(getattr(error, "filename", "") or type(error).__name__)),
            )
        return Unreachable(
            f"Nobody answers at {self.host} port {self.port} by SSH, so Muster cannot {doing}.",
            remedy="Check the network and sshd there; or set `runner` of [clouds.cinder] to another one.",
            raw=raw,
        )


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
        return _judged(self.where, process.returncode, _text(out), _text(err), program=words[0], doing=doing)


def runner_of(settings: CinderSettings) -> CommandRunner | None:
    """How `cinder-manage` is run by such settings; None: not by Muster."""
    match settings.runner:
        case "ssh":
            return Ssh(
                host=settings.host,
                command=settings.command,
                user=settings.user,
                port=settings.port,
                key_file=settings.key_file,
                known_hosts=settings.known_hosts,
            )
        case "local":
            return Local(command=settings.command)
        case "manual" | "none":
            return None


def _text(printed: bytes | str | None) -> str:
    return printed.decode(errors="replace") if isinstance(printed, bytes) else printed or ""


def _judged(where: str, status: int | None, out: str, err: str, *, program: str, doing: str) -> str:
    """What a command printed, when it ended well. Its standard error is never empty (deprecation warnings)."""
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
