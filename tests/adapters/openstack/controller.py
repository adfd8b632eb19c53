"""A controller with a real SSH server, on which `cinder-manage` works on the simulated cloud."""

import asyncio
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from adapters.openstack.wire.ssh import Ssh
from adapters.simulated import cinder_manage
from adapters.simulated.cinder_manage import Ended

COMMAND = ("cinder-manage", "--config-file", cinder_manage.CONFIG)
USER = "cinder"


@dataclass
class Controller:
    """Where it listens, who is let in, and what it was told to run."""

    folder: Path
    answer: Callable[[list[str]], Ended]
    port: int = 0
    ran: list[str] = field(default_factory=list)  #: command lines as they came, oldest first
    cut_before: bool = False  #: the connection is lost before the command has begun
    cut_after: bool = False  #: the connection is lost when it has ended, before its exit code is told

    def runner(self, **changes: Any) -> Ssh:
        """A runner that may log in here."""
        said: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": USER,
            "key_file": self.folder / "key",
            "known_hosts": self.folder / "known_hosts",
            "command": COMMAND,
        }
        return Ssh(**said | changes)

    async def serve(self, process: "asyncssh.SSHServerProcess[str]") -> None:
        """What sshd does for a login: hand the string to a shell."""
        line = process.command or ""
        self.ran.append(line)
        connection = process.get_extra_info("connection")
        if self.cut_before:
            connection.abort()
            return
        program, *words = shlex.split(line)
        if program != "cinder-manage":
            ended = Ended(code=127, err=f"bash: line 1: {program}: command not found")
        else:
            ended = await asyncio.to_thread(self.answer, words)
        if self.cut_after:
            connection.abort()
            return
        process.stdout.write(ended.out)
        process.stderr.write(ended.err)
        process.exit(ended.code)


@asynccontextmanager
async def controller(folder: Path, answer: Callable[[list[str]], Ended]) -> AsyncIterator[Controller]:
    """A controller on a free port of loopback, with keys of its own.

    Args:
        folder: for the keys.
        answer: what `cinder-manage` does with its words.
    """
    made = Controller(folder=folder, answer=answer)
    key, host_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    key.write_private_key(folder / "key")
    key.write_public_key(folder / "authorized_keys")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        authorized_client_keys=str(folder / "authorized_keys"),
        process_factory=made.serve,
    )
    made.port = server.get_port()
    public = host_key.export_public_key().decode().strip()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{made.port} {public}\n")
    try:
        yield made
    finally:
        server.close()
        await server.wait_closed()
