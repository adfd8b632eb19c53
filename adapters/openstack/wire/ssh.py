"""Runs commands on a controller over SSH.

SSH carries one string, so the words of a command are quoted (`shlex.join`). Host keys are always checked; no agent is
used or forwarded.
"""

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from adapters.openstack.wire.cinder_manage import LONGEST, judged, text
from adapters.openstack.wire.errors import clean
from bot.domain.cloud import CloudError, Refused, Unreachable
from bot.domain.progress import right_to_act

_CONNECT = 15.0  #: seconds to reach the controller and to log in


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
            right_to_act.ensure()  # the login may have taken long
            async with asyncio.timeout(LONGEST):
                ended = await connection.run(shlex.join(words), encoding=None)
        except (OSError, asyncssh.Error) as error:  # a time-out is an OSError too
            raise self._lost(doing, clean(f"{type(error).__name__}: {error}")) from error
        finally:
            connection.abort()  # a farewell would wait for a controller that may be dead
        if ended.exit_status is None:
            raise self._lost(doing, "no exit code came")
        return judged(
            self.where, ended.exit_status, text(ended.stdout), text(ended.stderr), program=words[0], doing=doing
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
