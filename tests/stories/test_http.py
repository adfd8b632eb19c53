"""In http mode Slack comes to Muster: its own process, signed requests, and nothing else at that address."""

import asyncio
import re
from pathlib import Path

import aiohttp

from tests.ports import free_port
from tests.stories.stage import ALICE, CAROL, LOOPBACK, OPS, staged


async def test_commands_clicks_windows_and_events_reach_the_process_by_signed_requests(tmp_path: Path) -> None:
    port = free_port()
    async with staged(tmp_path, forks=True, slack_port=port) as stage:
        await stage.launch_bot()
        address = f"{LOOPBACK}:{port}"
        async with aiohttp.ClientSession() as session:
            await stage.until_it_listens(port)
            assert await stage.served.verify_request_url()
            async with session.post(f"{address}/slack/events", json={"type": "url_verification"}) as unsigned:
                assert unsigned.status == 401
            for path in ("/metrics", "/healthz", "/webhooks/alertmanager"):
                async with session.get(address + path) as other:
                    assert other.status == 404, path
            apart = re.findall(r"muster is running.*\bhttp=(\d+)", stage.log())[-1]
            async with session.post(f"{LOOPBACK}:{apart}/slack/events", json={}) as slack:
                assert slack.status == 404, "Slack is answered at its own address alone"
        result = await stage.workspace.type_command(ALICE, OPS, "/evacuate --help")
        assert "Muster empties a hypervisor safely" in result.text
        noted = False
        for _ in range(1_000):  # its database opens while it listens already
            noted = "nothing was noted" not in (await stage.workspace.type_command(ALICE, OPS, "/muster list")).text
            if noted:
                break
            await asyncio.sleep(0.05)
        assert noted
        result = await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
        assert not result.error
        await stage.card_says("Waiting for approval")
        stage.workspace.change_group("S0LEADS", (CAROL,))
        await stage.served.settled()
        await stage.window(CAROL, "Reject")
        assert not (await stage.workspace.submit(CAROL, values={"reason": "By HTTP."})).error
        await stage.card_says("Reason: By HTTP.")
        assert stage.served.sockets.connections == 0
