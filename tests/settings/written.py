"""A muster.toml as an admin writes it, the secrets beside it, and what comes of both."""

from pathlib import Path

import pytest

from adapters.openstack.settings import OpenStackSettings
from adapters.registry import CLOUDS
from bot.settings import Settings, SettingsError, load

SAMPLE = Path(__file__).parent / "data" / "muster.toml"
ENV = {
    "SLACK_BOT_TOKEN": "xoxb-1-planted-bot",
    "SLACK_APP_TOKEN": "xapp-1-planted-app",
    "SLACK_SIGNING_SECRET": "planted-signing",
    "TOWER_TOKEN": "planted-tower",
    "BMC_89": "planted-bmc",
    "SQLITE": "sqlite:///planted.db",
}
SMALL = """
[slack]
incident_channel = "C0INCIDENT"
[[clouds]]
name = "prod"
kind = "openstack"
"""
TOWER = """
[[clouds]]
name = "tower"
kind = "cloudtower"
url = "https://tower.example/v2/api"
"""


def read(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    path = tmp_path / "muster.toml"
    path.write_text(text)
    return load(path, ENV if env is None else env, CLOUDS)


def openstack_of(its: Settings) -> OpenStackSettings:
    first = its.clouds[0]
    assert isinstance(first, OpenStackSettings)
    return first


def complaints(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, env)
    return [str(problem) for problem in caught.value.problems]
