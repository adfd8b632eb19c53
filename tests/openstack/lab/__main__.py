"""The command line of the lab: python -m tests.openstack.lab VERB, with .venv/bin/python."""

import argparse
import json
import sys

from tests.openstack.lab import knobs
from tests.openstack.lab.client import Client
from tests.openstack.lab.life import Lab
from tests.openstack.lab.settings import PASSWORD, REGION, LabError, Port, from_environment


def main(words: list[str]) -> int:
    """Do what the words say; returns the exit code."""
    given = _parser().parse_args(words)
    try:
        lab = Lab(from_environment())
        if given.verb in {"install", "up", "down", "reset", "add-cell"}:
            with lab.alone():
                _change(lab, given.verb)
        elif given.verb == "status":
            _status(lab)
        elif given.verb == "openrc":
            _openrc(lab, given.user)
        elif given.verb == "compute":
            _compute(lab, given.what, given.hosts)
        else:
            _knobs(lab, given.host, given.values)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.openstack.lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("install", help="Debian's daemons and OpenStack from PyPI")
    verbs.add_parser("up", help="an empty cloud; set up first when it never was")
    verbs.add_parser("down", help="end every process")
    verbs.add_parser("reset", help="the same as up: an empty cloud again")
    verbs.add_parser("add-cell", help="a second cell of Nova beside the first, until the next `up`")
    verbs.add_parser("status", help="processes, their memory, services")
    openrc = verbs.add_parser("openrc", help="variables for the openstack command line")
    openrc.add_argument("user", nargs="?", choices=("admin", "demo"), default="admin")
    compute = verbs.add_parser("compute", help="start, end or hang the nova-compute of hosts")
    compute.add_argument("what", choices=("start", "stop", "kill", "freeze", "thaw"))
    compute.add_argument("hosts", nargs="+", metavar="HOST")
    turning = verbs.add_parser("knobs", help=f"name=value ... or clear: {', '.join(knobs.KNOBS)}")
    turning.add_argument("host")
    turning.add_argument("values", nargs="+")
    return parser


def _change(lab: Lab, verb: str) -> None:
    if verb == "install":
        lab.install()
    elif verb == "down":
        lab.down()
    elif verb == "add-cell":
        lab.add_cell()
    else:
        lab.install()
        lab.up()


def _status(lab: Lab) -> None:
    total = 0
    for name in lab.processes.names():
        memory = lab.processes.memory(name)
        total += memory
        print(f"{name:28} {lab.processes.pid(name) or 'dead':>8} {memory // 1024:6} MiB")
    print(f"{'together':28} {'':8} {total // 1024:6} MiB")
    client = Client(lab.settings)
    try:
        nova = client.get(Port.NOVA, "/v2.1/os-services")["services"]
        cinder = client.get(Port.CINDER, "/v3/{project}/os-services")["services"]
    except (OSError, LookupError) as error:
        raise LabError(f"the cloud does not answer: {error}") from error
    for each in nova + cinder:
        forced = " forced down" if each.get("forced_down") else ""
        print(f"{each['binary']:18} {each['host']:18} {each['status']:9} {each['state']}{forced}")


def _openrc(lab: Lab, user: str) -> None:
    for name, value in {
        "OS_AUTH_URL": lab.settings.auth_url,
        "OS_USERNAME": user,
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": user,
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_REGION_NAME": REGION,
        "OS_IDENTITY_API_VERSION": "3",
    }.items():
        print(f"export {name}={value}")


def _compute(lab: Lab, what: str, hosts: list[str]) -> None:
    for host in hosts:
        if host not in lab.settings.all_computes:
            raise LabError(f"no compute {host}: have {', '.join(lab.settings.all_computes)}")
        verbs = {
            "start": lab.start_compute,
            "stop": lab.processes.stop,
            "kill": lab.processes.kill,
            "freeze": lab.processes.freeze,
            "thaw": lab.processes.thaw,
        }
        verbs[what](host)


def _knobs(lab: Lab, host: str, words: list[str]) -> None:
    if words == ["clear"]:
        knobs.clear(lab.settings, host)
        return
    values: dict[str, str | float] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise LabError(f"`{word}` is not name=value")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    knobs.turn(lab.settings, host, **values)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
