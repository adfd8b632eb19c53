"""`make bench-pace`: every client on every modelled cloud, as ratios against the loop people use."""

import argparse

from tests.benchmarks.pace.clients import fixed, loop, muster
from tests.benchmarks.pace.profiles import RACED
from tests.benchmarks.pace.ratios import BEST_FIXED, SEEDS, best_fixed, ratio


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--search", action="store_true", help="search the best window and rate of each cloud anew")
    searches = parser.parse_args().search
    print("makespan / mean downtime against the loop; most unclaimed at once; VMs lost over all seeds")
    for profile in RACED:
        seconds = [loop(profile, seed) for seed in SEEDS]
        took = sum(o.makespan for o in seconds) / len(SEEDS), sum(o.downtime for o in seconds) / len(SEEDS)
        print(f"\n{profile.name} (loop {took[0]:.0f} s / {took[1]:.0f} s)")
        pair = best_fixed(profile) if searches else BEST_FIXED[profile.name]
        if pair != BEST_FIXED[profile.name]:
            print(f"  a better pair than the one that is held: {pair}")
        rows = {f"window {window}": fixed(window) for window in (3, 4, 10, 20, 60)}
        rows |= {f"best fixed: window {pair[0]}, {pair[1]} starts/s": fixed(*pair)}
        rows |= {f"Muster, looks every {quick:g} s": muster(quick=quick, slow=max(1.0, quick)) for quick in (0.5, 1, 2)}
        for name, client in rows.items():
            found = ratio(client, loop, profile)
            figures = f"{found.makespan:5.2f} / {found.downtime:4.2f}   {found.most_unclaimed:3d}   {found.lost:3d}"
            print(f"  {name:40} {figures}")


if __name__ == "__main__":
    main()
