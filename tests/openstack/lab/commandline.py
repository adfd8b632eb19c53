"""Runs command lines of `openstack` in a process that has the client loaded: the outside witness of the tests."""

import json
import socket

from tests.openstack.lab import infrastructure
from tests.openstack.lab.processes import Processes
from tests.openstack.lab.settings import INSIDE, LabError, Port, Settings

PROGRAM = "muster_lab_openstack.py"
SECONDS = 180.0


def run(settings: Settings, processes: Processes, words: tuple[str, ...]) -> str:
    """What `openstack` prints, given these words.

    Raises:
        LabError: It failed, with what it said, or came to no end.
    """
    line = f"openstack {' '.join(words)}"
    if not processes.pid(Port.OPENSTACK_CLIENT):
        _start(settings, processes)
    try:
        with socket.create_connection(("127.0.0.1", settings.port(Port.OPENSTACK_CLIENT)), SECONDS) as wire:
            wire.sendall(json.dumps(words).encode() + b"\n")
            with wire.makefile("rb") as answer:
                code, out, err = json.loads(answer.read())
    except TimeoutError as error:
        raise LabError(f"{line}: no end after {SECONDS:.0f} s") from error
    if code:
        raise LabError(f"{line}: {err.strip()}")
    return str(out)


def _start(settings: Settings, processes: Processes) -> None:
    words = [settings.tool("python"), INSIDE / PROGRAM, settings.port(Port.OPENSTACK_CLIENT)]
    environment = settings.environment(OS_CLIENT_CONFIG_FILE=settings.clouds_yaml)
    processes.start(Port.OPENSTACK_CLIENT, words, environment)
    infrastructure.answers(settings, Port.OPENSTACK_CLIENT)
