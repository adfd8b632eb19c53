"""VMs in every state on a real compute that dies: who goes, in what order, who stays behind and why, and as what it comes."""

import asyncio
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest

from tests.openstack.cloud import Cloud, Record
from tests.openstack.evening import SLOW, evening
from tests.openstack.lab.progress import until
from tests.openstack.lab.settings import LabError
from tests.stories.stage import ALICE

DEAD = "compute-2"
TERMS = 'concurrency = 3\npriority_metadata = "turn"'
GOES = ("aloof-1", "aloof-2", "amphora-1", "bound", "broken", "first", "locked", "off")
"""The two of a server group stand beside each other in the order of names: without a rule they would run together."""
STAYS = {
    "paused": ("pause", None, "PAUSED", "is paused: Nova does not evacuate that"),
    "asleep": ("suspend", None, "SUSPENDED", "is suspended: Nova does not evacuate that"),
    "rescued": ("rescue", None, "RESCUE", "is rescued: Nova does not evacuate that"),
    "moving": ("migrate", {"host": DEAD}, "VERIFY_RESIZE", "is resized: Nova does not evacuate that"),
}
"""By name: the action that brings it there, with its argument, the status it has then, and what is said of it."""
FINDINGS = (
    "going stays behind: it is being deleted",
    "locked: billing",
    "server group apart (soft-anti-affinity)",
    "amphora-1 is an amphora of Octavia",
    "amphora-1 says turn = 'soon', which is no whole number",
    "No other host of the aggregate rack-2 is in service",
    "bound has a flavor that asks for an aggregate with rack=2, and no host that is left is in one",
)


async def test_each_vm_of_a_dead_compute_gets_what_its_state_allows(cloud: Cloud, tmp_path: Path) -> None:
    ids = await asyncio.to_thread(_populated, cloud)
    async with evening(tmp_path, cloud, terms=TERMS) as night:
        stage = night.stage
        await night.ask(f"/maintenance enter check prod/{DEAD}")
        await stage.card_says(f"{DEAD} is the last host in service of the aggregate rack-2", seconds=SLOW)

        # Nova hears of three of the four no more; their BMCs say that all of them are off, so it has not gone deaf
        cloud.freeze_compute("compute-3")
        cloud.freeze_compute("compute-4")
        cloud.kill_compute(DEAD)
        await asyncio.to_thread(cloud.cli, "server", "delete", ids["going"])  # before Nova knows that nobody will do it
        for host in (DEAD, "compute-3", "compute-4"):
            await asyncio.to_thread(cloud.wait_for_service, host, "down")
        await night.ask(f"/evacuate prod/{DEAD}")
        await stage.card_says("Other compute services are down too: compute-3", seconds=SLOW)
        await stage.workspace.click(ALICE, stage.card, label="Cancel")
        await stage.card_says("Cancelled", seconds=SLOW)
        for host in ("compute-3", "compute-4"):
            await asyncio.to_thread(cloud.thaw_compute, host)

        await night.ask(f"/evacuate prod/{DEAD}")
        await stage.card_says("Waiting for approval", seconds=SLOW)
        for name, (*_, why) in STAYS.items():
            assert f"{name} stays behind: it {why}" in stage.card.plain
            with pytest.raises(LabError, match=" 409 "):
                cloud.act(ids[name], "evacuate", {})
        for said in FINDINGS:
            assert said in stage.card.plain
        assert cloud.migrations(DEAD) == []

        await night.approve()
        await stage.card_says("8 of 8 done and verified", seconds=3 * SLOW)
        listed = {s["Name"]: s for s in await night.servers()}

    assert {name for name in ids if listed[name]["Host"] != DEAD} == set(GOES)
    status = {name: listed[name]["Status"] for name in ids}
    assert {name: status[name] for name in GOES} == dict.fromkeys(GOES, "ACTIVE") | {"off": "SHUTOFF"}
    assert {name: status[name] for name in STAYS} == {name: there for name, (_, _, there, _) in STAYS.items()}
    names = {id: name for name, id in ids.items()}
    moves = sorted(cloud.migrations(DEAD), key=lambda m: int(m["id"]))
    began = {names[m["instance_uuid"]]: datetime.fromisoformat(m["created_at"]) for m in moves}
    assert began["first"] - min(began.values()) <= timedelta(seconds=1), (
        "by its metadata; a few calls go out side by side"
    )
    order = [names[m["instance_uuid"]] for m in moves]
    last = [name for name in order if name != "aloof-2"][-1]  # which waits for the end of the other of its group
    assert last in {"off", "broken"}, "those that did not run are the last"
    apart = {names[m["instance_uuid"]]: m for m in moves if names[m["instance_uuid"]].startswith("aloof")}
    assert not _overlap(*apart.values()), "of a server group one at a time"
    assert any(_overlap(*pair) for pair in combinations(moves, 2)), "others side by side"


def _populated(cloud: Cloud) -> dict[str, str]:
    """A VM in each state on the host that is to die; their ids by their names."""
    group = cloud.cli_json(
        *("--os-compute-api-version", "2.64", "server", "group", "create", "--policy", "soft-anti-affinity", "apart"),
        cloud="demo",
    )
    ids = {s["name"]: s["id"] for s in cloud.boot(2, on=DEAD, name="aloof", group=group["id"])}
    bound = ("--vcpus", "1", "--ram", "128", "--disk", "1", "--property", "aggregate_instance_extra_specs:rack=2")
    cloud.cli("flavor", "create", *bound, "m1.bound")
    cloud.cli("aggregate", "create", "--property", "rack=2", "rack-2")
    cloud.cli("aggregate", "add", "host", "rack-2", DEAD)
    for name in (*sorted(set(GOES) - ids.keys()), "going", *STAYS):
        flavor = "m1.bound" if name == "bound" else "m1.tiny"
        (server,) = cloud.boot(1, on="compute-1" if name == "moving" else DEAD, name=name, flavor=flavor)
        ids[name] = server["id"]
    for name, (action, argument, status, _) in STAYS.items():
        cloud.act(ids[name], action, argument)
        _becomes(cloud, ids[name], status)
    cloud.act(ids["off"], "os-stop")
    _becomes(cloud, ids["off"], "SHUTOFF")
    cloud.act(ids["broken"], "os-resetState", {"state": "error"})
    cloud.act(ids["locked"], "lock", {"locked_reason": "billing"})
    cloud.cli("server", "set", "--property", "turn=7", ids["first"])
    cloud.cli("server", "set", "--property", "turn=soon", ids["amphora-1"])
    cloud.cli("flavor", "delete", "m1.bound")
    for host in cloud.computes:
        cloud.turn_knobs(host, spawn_seconds=4)
    return ids


def _becomes(cloud: Cloud, server_id: str, status: str) -> None:
    until(f"a server to be {status}", lambda: cloud.server(server_id)["status"] == status, seconds=60, pause=0.5)


def _overlap(one: Record, other: Record) -> bool:
    """Whether two migrations ran at the same time, for longer than the second that Nova's clock tells."""
    begins, ends = (
        [datetime.fromisoformat(m[moment]) for m in (one, other)] for moment in ("created_at", "updated_at")
    )
    return (min(ends) - max(begins)).total_seconds() > 1
