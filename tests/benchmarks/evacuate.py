"""How long the servers of a dead host stay down: `nova host-evacuate`, paced clients without checks, and Muster.

`make bench-evacuate`, or `make bench-evacuate BENCH="--spawn 15 --rounds 5"`. A round lets each client go once, so that
what the machine does besides hits all of them; medians are told. Each client finds the same cloud: set up anew, so many servers on one host, its nova-compute
killed and seen to be down by Nova. Downtime is read off Nova's own migration records, alike for all of them; the end is
when the client itself says that all is done (`nova host-evacuate` never does: for it, the last record counts).
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import mean, median

from tests.benchmarks.clients import CLIENTS
from tests.openstack.cloud import Cloud
from tests.openstack.lab import services
from tests.openstack.lab.client import Client
from tests.openstack.lab.configuration import CONTROLLER
from tests.openstack.lab.life import Lab
from tests.openstack.lab.progress import say, until
from tests.openstack.lab.settings import LabError, Port, from_environment

DEAD = "compute-1"
PEOPLE, BARE, BAREST, OURS = CLIENTS
TARGETS = (
    ("makespan against nova host-evacuate", "makespan", PEOPLE, 0.85),
    ("mean downtime against nova host-evacuate", "downtime", PEOPLE, 0.70),
    ("makespan against the bare client", "makespan", BARE, 1.10),
)
WAITING_TARGETS = (
    ("makespan against nova host-evacuate", "makespan", PEOPLE, 1.10),
    ("mean downtime against nova host-evacuate", "downtime", PEOPLE, 1.00),
)
"""The same where each rebuild waits: Muster's own checks are in it."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One client's run; all in seconds from when it was told to begin."""

    makespan: float
    downtime: float  #: mean over the servers, until Nova's record says done
    first: float  #: until the first record says done
    load: float  #: of the machine just before it began


def main(words: list[str]) -> int:
    """Run the rounds and print the ratios; 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--servers", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--spawn", type=float, default=0.0, help="seconds that each rebuild waits on its target")
    parser.add_argument("--only", choices=list(CLIENTS), action="append")
    given = parser.parse_args(words)
    lab = Lab(from_environment())
    runs: dict[str, list[Measured]] = {name: [] for name in given.only or CLIENTS}
    with lab.alone():
        lab.install()
        try:
            for _ in range(given.rounds):
                for name, of_client in runs.items():
                    measured = _measure(lab, name, given.servers, spawn=given.spawn)
                    of_client.append(measured)
                    say(f"{name}: {measured}")
        finally:
            lab.down()
    return _report(runs, given.servers, spawn=given.spawn)


def _measure(lab: Lab, name: str, count: int, *, spawn: float) -> Measured:
    """One client on a cloud that was made for it."""
    lab.up()
    _as_nova_comes(lab)
    cloud = Cloud(lab)
    say(f"{count} servers for {name}")
    cloud.boot(count, on=DEAD)
    cloud.kill_compute(DEAD)
    cloud.wait_for_service(DEAD, "down")
    for target in cloud.computes:
        if target != DEAD:
            cloud.turn_knobs(target, spawn_seconds=spawn)
    load = os.getloadavg()[0]
    began = CLIENTS[name](lab.settings, cloud, DEAD, count)
    ended = time.time()
    records = cloud.wait_for_evacuations(DEAD, count)
    if len(records) != count or len({each["instance_uuid"] for each in records}) != count:
        raise LabError(f"{name} made {len(records)} evacuations of {count} servers")
    # Nova writes whole seconds, cut off: half a second is what it hides on average
    took = [_moment(each["updated_at"]) + 0.5 - began for each in records]
    makespan = max(took) if name == PEOPLE else ended - began
    return Measured(makespan=makespan, downtime=mean(took), first=min(took), load=load)


def _as_nova_comes(lab: Lab) -> None:
    """The lab's scheduler spreads by chance; for this run it does as Nova's defaults say."""
    path = lab.settings.etc / "nova" / CONTROLLER / "nova.conf"
    text = path.read_text().replace("host_subset_size = 4", "host_subset_size = 1")
    path.write_text(text.replace("shuffle_best_same_weighed_hosts = true", "shuffle_best_same_weighed_hosts = false"))
    since = datetime.now(UTC).replace(microsecond=0)
    lab.processes.stop("nova-scheduler")
    services.start_nova(lab.settings, lab.processes, "nova-scheduler")
    client = Client(lab.settings)

    def reported() -> bool:
        found = client.get(Port.NOVA, "/v2.1/os-services")["services"]
        return any(s["binary"] == "nova-scheduler" and services.reported_after(s["updated_at"], since) for s in found)

    until("the scheduler with Nova's defaults", reported, seconds=120)


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _report(runs: dict[str, list[Measured]], count: int, *, spawn: float) -> int:
    rounds = len(next(iter(runs.values())))
    print(f"\n{count} servers, a rebuild waits {spawn:g} s, {os.cpu_count()} cores, {rounds} round(s); medians\n")
    print("| client | makespan | mean downtime per VM | first VM back | load before |")
    print("|---|---|---|---|---|")
    for name, of_client in runs.items():
        cells = [f"{median(getattr(m, part) for m in of_client):.1f} s" for part in ("makespan", "downtime", "first")]
        print(f"| {name} | {' | '.join(cells)} | {median(m.load for m in of_client):.1f} |")
    print()
    missed = 0
    for what, part, other, target in WAITING_TARGETS if spawn else TARGETS:
        if other in runs and OURS in runs:
            ratios = _ratios(runs, OURS, other, part)
            is_missed = median(ratios) > target
            missed += is_missed
            print(f"{what}: {_spoken(ratios)}, target {target:.2f}: {'missed' if is_missed else 'met'}")
    if PEOPLE in runs and BAREST in runs:
        makespan, downtime = (_spoken(_ratios(runs, BAREST, PEOPLE, part)) for part in ("makespan", "downtime"))
        print(f"for comparison, {BAREST}, against {PEOPLE}: makespan {makespan}, mean downtime {downtime}")
    return 1 if missed else 0


def _ratios(runs: dict[str, list[Measured]], one: str, other: str, part: str) -> list[float]:
    return [getattr(a, part) / getattr(b, part) for a, b in zip(runs[one], runs[other], strict=True)]


def _spoken(ratios: list[float]) -> str:
    spread = f" ({min(ratios):.2f} to {max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"{median(ratios):.2f}{spread}"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
