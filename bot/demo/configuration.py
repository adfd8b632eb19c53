"""Writes the settings of a bot that lives in the demo: an ordinary muster.toml with other addresses."""

from collections.abc import Mapping
from pathlib import Path

TOKEN = "simulated-api-key"  # noqa: S105 - of a pretend tower on loopback
BMC_PASSWORD = "muster-bmc"  # noqa: S105 - of pretend BMCs on loopback

_TOML = """\
# Written by `muster demo`: an ordinary configuration, only the addresses are of this machine.
[slack]
mode = "socket"
api_url = "{api_url}"
incident_channel = "C0INCIDENT"

[store]
{store}

[http]
listen = "127.0.0.1:0"

[log]
format = "console"

[policy]
requesters = ["S0SRE"]
approvers = ["S0LEADS"]

[[clouds]]
name = "prod"
kind = "openstack"
cloud = "prod"
clouds_file = "{clouds_file}"
poll = "1s"
shared_storage = true

[clouds.fencing.redfish]
{bmcs}

[[clouds]]
name = "tower"
kind = "cloudtower"
url = "{tower_url}"
token_env = "TOWER_TOKEN"
poll = "1s"
"""

_BMC = '"{host}" = {{ url = "{url}", password_env = "BMC_PASSWORD" }}'

_CLOUDS_YAML = """\
clouds:
  prod:
    region_name: RegionOne
    auth:
      auth_url: {auth_url}
      username: admin
      password: {password}
      project_name: admin
      user_domain_name: Default
      project_domain_name: Default
"""


def write(
    folder: Path,
    *,
    api_url: str,
    bot_token: str,
    app_token: str,
    auth_url: str,
    tower_url: str,
    password: str = "muster-demo",  # noqa: S107 - of a pretend Keystone on loopback
    bmcs: Mapping[str, str],
    database: str = "",
) -> tuple[Path, dict[str, str]]:
    """Write muster.toml and clouds.yaml into a folder.

    Args:
        folder: where they, and the database, live.
        api_url: of the workspace's Web API.
        bot_token: of the workspace's app.
        app_token: of the workspace's app, for Socket Mode.
        auth_url: of Keystone.
        tower_url: of CloudTower, with its /v2/api.
        password: of the OpenStack's admin.
        bmcs: the addresses of the machines of `prod` in Redfish, by host.
        database: the url of a server's, which may hold a password; "": an embedded one in the folder.

    Returns:
        The path of muster.toml, and the environment variables that hold its secrets.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clouds = folder / "clouds.yaml"
    clouds.touch(mode=0o600)
    clouds.write_text(_CLOUDS_YAML.format(auth_url=auth_url, password=password))
    config = folder / "muster.toml"
    config.write_text(
        _TOML.format(
            api_url=api_url,
            store='url_env = "MUSTER_DATABASE"'
            if database
            else f'url = "sqlite:///{(folder / "muster.db").resolve()}"',
            clouds_file=clouds.resolve(),
            tower_url=tower_url,
            bmcs="\n".join(_BMC.format(host=host, url=url) for host, url in bmcs.items()),
        )
    )
    env = {"SLACK_BOT_TOKEN": bot_token, "SLACK_APP_TOKEN": app_token, "TOWER_TOKEN": TOKEN}
    env["BMC_PASSWORD"] = BMC_PASSWORD
    if database:
        env["MUSTER_DATABASE"] = database
    return config, env
