"""docs/muster.example.toml shows every key of the models once, with a comment and its default, and no other key."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from adapters.redfish.settings import BmcSettings
from adapters.registry import CLOUDS
from bot.domain.rules.policy import Rule
from bot.settings import keys, load
from bot.settings.sentences import table_in
from tests.settings.written import ENV, openstack_of

EXAMPLE = Path(__file__).parents[2] / "docs" / "muster.example.toml"
POLICY = "policy"
LINE = re.compile(r'^(# )?([a-z_]+) = ((?:"[^"]*"|\[[^\]]*\]|[^#\s])+) *(?:# *(.*))?$', re.MULTILINE)
BY_NAME = ("redfish",)
"""Tables whose keys are names that an operator gives."""


class Line(NamedTuple):
    """A key as the example shows it."""

    key: str
    value: Any
    is_set: bool  #: it does not stand behind "#"
    comment: str  #: with the lines below that have nothing else


def shown() -> Mapping[str, list[Line]]:
    """The lines of each table; the tables of a cloud are named after its kind."""
    text = re.sub(r"\n {20,}# ?(?=\S)", " ", EXAMPLE.read_text())
    tables: dict[str, list[Line]] = {}
    kind = ""
    for part in re.split(r"^(?=\[)", text, flags=re.MULTILINE)[1:]:
        if found := re.search(r'^kind = "(\w+)"', part, re.MULTILINE):
            kind = found[1]
        table = re.sub(r"^clouds", kind, re.findall(r"^\[+([a-z.]+)", part)[0])
        tables[table] = [
            Line(key, tomllib.loads(f"v = {value}")["v"], not behind, comment)
            for behind, key, value, comment in LINE.findall(part)
        ]
    return tables


def models() -> Mapping[str, type[BaseModel]]:
    """The model of each table, by the same names."""
    known: dict[str, type[BaseModel]] = {}

    def add(name: str, model: type[BaseModel]) -> None:
        known[name] = model
        for key, field in model.model_fields.items():
            inner = table_in(field.annotation)
            if inner is not None and key not in BY_NAME and inner is not keys.Terms:
                add(f"{name}.{key}", inner)

    for key, field in keys.SettingsFile.model_fields.items():
        inner = table_in(field.annotation)
        if inner is not None and key != "clouds":
            add(key, inner)
    for kind, its in CLOUDS.items():
        add(kind, its.settings)
    return known


def own_keys(model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """The keys of a table that are no tables themselves."""
    return {key: field for key, field in model.model_fields.items() if table_in(field.annotation) is None}


TABLES = sorted(models())


def test_no_table_is_missing_and_none_is_too_many() -> None:
    rules = {
        "policy.evacuate",
        "openstack.policy",
        "openstack.fencing.redfish",
    }  # tables that may stand anywhere, or of any name
    assert set(shown()) - rules == {name for name, model in models().items() if own_keys(model)}


@pytest.mark.parametrize("table", TABLES)
def test_each_key_stands_there_once_with_a_comment_and_no_other_does(table: str) -> None:
    there = shown().get(table, [])
    assert sorted(line.key for line in there) == sorted(own_keys(models()[table]))
    silent = [line.key for line in there if not line.comment and not line.key.endswith(("_env", "_file"))]
    assert silent == []


@pytest.mark.parametrize("table", [name for name in TABLES if name != POLICY])
def test_what_is_set_is_the_default_and_what_is_needed_is_called_so(table: str) -> None:
    fields = own_keys(models()[table])
    for line in shown().get(table, []):
        field = fields[line.key]
        assert line.comment.startswith("needed") == field.is_required(), line
        if line.key.endswith(("_env", "_file")):
            continue  # one of them is needed, or none
        if line.is_set and not field.is_required() and table != "freezes":
            value = TypeAdapter(field.rebuild_annotation()).validate_python(line.value)
            assert value == field.get_default(call_default_factory=True), line
        if not line.is_set:
            assert field.get_default() in (None, ""), line


def test_what_the_example_says_of_policy_is_what_holds_where_nothing_is_said() -> None:
    fields, bare = own_keys(keys.Terms), Rule(requesters=(), approvers=())
    for line in shown()[POLICY]:
        value = TypeAdapter(fields[line.key].rebuild_annotation()).validate_python(line.value)
        if line.key not in {"requesters", "approvers"}:
            assert value == (list(held) if isinstance(held := getattr(bare, line.key), tuple) else held), line


@pytest.mark.parametrize("table", TABLES)
def test_the_comment_names_every_other_word_that_a_key_may_hold(table: str) -> None:
    fields = own_keys(models()[table])
    for line in shown().get(table, []):
        annotation = fields[line.key].annotation
        if get_origin(annotation) is Literal:
            others = {word for word in get_args(annotation) if word != line.value}
            assert {word for word in others if f'"{word}"' not in line.comment} == set(), line


def test_the_keys_of_a_bmc_are_shown_too() -> None:
    (bmc,) = re.findall(r'# "compute-89" = \{.*\}.*\n#.*', EXAMPLE.read_text())
    assert set(BmcSettings.model_fields) <= set(re.findall(r"[a-z_]+", bmc))


def test_every_line_that_is_commented_out_is_understood_too(tmp_path: Path) -> None:
    text = re.sub(r"^# (?=(\"compute-89\"|\[|[a-z_]+ = ))", "", EXAMPLE.read_text(), flags=re.MULTILINE)
    for alternative in ("url_env", "url_file", "token_env", "token_file", "username", "password_env", "password_file"):
        text = re.sub(rf"^{alternative} = .*\n", "", text, flags=re.MULTILINE)
    for name in ("clouds.yaml", "id_ed25519", "known_hosts", "tower-ca.pem", "token"):
        (tmp_path / name).write_text("-")
    text = text.replace('kind = "cloudtower"', 'kind = "cloudtower"\ntoken_file = "token"')
    (tmp_path / "muster.toml").write_text(text)
    prod = openstack_of(load(tmp_path / "muster.toml", ENV, CLOUDS))
    assert prod.cinder.host == "controller-1"


def test_it_can_be_used_and_shows_the_defaults(tmp_path: Path) -> None:
    whole = load(EXAMPLE, ENV, CLOUDS)
    bare = tmp_path / "muster.toml"
    bare.write_text(
        '[slack]\nincident_channel = "C0INCIDENT"\n[[clouds]]\nname = "prod"\nkind = "openstack"\n'
        '[[clouds]]\nname = "tower"\nkind = "cloudtower"\n'
        'url = "https://tower.example/v2/api"\ntoken_env = "TOWER_TOKEN"\n'
    )
    least = load(bare, ENV, CLOUDS)
    assert (whole.slack, whole.store, whole.http, whole.log) == (least.slack, least.store, least.http, least.log)
    assert whole.clouds == least.clouds
