"""`cinder-manage` of the simulated cloud: accepts every name in silence, as the real one was measured to do.

A command runner that starts programs can reach it too, on the controller that the OpenStack face stands for:

    python -m adapters.simulated.cinder_manage http://127.0.0.1:40123 volume update_host --currenthost … --newhost …

Sources, of Cinder 29: cinder/cmd/manage.py; `volume_get_all_by_host` and `volume_update_all_by_service` of
cinder/db/api.py.
"""

import argparse
import json
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from adapters.simulated.records import SimVolume
from adapters.simulated.world import World

CONTROLLER_PATH = "/controller/cinder-manage"
CONFIG = "/etc/cinder/cinder.conf"
VERSION = "29.0.0"
_TIMEOUT = 30.0  #: seconds for the face to answer
_ROW = "%-32s\t%-32s\t%-32s\t%-24s\t%-24s\t%-12s\t%-12s\t%-12s\t%-12s"
_HEADINGS = ("ID", "User ID", "Project ID", "Host", "Name", "Container", "Status", "Size", "Object Count")
_DEPRECATION = "EventletDeprecationWarning: Eventlet is deprecated."
_CHANGING = frozenset({("volume", "update_host"), ("volume", "update_service"), ("backup", "update_backup_host")})
_READING = frozenset({("version", "list"), ("backup", "list")})


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended, and what it printed. Its standard error is never empty."""

    code: int = 0
    out: str = ""
    err: str = _DEPRECATION


def run(world: World, words: Sequence[str]) -> Ended:
    """Run one command; one that changes something prints nothing, whatever it did.

    Args:
        world: the cloud it works on.
        words: the command line without the program's name, e.g.
            `volume update_host --currenthost a@ceph#ceph --newhost b@ceph#ceph`.
    """
    parser = argparse.ArgumentParser(prog="cinder-manage", exit_on_error=False, add_help=False)
    parser.add_argument("--config-file", action="append", default=[])
    parser.add_argument("category")
    parser.add_argument("command", nargs="?", default="list")
    parser.add_argument("--currenthost", default="")
    parser.add_argument("--newhost", default="")
    try:
        asked, unknown = parser.parse_known_args(list(words))
    except argparse.ArgumentError as error:
        return Ended(code=2, err=str(error))
    if wrong := [path for path in asked.config_file if path != CONFIG]:
        return Ended(code=2, out=f"Failed to read configuration file(s): {wrong}")
    command = (asked.category, asked.command)
    needs_names = command in _CHANGING and asked.command != "update_service"
    if unknown or command not in _CHANGING | _READING or (needs_names and not (asked.currenthost and asked.newhost)):
        return Ended(code=2, err="usage: cinder-manage [-h] [--config-file PATH] ...")
    world.settle()
    match command:
        case ("version", _):
            return Ended(out=f"{VERSION}\n")
        case ("backup", "list"):
            return Ended(out=_list(world))
        case ("volume", "update_host"):
            _update_volumes(world, asked.currenthost, asked.newhost)
        case ("volume", "update_service"):
            _update_services(world)
        case _:
            _update_backups(world, asked.currenthost, asked.newhost)
    return Ended()


def _update_volumes(world: World, current: str, new: str) -> None:
    """Measured on Cinder 29: a bare host matches nothing; `host@backend` matches, and the pool is lost."""
    for volume in world.volumes.values():
        if _matches(volume, current):
            volume.host = new


def _matches(volume: SimVolume, name: str) -> bool:
    return volume.host == name or volume.host.startswith(f"{name}#")


def _update_services(world: World) -> None:
    """Every volume of every service: its record names the service under whose name it stands."""
    for service in world.cinder_services:
        for volume in world.volumes.values():
            if service.binary == "cinder-volume" and _matches(volume, service.host):
                volume.service = service.host


def _update_backups(world: World, current: str, new: str) -> None:
    for backup in world.backups.values():
        if backup.host == current:
            backup.host = new


def _list(world: World) -> str:
    rows = [_ROW % _HEADINGS]
    for backup in world.backups.values():
        project = backup.volume.project.id
        row = (backup.id, project, project, backup.host, backup.name, "volumebackups", backup.status)
        rows.append(_ROW % (*row, backup.volume.size_gb, 0))
    return "\n".join(rows) + "\n"


def ask(url: str, words: Sequence[str]) -> Ended:
    """Run a command in the World behind an OpenStack face; for another thread than the face's."""
    reads = any(tuple(words[at : at + 2]) in _READING for at in range(len(words)))
    request = urllib.request.Request(  # noqa: S310 - the address is the caller's own loopback
        url + CONTROLLER_PATH,
        data=json.dumps(list(words)).encode(),
        headers={"Content-Type": "application/json"},
        method="GET" if reads else "POST",
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - as above
        return Ended(**json.load(answer))


def main(words: Sequence[str]) -> int:
    """The program: the first word is the face's address, the rest is the command."""
    ended = ask(words[0], words[1:])
    sys.stdout.write(ended.out)
    sys.stderr.write(ended.err)
    return ended.code


def answer_to(world: World, words: Sequence[str]) -> dict[str, int | str]:
    """What the face answers to `main`."""
    return asdict(run(world, words))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
