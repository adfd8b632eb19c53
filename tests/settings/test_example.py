"""docs/muster.example.toml shows every key, and what it shows as defaults are the defaults."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from bot.settings import load, shape
from bot.settings.sentences import table_in
from tests.settings.written import ENV, openstack_of

EXAMPLE = Path(__file__).parents[2] / "docs" / "muster.example.toml"


def keys(table: type[BaseModel]) -> Iterator[str]:
    for key, field in table.model_fields.items():
        yield key
        inner = table_in(field.annotation)
        if inner is not None and inner is not table:
            yield from keys(inner)


def test_every_key_is_shown() -> None:
    shown = set(re.findall(r"[a-z_]+(?=(?: = |[\]. ]|$))", EXAMPLE.read_text(), re.MULTILINE))
    known = set(keys(shape.File)) | set(keys(shape.OpenStack)) | set(keys(shape.CloudTower))
    assert known - shown == set()


def test_every_line_that_is_commented_out_is_understood_too(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=(\"compute-89\"|\[|[a-z_]+ = ))", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    for alternative in ("url_env", "url_file", "token_env", "token_file", "username", "password_env", "password_file"):
        text = re.sub(rf"^{alternative} = .*\n", "", text, flags=re.MULTILINE)
    for name in ("clouds.yaml", "id_ed25519", "known_hosts", "tower-ca.pem", "token"):
        (tmp_path / name).write_text("-")
    text = text.replace('kind = "cloudtower"', 'kind = "cloudtower"\ntoken_file = "token"')
    (tmp_path / "muster.toml").write_text(text)
    prod = openstack_of(load(tmp_path / "muster.toml", ENV))
    assert prod.cinder.host == "controller-1"


def test_it_can_be_used_and_shows_the_defaults(tmp_path: Path) -> None:
    whole = load(EXAMPLE, ENV)
    raw = tomllib.loads(EXAMPLE.read_text())
    bare = tmp_path / "muster.toml"
    bare.write_text(
        '[slack]\nincident_channel = "C0INCIDENT"\n[[clouds]]\nname = "prod"\nkind = "openstack"\n'
        '[[clouds]]\nname = "tower"\nkind = "cloudtower"\n'
        'url = "https://tower.example/v2/api"\ntoken_env = "TOWER_TOKEN"\n'
    )
    least = load(bare, ENV)
    assert (whole.slack, whole.store, whole.http, whole.log) == (least.slack, least.store, least.http, least.log)
    assert whole.clouds == least.clouds
    assert raw["policy"]["expires"] == "30m"
