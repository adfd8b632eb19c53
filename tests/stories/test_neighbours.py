"""Slack, a cloud or the database is away, at the start or later: the bot comes up, says so, and is whole when it is back."""

import asyncio
import resource
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import make_url

from tests.relay import relayed
from tests.store.databases import Postgresql
from tests.stories.health import says
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

BROKEN = {
    "refused": "at the start, the handshake after the ticket was taken",
    "never greeted": "at the start, a connection that brings nothing, not even a hello",
    "cut": "without a word, and the next handshake",
    "closed": "with a close frame, and the next handshake",
    "silent": "open, without a frame or a pong, and the next handshake",
}


def on_database(stage: Stage, url: str) -> None:
    """Give the bot another database than the embedded one."""
    text = stage.config.read_text()
    embedded = next(line for line in text.splitlines() if line.startswith('url = "sqlite'))
    stage.config.write_text(text.replace(embedded, f'url = "{url}"'))


@pytest.mark.parametrize(
    "how", [how if how in {"refused", "cut"} else pytest.param(how, marks=pytest.mark.long) for how in BROKEN]
)
async def test_however_the_connection_breaks_people_are_heard_again(stage: Stage, how: str) -> None:
    faults, sockets = stage.served.faults, stage.served.sockets
    if how == "never greeted":
        faults.withheld_hellos = 1
    elif how == "refused":
        faults.refused_handshakes = 1
    await stage.launch_bot()
    await stage.until(lambda: sockets.greeted == 1, what="a hello")
    if how in {"cut", "closed", "silent"}:
        faults.refused_handshakes = 1
        if how == "closed":
            await sockets.disconnect()
        else:
            (sockets.cut if how == "cut" else sockets.fall_silent)()
        await stage.until(lambda: sockets.greeted == 2, what="another hello")
    assert faults.used == {"withheld_hellos" if how == "never greeted" else "refused_handshakes": 1}
    assert "No operation holds a host now" in await stage.answer(ALICE, "/muster list")


async def test_a_start_and_a_stop_among_healthy_neighbours_log_no_warning(stage: Stage) -> None:
    await stage.start_bot()
    await stage.until(lambda: stage.served.sockets.greeted, what="a hello")
    await stage.answer(ALICE, "/muster list")
    assert await stage.stop_bot() == 0
    told = [line for line in stage.log().splitlines() if "Executing <" not in line]  # of a busy machine
    assert [line for line in told if "[info" not in line] == []


async def test_without_slack_it_starts_works_off_what_was_approved_and_tells_it_later(stage: Stage) -> None:
    address = stage.listens()
    await stage.start_bot()
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.until(lambda: len(stage.evacuated()) >= 1, what="the first evacuation")
    await stage.kill_bot()
    await stage.workspace.outage(10_000)
    await stage.launch_bot()
    await says(address + "/healthz", 200, "True")
    await says(address + "/readyz", 503, "slack")
    compute_2 = stage.world.host("compute-2")
    await stage.until(lambda: not stage.world.vms_on(compute_2), what="all VMs moved while Slack is away", seconds=120)
    assert "12 of 12" not in stage.card.plain
    await stage.workspace.outage(0)
    await stage.card_says("12 of 12 done and verified", seconds=120)
    await says(address + "/readyz", 200)
    assert stage.log().count("Slack cannot reach Muster") == 1, stage.log()


async def test_a_process_that_does_not_hear_slack_for_long_is_not_healthy(stage: Stage) -> None:
    address = stage.listens()
    stage.config.write_text(stage.config.read_text().replace("[slack]", '[slack]\ndeaf_after = "3s"'))
    await stage.start_bot()
    await says(address + "/readyz", 200)
    await says(address + "/healthz", 200)
    await stage.workspace.outage(10_000)
    stage.served.sockets.cut()
    await says(address + "/healthz", 503, "Nothing has been heard from Slack for")
    await stage.workspace.outage(0)
    await says(address + "/healthz", 200)


@pytest.mark.long
async def test_without_a_cloud_it_starts_names_it_and_serves_the_other_one(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        address = stage.listens()
        clouds = stage.folder / "clouds.yaml"
        real = urlsplit(clouds.read_text().split("auth_url: ")[1].split()[0])
        async with relayed(to_port=real.port or 0) as relay:
            clouds.write_text(clouds.read_text().replace(f":{real.port}/", f":{relay.port}/"))
            await stage.start_bot()
            await says(address + "/readyz", 200, "cloud prod", "does not answer")
            await stage.workspace.type_command(ALICE, OPS, "/maintenance enter check tower/node-1")
            await stage.until(lambda: stage.cards() and "node-1" in stage.card.plain, what="the card of the other")
            await relay.open()
            await says(address + "/readyz", 200, "'ailing': {}")
            await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
            await stage.card_says("Waiting for approval")


async def test_a_database_that_goes_away_is_logged_once_and_so_is_its_return(
    tmp_path: Path, server: Postgresql
) -> None:
    async with server.database() as url, staged(tmp_path) as stage:
        on_database(stage, url)
        address = stage.listens()
        await stage.start_bot()
        await says(address + "/readyz", 200)
        await stage.answer(ALICE, "/muster list")
        async with server.closed(url):
            await stage.until(lambda: "the database fails" in stage.log(), what="a line of the log")
            for _ in range(6):  # the worker comes round each second, ticks every five
                await says(address + "/readyz", 503, "store")
                await asyncio.sleep(1)
        await stage.until(lambda: "the database is well again" in stage.log(), what="a line of the log")
        await stage.answer(ALICE, "/muster list")
        told = stage.log()
        assert told.count("the database fails") == told.count("the database is well again") == 1, told
        assert told.count("[warning") == 1, told
        assert "[error" not in told


@pytest.mark.long
async def test_who_holds_connections_open_and_says_nothing_keeps_nobody_out(stage: Stage) -> None:
    address = stage.listens()
    await stage.start_bot()
    assert stage.process is not None
    resource.prlimit(stage.process.pid, resource.RLIMIT_NOFILE, (256, 256))
    port = urlsplit(address).port
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(373)]
    for _, writer in held:
        writer.write(b"POST /webhooks/alertmanager HTTP/1.1\r\nX-Slow: ")
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval", seconds=30)
    await says(address + "/healthz", 200)
    assert "Too many open files" not in stage.log()
    for _, writer in held:
        writer.close()


async def test_without_its_database_it_starts_and_is_whole_when_that_is_reached(
    tmp_path: Path, server: Postgresql
) -> None:
    async with server.database(migrated=False) as url, staged(tmp_path) as stage:
        address = stage.listens()
        there, folder = make_url(url), tmp_path / "postgresql"  # a server is reached by the folder of its socket
        on_database(stage, there.set(query={"host": str(folder)}).render_as_string(hide_password=False))
        await stage.start_bot()
        await says(address + "/healthz", 200)
        await says(address + "/readyz", 503, "store")
        folder.symlink_to(str(there.query["host"]))
        await says(address + "/readyz", 200)
        await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
        await stage.card_says("Waiting for approval")
        assert stage.log().count("the database cannot be reached") == 1, stage.log()
        assert "the database fails" not in stage.log(), stage.log()
