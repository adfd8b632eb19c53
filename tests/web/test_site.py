"""What the settings make of the site: alerts are let in by the token that they name."""

from pathlib import Path

import aiohttp
import pytest

from adapters.registry import CLOUDS
from adapters.simulated.middleware import served
from bot import main as house
from bot.settings import load
from bot.web import webhooks
from tests.settings.written import ENV, SMALL


@pytest.mark.parametrize(
    ("more", "env"),
    [("", "ALERTMANAGER_TOKEN"), ('[alertmanager]\ntoken_env = "OTHER"\n', "OTHER")],
)
async def test_alerts_are_let_in_by_the_token_of_the_settings_alone(tmp_path: Path, more: str, env: str) -> None:
    path = tmp_path / "muster.toml"
    path.write_text(more + SMALL)
    bot = house.build(load(path, ENV | {env: "planted-alerts"}, CLOUDS))
    async with served(house._site(bot)) as url, aiohttp.ClientSession() as http:
        answers = []
        for bearer in ("", "Bearer another", "Bearer planted-alerts"):
            async with http.post(url + webhooks.PATH, data=b"[", headers={"Authorization": bearer}) as answer:
                answers.append(answer.status)
        assert answers == [401, 401, 400]
    for cloud in bot.clouds.values():
        await cloud.aclose()
