"""[watch] and [alertmanager]: defaults, tokens and what is wrong with them."""

import io
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.registry import CLOUDS
from bot.cli import check
from bot.settings import SettingsError, load
from tests.settings.written import ENV

BARE = '[slack]\nincident_channel = "C0INCIDENT"\n[[clouds]]\nname = "prod"\nkind = "openstack"\n'


def written(tmp_path: Path, more: str = "") -> Path:
    path = tmp_path / "muster.toml"
    path.write_text(BARE.replace("[[clouds]]", f"{more}\n[[clouds]]"))
    return path


def test_hosts_are_watched_and_no_alert_is_taken_unless_a_token_is_there(tmp_path: Path) -> None:
    settings = load(written(tmp_path), ENV, CLOUDS)
    assert (settings.watch.hosts, settings.watch.every) == (True, timedelta(seconds=15))
    assert settings.watch.left_over_after == timedelta(hours=4)
    assert not settings.tokens.alertmanager
    assert (settings.alertmanager.host_label, settings.alertmanager.cloud_label) == ("instance", "cloud")


def test_the_token_comes_from_the_environment_or_from_a_file_and_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    plain = load(written(tmp_path), ENV | {"ALERTMANAGER_TOKEN": "from-the-environment"}, CLOUDS)
    named = load(written(tmp_path, '[alertmanager]\ntoken_env = "OTHER"'), ENV | {"OTHER": "from-another"}, CLOUDS)
    filed = load(written(tmp_path, '[alertmanager]\ntoken_file = "token"'), ENV, CLOUDS)
    given = load(written(tmp_path), ENV | {"ALERTMANAGER_TOKEN_FILE": str(tmp_path / "token")}, CLOUDS)
    tokens = [s.tokens.alertmanager.reveal() for s in (plain, named, filed, given)]
    assert tokens == ["from-the-environment", "from-another", "from-a-file", "from-a-file"]
    assert "from-the-environment" in plain.secrets
    assert "from-the-environment" not in repr(plain)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('[alertmanager]\ntoken_env = "NOT_SET"', "alertmanager.token_env"),
        ('[alertmanager]\ntoken_file = "nowhere"', "alertmanager.token_file"),
        ('[alertmanager]\ntoken = "planted"', "alertmanager.token"),
        ('[alertmanager]\ncloud = "elsewhere"', "alertmanager.cloud"),
        ('[alertmanager]\nhost_label = "no label"', "alertmanager.host_label"),
        ('[watch]\nevery = "1ms"', "watch.every"),
        ('[watch]\nleft_over_after = "soon"', "watch.left_over_after"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(tmp_path: Path, more: str, key: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load(written(tmp_path, more), ENV, CLOUDS)
    assert [problem.key for problem in wrong.value.problems] == [key]
    assert "planted" not in str(wrong.value)


@pytest.mark.parametrize(
    ("has_token", "said"),
    [
        (True, "✓ alertmanager: POST /hook takes alerts from whoever has the token"),
        (False, "– alertmanager: no token is configured, so /hook answers 404; set ALERTMANAGER_TOKEN to take alerts"),
    ],
)
async def test_check_says_whether_alerts_are_taken(has_token: bool, said: str) -> None:
    out = io.StringIO()
    assert await check.report([check.of_webhook("/hook", has_token=has_token)], out) == 0
    assert out.getvalue().splitlines()[0] == said
