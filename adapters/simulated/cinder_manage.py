"""`cinder-manage` of the simulated cloud: accepts every name in silence, as the real one was measured to do.

A command runner that starts programs can reach it too, on the controller that the OpenStack face stands for:

    python -m adapters.simulated.cinder_manage http://127.0.0.1:40123 volume update_host --currenthost … --newhost …
"""

import argparse
import json
import sys
import urllib.request
from collections.abc import Sequence

from adapters.simulated.world import World

CONTROLLER_PATH = "/controller/cinder-manage"
_TIMEOUT = 30.0  #: seconds for the face to answer


def run(world: World, words: Sequence[str]) -> int:
    """Run one command and return its exit code; on success it prints nothing, whatever it did.

    Args:
        world: the cloud it works on.
        words: the command line without the program's name, e.g.
            `volume update_host --currenthost a@ceph#ceph --newhost b@ceph#ceph`.
    """
    parser = argparse.ArgumentParser(prog="cinder-manage", exit_on_error=False, add_help=False)
    parser.add_argument("--config-file", action="append")
    parser.add_argument("category", choices=["volume", "backup"])
    parser.add_argument("command", choices=["update_host", "update_backup_host", "update_service"])
    parser.add_argument("--currenthost", default="")
    parser.add_argument("--newhost", default="")
    try:
        asked, unknown = parser.parse_known_args(list(words))
    except argparse.ArgumentError:
        return 2
    if unknown or (asked.category == "backup") != (asked.command == "update_backup_host"):
        return 2
    world.settle()
    if asked.command == "update_service":
        return 0
    if not asked.currenthost or not asked.newhost:
        return 2
    if asked.category == "volume":
        _update_volumes(world, asked.currenthost, asked.newhost)
    else:
        _update_backups(world, asked.currenthost, asked.newhost)
    return 0


def _update_volumes(world: World, current: str, new: str) -> None:
    """Measured on Cinder 29: a bare host matches nothing; `host@backend` matches, and the pool is lost."""
    if "@" not in current:
        return
    for volume in world.volumes.values():
        if volume.host == current or volume.host.startswith(f"{current}#"):
            volume.host = new


def main(words: Sequence[str]) -> int:
    """Run a command in the World behind an OpenStack face; the first word is its address."""
    request = urllib.request.Request(  # noqa: S310 - the address is the caller's own loopback
        words[0] + CONTROLLER_PATH,
        data=json.dumps(list(words[1:])).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - as above
        return int(json.load(answer))


def _update_backups(world: World, current: str, new: str) -> None:
    for backup in world.backups.values():
        if backup.host == current:
            backup.host = new


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
