"""`muster check` as an operator runs it, over sockets, against a workspace and two clouds."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo.workspace.people import Channel
from bot.slack.scopes import SCOPES
from bot.store import schema
from tests.stories.stage import Stage, staged


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path) as stage:
        stage.workspace.app = replace(stage.workspace.app, scopes=tuple(SCOPES))
        yield stage


async def checked(stage: Stage, **env: str) -> tuple[int | None, list[str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "check",
        "--config",
        str(stage.config),
        env=os.environ | stage.env | env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, error = await process.communicate()
    text = (out + error).decode()
    for secret in (*stage.env.values(), *env.values()):
        assert secret not in text
    assert "Traceback" not in text
    return process.returncode, text.splitlines()


async def migrated(stage: Stage) -> None:
    (url,) = [line.split('"')[1] for line in stage.config.read_text().splitlines() if line.startswith('url = "sqlite')]
    await schema.upgrade(url)


async def test_a_whole_configuration_is_fine_line_by_line(stage: Stage) -> None:
    await migrated(stage)
    code, lines = await checked(stage)
    assert code == 0, lines
    signs = [line.split(":")[0] for line in lines]
    assert signs[:2] == ["✓ settings", "✓ store"]
    assert "✓ Slack, token of the bot" in signs
    assert {"✓ cloud prod", "✓ cloud tower"} <= set(signs)
    assert lines[-1].startswith("All is well")
    assert "✓ Slack, token of the bot: acts as @muster in Muster Demo" in lines
    assert stage.mutations() == []


async def test_what_is_broken_at_once_is_told_at_once_with_its_remedy(stage: Stage) -> None:
    stage.workspace.channels["C0INCIDENT"] = Channel(id="C0INCIDENT", name="incidents", is_archived=True)
    (stage.folder / "clouds.yaml").write_text(
        (stage.folder / "clouds.yaml").read_text().replace("password: ", "password: not-")
    )
    code, lines = await checked(stage, SLACK_APP_TOKEN="xapp-1-planted", TOWER_TOKEN="planted-tower-token")
    assert code == 1
    assert any("the first start makes it" in line for line in lines)
    wrong = [line.split(":")[0] for line in lines if line.startswith("✗")]
    assert wrong == [
        "✗ Slack, token of the app",
        "✗ Slack, incident channel",
        "✗ cloud prod",
        "✗ cloud tower",
    ]
    assert [line for line in lines if line.startswith("    → ")]
    assert stage.mutations() == []
