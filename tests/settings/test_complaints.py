"""A muster.toml or an environment that is wrong is answered with a list of everything that is wrong with it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.registry import CLOUDS
from bot.settings import SettingsError, load
from bot.settings.load import understand
from bot.settings.reading import Reading
from tests.settings.written import ENV, SMALL, TOWER, complaints


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
        "clouds.tower.token_env",
        "clouds.edge.kind",
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
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
        ('[store]\nurl = "sqlite:///a"\nurl_env = "SQLITE"\n', "store.url: is set, and so is url_env."),
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
            "clouds.tower.username: is set, and so is a token.",
        ),
        (TOWER + 'password_env = "BMC_89"\n', "clouds.tower.username: is missing."),
        (TOWER + 'username = "u"\n', "clouds.tower.password_env: is missing."),
        (
            TOWER + 'token_env = "TOWER_TOKEN"\ntoken_file = "t"\n',
            "clouds.tower.token_env: is set, and so is token_file.",
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


def test_what_keys_say_wrongly_together_is_told_beside_what_is_wrong_with_one(tmp_path: Path) -> None:
    more = (
        'concurency = 3\ninsecure = true\nca_file = "muster.toml"\npassword_env = "BMC_89"\npassword_file = "nowhere"\n'
    )
    problems = complaints(tmp_path, SMALL + TOWER + more)
    assert [problem.split(". ")[0] for problem in problems] == [
        "clouds.tower.concurency: is not a key known here",
        "clouds.tower.password_env: is set, and so is password_file",
        "clouds.tower.insecure: makes ca_file meaningless",
        "clouds.tower.username: is missing",
    ]


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
    assert problem.startswith("SLACK_BOT_TOKEN: is set, and so is SLACK_BOT_TOKEN_FILE.")


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
        load(path, ENV, CLOUDS)
    assert sentence in str(caught.value)


def test_a_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"absent\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "absent.toml", ENV, CLOUDS)


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
        understand(raw, Reading(env={}, folder=Path("/nonexistent"), kinds=CLOUDS))
    assert all(problem.key and problem.sentence for problem in caught.value.problems)
