"""muster.toml and the environment become settings."""

from datetime import timedelta
from math import inf
from pathlib import Path

import pytest

from adapters.cloudtower.settings import CloudTowerSettings
from adapters.openstack.settings import OpenStackSettings
from adapters.registry import CLOUDS
from bot.domain.values import Action
from bot.settings import SettingsError, load, load_store
from tests.settings.written import ENV, SAMPLE, SMALL, TOWER, complaints, read

# what is read ------------------------------------------------------------------------------------------------------


def test_the_sample_of_the_documentation_is_read_whole() -> None:
    its = load(SAMPLE, ENV, CLOUDS)
    assert its.slack.mode == "socket"
    assert its.slack.api_url == "https://slack.com/api/"
    assert its.tokens.bot.reveal() == "xoxb-1-planted-bot"
    assert its.store.address == "sqlite:///muster.db"
    assert its.http.listen == ("127.0.0.1", 3000)
    prod, tower = its.clouds
    assert isinstance(prod, OpenStackSettings)
    assert (prod.name, prod.entry, prod.at_once, prod.poll) == ("prod", "prod", 10, timedelta(seconds=2))
    assert prod.minimum_version == "6.4.3.0.0.0"
    assert prod.evacuated_vms == "running"
    assert (prod.cinder.runner, prod.cinder.host) == ("ssh", "controller-1")
    assert prod.cinder.command == ("cinder-manage", "--config-file", "/etc/cinder/cinder.conf")
    assert prod.fencing.redfish["compute-89"].url == "https://bmc-89/redfish/v1/Systems/1"
    assert prod.fencing.redfish["compute-89"].password.reveal() == "planted-bmc"
    assert isinstance(tower, CloudTowerSettings)
    assert (tower.url, tower.token.reveal()) == ("https://tower.example/v2/api", "planted-tower")
    rule = its.rules["prod", Action.EVACUATE]
    assert rule.requesters == ("S0SRE",)
    assert rule.approvers == ("S0LEADS", "U0CHIEF")
    assert rule.expires == timedelta(minutes=30)
    assert set(its.rules) == {(cloud, action) for cloud in ("prod", "tower") for action in Action}


def test_everything_that_the_sample_says_is_in_effect() -> None:
    assert load(SAMPLE, ENV, CLOUDS).not_in_effect == ()


def test_a_language_without_effect_is_named(tmp_path: Path) -> None:
    text = SMALL.replace("[slack]", '[slack]\nlocale = "zh-CN"')
    assert [sentence.split(" ")[0] for sentence in read(tmp_path, text).not_in_effect] == ["slack.locale"]
    assert read(tmp_path, SMALL).not_in_effect == ()


def test_a_small_number_of_vms_at_once_is_kept_and_what_it_costs_is_said(tmp_path: Path) -> None:
    (advice,) = load(SAMPLE, ENV, CLOUDS).advice
    assert advice.startswith("clouds.prod.concurrency = 10: no more than so many VMs are on their way at once")
    few = SMALL.replace('kind = "openstack"', 'kind = "openstack"\nconcurrency = 40')
    assert read(tmp_path, few).advice == read(tmp_path, SMALL).advice == ()


def test_a_cloud_can_be_spared_by_one_word_or_by_a_rate_and_what_that_costs_is_said(tmp_path: Path) -> None:
    def paced(*lines: str) -> tuple[int, float, int]:
        its = read(tmp_path, SMALL.replace('kind = "openstack"', "\n".join(['kind = "openstack"', *lines])))
        (cloud,) = its.clouds
        assert isinstance(cloud, OpenStackSettings)
        return cloud.at_once, cloud.rate, len(its.advice)

    assert paced() == (100, inf, 0)
    assert paced("gentle = true") == (10, 0.5, 2)
    assert paced("starts_per_second = 2") == (100, 2.0, 1)
    assert paced("gentle = true", "concurrency = 4", "starts_per_second = 0.1") == (4, 0.1, 2)
    assert paced("gentle = true", "concurrency = 60", "starts_per_second = 3") == (10, 0.5, 2)


def test_what_is_left_out_has_a_safe_default(tmp_path: Path) -> None:
    its = read(tmp_path, SMALL)
    rule = its.rules["prod", Action.ENTER]
    assert rule.approvers == ()
    assert rule.requesters == ()
    assert rule.self_approval is False
    assert its.http.listen.host == "127.0.0.1"
    (prod,) = its.clouds
    assert isinstance(prod, OpenStackSettings)
    assert prod.entry == "prod"
    assert prod.shared_storage is None
    assert prod.cinder.runner == "none"


def test_the_nearest_word_about_policy_wins(tmp_path: Path) -> None:
    its = read(
        tmp_path,
        SMALL
        + """
[clouds.policy]
approvers = ["U0PROD"]
quorum = 2
[clouds.policy.exit]
quorum = 1
self_approval = true
typed_confirmation = true
escalate_to = ["S0CHIEFS", "S0CHIEFS"]
escalate_after = "5m"
remind_before = "2m"
[[clouds]]
name = "stage"
kind = "openstack"
[policy]
requesters = ["*"]
approvers = ["S0LEADS"]
expires = "1h30m"
[policy.evacuate]
expires = "10m"
quorum = 3
""",
    )
    rules = its.rules
    assert rules["prod", Action.ENTER].approvers == ("U0PROD",)
    assert rules["prod", Action.ENTER].quorum == 2
    assert rules["prod", Action.EXIT].quorum == 1
    assert rules["prod", Action.EXIT].self_approval is True
    assert rules["prod", Action.EXIT].typed_confirmation is True
    assert rules["prod", Action.EXIT].escalate_to == ("S0CHIEFS",)
    assert rules["prod", Action.EXIT].escalate_after == timedelta(minutes=5)
    assert rules["prod", Action.EXIT].remind_before == timedelta(minutes=2)
    assert rules["prod", Action.ENTER].escalate_to == ()
    assert rules["prod", Action.ENTER].typed_confirmation is False
    assert rules["prod", Action.EXIT].approvers == ("U0PROD",)
    assert rules["prod", Action.EVACUATE].quorum == 2
    assert rules["prod", Action.EVACUATE].expires == timedelta(minutes=10)
    assert rules["stage", Action.EVACUATE].quorum == 3
    assert rules["stage", Action.ENTER].approvers == ("S0LEADS",)
    assert rules["stage", Action.ENTER].expires == timedelta(minutes=90)
    assert all(rule.requesters == ("*",) for rule in rules.values())


def test_secrets_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "bot").write_text("xoxb-from-file\n")
    (tmp_path / "tower-password").write_text("pass phrase\n")
    env = {"SLACK_BOT_TOKEN_FILE": str(tmp_path / "bot"), "SLACK_APP_TOKEN": "xapp-1"}
    text = SMALL + TOWER + 'username = "bot"\npassword_file = "tower-password"\nsource = "LDAP"\n'
    its = read(tmp_path, text, env)
    tower = its.clouds[1]
    assert its.tokens.bot.reveal() == "xoxb-from-file"
    assert isinstance(tower, CloudTowerSettings)
    assert (tower.username, tower.password.reveal(), tower.source) == ("bot", "pass phrase", "LDAP")
    assert not tower.token


def test_http_mode_needs_the_signing_secret_and_no_app_token(tmp_path: Path) -> None:
    text = SMALL.replace("[slack]", '[slack]\nmode = "http"')
    its = read(tmp_path, text, {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s"})
    assert its.tokens.signing.reveal() == "s"
    assert not its.tokens.app
    (problem,) = complaints(tmp_path, text, {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"})
    assert problem.startswith("SLACK_SIGNING_SECRET: is not set.")


def test_a_database_address_with_a_password_comes_from_the_environment(tmp_path: Path) -> None:
    url = "postgresql://muster:planted-pw@db/muster"
    text = SMALL + '[store]\nurl_env = "MUSTER_DB"\n'
    its = read(tmp_path, text, {**ENV, "MUSTER_DB": url})
    assert its.store.address == url
    assert "planted" not in repr(its)
    (problem,) = complaints(tmp_path, SMALL + f'[store]\nurl = "{url}"\n')
    assert problem.startswith("store.url: holds a password")
    assert "planted" not in problem


def test_a_command_that_needs_only_the_database_needs_no_token(tmp_path: Path) -> None:
    path = tmp_path / "muster.toml"
    path.write_text(SMALL + TOWER + 'token_env = "NOT_SET"\n')
    assert load_store(path, {}, CLOUDS).address == "sqlite:///muster.db"
    path.write_text(SMALL + '[store]\nurl_env = "NOT_SET"\n')
    with pytest.raises(SettingsError, match="NOT_SET is not set in the environment"):
        load_store(path, {}, CLOUDS)


def test_an_ipv6_address_can_be_listened_on(tmp_path: Path) -> None:
    assert read(tmp_path, SMALL + '[http]\nlisten = "[::1]:0"\n').http.listen == ("::1", 0)


# secrets -----------------------------------------------------------------------------------------------------------


def test_no_secret_shows_in_what_is_printed() -> None:
    its = load(SAMPLE, ENV, CLOUDS)
    assert "planted" not in repr(its) + str(its) + f"{its.tokens.bot}"
    assert set(its.secrets) == {value for name, value in ENV.items() if name not in {"SLACK_SIGNING_SECRET", "SQLITE"}}
