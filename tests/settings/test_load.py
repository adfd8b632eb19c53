"""muster.toml and the environment become settings, or a list of everything that is wrong with them."""

import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.values import Action
from bot.settings import CloudTowerSettings, OpenStackSettings, Secret, Settings, SettingsError, load, load_store
from bot.settings.load import understand

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
    return load(path, ENV if env is None else env)


def openstack_of(its: Settings) -> OpenStackSettings:
    first = its.clouds[0]
    assert isinstance(first, OpenStackSettings)
    return first


def complaints(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, text, env)
    return [str(problem) for problem in caught.value.problems]


# what is read ------------------------------------------------------------------------------------------------------


def test_the_sample_of_the_documentation_is_read_whole() -> None:
    its = load(SAMPLE, ENV)
    assert its.slack.mode == "socket"
    assert its.slack.api_url == "https://slack.com/api/"
    assert its.slack.bot_token.reveal() == "xoxb-1-planted-bot"
    assert its.store.url == "sqlite:///muster.db"
    assert (its.http.host, its.http.port) == ("127.0.0.1", 3000)
    prod, tower = its.clouds
    assert isinstance(prod, OpenStackSettings)
    assert (prod.name, prod.cloud, prod.concurrency, prod.poll) == ("prod", "prod", 10, 2.0)
    assert prod.minimum_version == "6.4.3.0.0.0"
    assert prod.evacuated_vms == "running"
    assert (prod.cinder.runner, prod.cinder.host) == ("ssh", "controller-1")
    assert prod.cinder.command == ("cinder-manage", "--config-file", "/etc/cinder/cinder.conf")
    assert prod.redfish["compute-89"].url == "https://bmc-89/redfish/v1/Systems/1"
    assert prod.redfish["compute-89"].password.reveal() == "planted-bmc"
    assert isinstance(tower, CloudTowerSettings)
    assert (tower.url, tower.token.reveal()) == ("https://tower.example/v2/api", "planted-tower")
    rule = its.rules["prod", Action.EVACUATE]
    assert rule.requesters == ("S0SRE",)
    assert rule.approvers == ("S0LEADS", "U0CHIEF")
    assert rule.expires == timedelta(minutes=30)
    assert set(its.rules) == {(cloud, action) for cloud in ("prod", "tower") for action in Action}


def test_everything_that_the_sample_says_is_in_effect() -> None:
    assert load(SAMPLE, ENV).not_in_effect == ()


def test_a_language_without_effect_is_named(tmp_path: Path) -> None:
    text = SMALL.replace("[slack]", '[slack]\nlocale = "zh-CN"')
    assert [sentence.split(" ")[0] for sentence in read(tmp_path, text).not_in_effect] == ["slack.locale"]
    assert read(tmp_path, SMALL).not_in_effect == ()


def test_what_is_left_out_has_a_safe_default(tmp_path: Path) -> None:
    its = read(tmp_path, SMALL)
    rule = its.rules["prod", Action.ENTER]
    assert rule.approvers == ()
    assert rule.requesters == ()
    assert rule.self_approval is False
    assert its.http.host == "127.0.0.1"
    (prod,) = its.clouds
    assert isinstance(prod, OpenStackSettings)
    assert prod.cloud == "prod"
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
    assert its.slack.bot_token.reveal() == "xoxb-from-file"
    assert isinstance(tower, CloudTowerSettings)
    assert (tower.username, tower.password.reveal(), tower.source) == ("bot", "pass phrase", "LDAP")
    assert not tower.token


def test_http_mode_needs_the_signing_secret_and_no_app_token(tmp_path: Path) -> None:
    text = SMALL.replace("[slack]", '[slack]\nmode = "http"')
    its = read(tmp_path, text, {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "s"})
    assert its.slack.signing_secret.reveal() == "s"
    assert not its.slack.app_token
    (problem,) = complaints(tmp_path, text, {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"})
    assert problem.startswith("SLACK_SIGNING_SECRET: is not set.")


def test_a_database_address_with_a_password_comes_from_the_environment(tmp_path: Path) -> None:
    url = "postgresql://muster:planted-pw@db/muster"
    text = SMALL + '[store]\nurl_env = "MUSTER_DB"\n'
    its = read(tmp_path, text, {**ENV, "MUSTER_DB": url})
    assert its.store.url == url
    assert "planted" not in repr(its)
    (problem,) = complaints(tmp_path, SMALL + f'[store]\nurl = "{url}"\n')
    assert problem.startswith("store.url: holds a password")
    assert "planted" not in problem


def test_a_command_that_needs_only_the_database_needs_no_token(tmp_path: Path) -> None:
    path = tmp_path / "muster.toml"
    path.write_text(SMALL + TOWER + 'token_env = "NOT_SET"\n')
    assert load_store(path, {}).url == "sqlite:///muster.db"
    path.write_text(SMALL + '[store]\nurl_env = "NOT_SET"\n')
    with pytest.raises(SettingsError, match="NOT_SET is not set in the environment"):
        load_store(path, {})


def test_an_ipv6_address_can_be_listened_on(tmp_path: Path) -> None:
    assert read(tmp_path, SMALL + '[http]\nlisten = "[::1]:0"\n').http.host == "::1"


# what is refused ---------------------------------------------------------------------------------------------------


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    problems = complaints(
        tmp_path,
        """
[slack]
mode = "sockets"
incident_chanel = "C0INCIDENT"
[policy]
expires = 30
approvers = ["@leads"]
quorum = 0
[store]
url = "mysql://db"
[[clouds]]
name = "prod"
kind = "openstack"
concurency = 3
poll = "2 seconds"
[[clouds]]
name = "tower"
kind = "cloudtower"
url = "https://tower.example"
token_env = "NO_SUCH"
[[clouds]]
name = "edge"
kind = "openstak"
""",
        {},
    )
    keys = [problem.split(": ")[0] for problem in problems]
    assert keys == [
        "slack.mode",
        "slack.incident_channel",
        "slack.incident_chanel",
        "store.url",
        "policy.approvers[1]",
        "policy.quorum",
        "policy.expires",
        "clouds.prod.poll",
        "clouds.prod.concurency",
        "clouds.tower.url",
        "clouds.edge.kind",
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "clouds.tower.token_env",
    ]
    assert all(problem.endswith((".", "?")) for problem in problems)


@pytest.mark.parametrize(
    ("addition", "sentence"),
    [
        ("[slak]\n", 'slak: is not a key known here. Did you mean "slack"?'),
        ("[slack.zzz]\n", "slack.zzz: is not a key known here. Known here: api_url,"),
        ("[http]\nlisten = 3000\n", "http.listen: must be a text. Write it in quotes"),
        ('[http]\nlisten = "3000"\n', "http.listen: is not an address to listen on."),
        ('[http]\nlisten = "localhost:99999"\n', "http.listen: is not an address to listen on."),
        ('[policy]\nquorum = "2"\n', "policy.quorum: must be a whole number."),
        ("[policy]\nquorum = true\n", "policy.quorum: must be a whole number."),
        ("[policy]\nquorum = 21\n", "policy.quorum: is too large. It must be at most 20."),
        ('[policy]\nself_approval = "no"\n', "policy.self_approval: must be true or false."),
        ('[policy]\napprovers = "U0CHIEF"\n', "policy.approvers: must be a list."),
        ('[policy]\napprovers = ["*"]\n', 'policy.approvers[1]: "*" is not the id of a person or a user group.'),
        ("[policy.evacuat]\nquorum = 2\n", 'policy.evacuat: is not a key known here. Did you mean "evacuate"?'),
        (
            "[policy.evacuate]\nquorums = 2\n",
            'policy.evacuate.quorums: is not a key known here. Did you mean "quorum"?',
        ),
        ('[policy]\nexpires = "10s"\n', 'policy.expires: "10s" is out of range. It must be between 1m and 7d.'),
        ('[log]\nlevel = "loud"\n', "log.level: is not one of the words known here. Write 'debug', 'info'"),
        ('[store]\nurl = "sqlite://muster.db"\n', "store.url: names no file."),
        ('[store]\nurl = "postgresql://host:port/x"\n', "store.url: is not a database Muster can use."),
        ('[store]\nurl_file = " "\n', "store.url_file: is empty."),
        (
            TOWER.replace("https", "ftp") + 'token_env = "TOWER_TOKEN"\n',
            "clouds.tower.url: is not an http or https address.",
        ),
        (
            '[[clouds]]\nname = "x"\nkind = "openstack"\nminimum_version = "6.x"\n',
            "clouds.x.minimum_version: is not a version.",
        ),
        (
            '[[clouds]]\nname = "x"\nkind = "openstack"\npriority_metadata = "muster/priority"\n',
            "clouds.x.priority_metadata: cannot be the key of a VM's metadata.",
        ),
        ('[store]\nurl = "postgresql:///muster"\n', "store.url: names no host."),
        ('[store]\nurl = "sqlite:///a"\nurl_env = "SQLITE"\n', "store.url: is there, and url_env too."),
        ('[store]\nurl_env = "BMC_89"\n', "store.url_env: leads to what is not a database Muster can use."),
        ('[clouds]\nname = "x"\n', "muster.toml: is not TOML"),
        ('[[clouds]]\nkind = "openstack"\n', "clouds[2].name: is missing. Add the name people type before a host."),
        ('[[clouds]]\nname = "x"\n', 'clouds.x.kind: is missing. Write one of: "openstack", "cloudtower".'),
        ('[[clouds]]\nname = "PROD"\nkind = "openstack"\n', "clouds.PROD.name: is the name of two clouds."),
        ('[[clouds]]\nname = "a/b"\nkind = "openstack"\n', "clouds.a/b.name: is not a name people can type"),
        ('[[clouds]]\nname = "x"\nkind = "openstack"\nclouds_file = "none.yaml"\n', 'clouds.x.clouds_file: "'),
        (
            '[[clouds]]\nname = "x"\nkind = "openstack"\ncinder = { runner = "ssh" }\n',
            "clouds.x.cinder.host: is missing.",
        ),
        (
            '[[clouds]]\nname = "x"\nkind = "openstack"\ncinder = { command = [] }\n',
            "clouds.x.cinder.command: is empty.",
        ),
        (TOWER, "clouds.tower.token_env: is missing. Name an environment variable that holds the token"),
        (
            TOWER + 'token_env = "TOWER_TOKEN"\nusername = "u"\npassword_env = "BMC_89"\n',
            "clouds.tower.username: is there, and a token too.",
        ),
        (TOWER + 'password_env = "BMC_89"\n', "clouds.tower.username: is missing."),
        (TOWER + 'username = "u"\n', "clouds.tower.password_env: is missing."),
        (
            TOWER + 'token_env = "TOWER_TOKEN"\ntoken_file = "t"\n',
            "clouds.tower.token_env: is there, and token_file too.",
        ),
        (TOWER + 'token_file = "nowhere"\n', "clouds.tower.token_file: "),
        (
            TOWER + 'token_env = "TOWER_TOKEN"\ninsecure = true\nca_file = "muster.toml"\n',
            "clouds.tower.insecure: makes ca_file meaningless.",
        ),
        (
            TOWER.replace("https://", "https://u:p@") + 'token_env = "TOWER_TOKEN"\n',
            "clouds.tower.url: holds credentials.",
        ),
    ],
)
def test_a_wrong_value_is_told_with_its_key_and_a_remedy(tmp_path: Path, addition: str, sentence: str) -> None:
    problems = complaints(tmp_path, SMALL + addition)
    shown = [problem.replace(str(tmp_path) + "/", "") for problem in problems]
    assert len(shown) == 1, shown
    assert shown[0].startswith(sentence)


def test_a_channel_is_named_by_its_id(tmp_path: Path) -> None:
    (problem,) = complaints(tmp_path, SMALL.replace("C0INCIDENT", "#incidents"))
    assert problem.startswith("slack.incident_channel: is not the id of a channel. Ids begin with C or G")


def test_a_key_of_another_kind_of_cloud_is_not_taken_silently(tmp_path: Path) -> None:
    (problem,) = complaints(tmp_path, SMALL + 'token_env = "TOWER_TOKEN"\n')
    assert problem.startswith("clouds.prod.token_env: is not a key known here.")


@pytest.mark.parametrize(
    ("addition", "key", "remedy"),
    [
        (TOWER + 'token = "planted-tower"\n', "clouds.tower.token", "token_env"),
        (TOWER + 'token_env = "planted tower/secret"\n', "clouds.tower.token_env", "Name the variable"),
        (TOWER + 'username = "u"\npassword = "planted"\n', "clouds.tower.password", "password_env"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path, addition: str, key: str, remedy: str) -> None:
    problems = complaints(tmp_path, SMALL + addition)
    assert any(problem.startswith(key + ":") and remedy in problem for problem in problems)
    assert "planted" not in "".join(problems)


def test_a_slack_token_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    (problem,) = complaints(tmp_path, SMALL.replace("[slack]", '[slack]\nbot_token = "xoxb-planted"'))
    assert problem == (
        "slack.bot_token: does not belong here: secrets never stand in this file. "
        "Remove it and set SLACK_BOT_TOKEN in the environment."
    )


def test_a_token_of_the_wrong_kind_is_told_apart_without_showing_it(tmp_path: Path) -> None:
    problems = complaints(tmp_path, SMALL, {"SLACK_BOT_TOKEN": "xapp-planted", "SLACK_APP_TOKEN": "xoxb-planted"})
    assert [problem.split(". ")[0] for problem in problems] == [
        'SLACK_BOT_TOKEN: does not begin with "xoxb-"',
        'SLACK_APP_TOKEN: does not begin with "xapp-"',
    ]
    assert "planted" not in "".join(problems)


def test_a_token_given_twice_is_refused(tmp_path: Path) -> None:
    (problem,) = complaints(tmp_path, SMALL, {**ENV, "SLACK_BOT_TOKEN_FILE": "somewhere"})
    assert problem.startswith("SLACK_BOT_TOKEN: is set, and SLACK_BOT_TOKEN_FILE too.")


@pytest.mark.parametrize("content", [b"", b"  \n", b"\xff\xfe", b"two\nlines", b"x" * 70_000])
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    (problem,) = complaints(tmp_path, SMALL + TOWER + 'token_file = "token"\n')
    assert problem.startswith("clouds.tower.token_file: ")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[slack", "is not TOML: "),
        (b"\xff\xfe", "is not UTF-8 text."),
        (b"#" * (1024 * 1024 + 1), "is too large to be a settings file."),
        (b"clouds = 3", "clouds: must be a list of tables."),
        (b"", "slack: is missing. Add a [slack] table"),
    ],
)
def test_a_file_that_is_no_settings_file_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "muster.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load(path, ENV)
    assert sentence in str(caught.value)


def test_a_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "absent.toml", ENV)


# secrets -----------------------------------------------------------------------------------------------------------


def test_no_secret_shows_in_what_is_printed() -> None:
    its = load(SAMPLE, ENV)
    assert "planted" not in repr(its) + str(its) + f"{its.slack.bot_token}"
    assert set(its.secrets) == {value for name, value in ENV.items() if name not in {"SLACK_SIGNING_SECRET", "SQLITE"}}


def test_a_secret_is_equal_to_itself_only_and_cannot_be_written_down() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1
    with pytest.raises(TypeError):
        pickle.dumps(Secret("a"))


json_like = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "slack": json_like,
            "store": json_like | st.fixed_dictionaries({"url": json_like, "url_env": json_like}),
            "http": json_like,
            "policy": json_like | st.fixed_dictionaries({"approvers": json_like, "evacuate": json_like}),
            "clouds": json_like
            | st.lists(
                st.fixed_dictionaries(
                    {"name": json_like, "kind": st.sampled_from(["openstack", "cloudtower"])},
                    optional={
                        "token_env": json_like,
                        "token_file": json_like,
                        "cinder": json_like,
                        "fencing": json_like | st.fixed_dictionaries({"redfish": json_like}),
                    },
                ),
                max_size=3,
            ),
        },
    ),
)
def test_whatever_a_file_holds_the_answer_is_a_list_of_problems(raw: dict[str, Any]) -> None:
    with pytest.raises(SettingsError) as caught:
        understand(raw, env={}, folder=Path("/nonexistent"))
    assert all(problem.key and problem.sentence for problem in caught.value.problems)
