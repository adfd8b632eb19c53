"""A table tells at once everything that is wrong with it, key by key, and understands what is right."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import ValidationError

from bot.domain.settings import kinds
from bot.domain.settings.cloud_settings import Certified, CloudSettings
from bot.domain.settings.secret import Secret
from bot.domain.settings.table import Complaint, Said, Table, missing, wrong


@dataclass
class Drawer:
    """A reader of secrets and files that lie in it."""

    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def variable(self, name: str) -> Secret:
        if name not in self.variables:
            raise wrong(f"{name} is not there.")
        return Secret(self.variables[name])

    def secret(self, path: str) -> Secret:
        return Secret(self.files[path])

    def file(self, path: str, *, what: str) -> Path:
        if path not in self.files:
            raise wrong(f"The {what} is not there.", "Put it there.")
        return Path("/drawer") / path


FULL = Drawer(variables={"TOKEN": "planted"}, files={"token": "planted-in-a-file", "ca.pem": "-"})


class Gate(Certified):
    """A server with a secret."""

    url: kinds.WebAddress
    token_env: kinds.SecretOfVariable | None = None
    token_file: kinds.SecretOfFile | None = None
    patience: Annotated[timedelta, kinds.duration("1s", "1h")] = timedelta(seconds=30)
    note: kinds.Text = ""
    release: kinds.Version = ""

    @classmethod
    def complaints(cls, said: Said) -> Iterator[Complaint]:
        yield from super().complaints(said)
        yield from missing(said, "token")

    @property
    def token(self) -> Secret | None:
        return self.token_env or self.token_file


RIGHT = {"url": "https://gate.example", "token_env": "TOKEN"}


def told(**keys: Any) -> list[tuple[str, str]]:
    """What is wrong with a gate of such keys: the key, and the sentence or pydantic's word for it."""
    with pytest.raises(ValidationError) as caught:
        Gate.model_validate(keys, context=FULL)
    assert "planted" not in str(caught.value)
    return [
        (str(detail["loc"][0]) if detail["loc"] else "", detail.get("ctx", {}).get("sentence") or detail["type"])
        for detail in caught.value.errors()
    ]


def test_what_keys_point_at_is_looked_up_by_the_reader_and_secrets_are_not_shown() -> None:
    gate = Gate.model_validate({**RIGHT, "ca_file": "ca.pem", "patience": "1m", "release": "6.4"}, context=FULL)
    assert (gate.token, gate.patience, gate.verify) == (Secret("planted"), timedelta(minutes=1), "/drawer/ca.pem")
    assert "planted" not in repr(gate)
    filed = Gate.model_validate({"url": gate.url, "token_file": "token", "insecure": True}, context=FULL)
    assert (filed.token, filed.verify) == (Secret("planted-in-a-file"), False)


def test_a_program_may_hand_in_what_is_looked_up_already() -> None:
    gate = Gate(url="http://gate", token_env=Secret("s"), patience=timedelta(days=9), ca_file=Path("/ca"))
    assert (gate.patience, gate.verify, gate.model_copy(update={"ca_file": None}).verify) == (
        timedelta(days=9),
        "/ca",
        True,
    )


def test_all_that_is_wrong_is_told_and_no_key_hides_what_several_say_together() -> None:
    assert told(url="https://u:p@gate", colour="red", ca_file="ca.pem", insecure=True) == [
        ("url", "holds credentials."),
        ("colour", "extra_forbidden"),
        ("insecure", "makes ca_file meaningless."),
        ("token_env", "is missing."),
    ]


def test_of_two_ways_to_a_secret_none_is_gone() -> None:
    assert told(url="https://gate", token_env="NOT_SET", token_file="nowhere") == [
        ("token_env", "is set, and so is token_file.")
    ]


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("url", "gate.example", "is not an http or https address."),
        ("url", "https://gate:port", "is not an http or https address."),
        ("url", 3, "string_type"),
        ("token_env", "planted secret", "is not the name of an environment variable."),
        ("token_env", "OTHER", "OTHER is not there."),
        ("token_env", 3, "string_type"),
        ("token_env", " ", "is empty."),
        ("patience", "2 seconds", "is not a duration."),
        ("patience", 30, "is not a duration."),
        ("patience", "2h", '"2h" is out of range.'),
        ("patience", "10ms", '"10ms" is out of range.'),
        ("note", " ", "is empty."),
        ("release", "6.x", "is not a version."),
        ("ca_file", "none.pem", "The certificate is not there."),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_in_a_sentence(key: str, value: object, sentence: str) -> None:
    assert told(**{**RIGHT, key: value}) == [(key, sentence)]


def test_what_is_no_table_is_called_so() -> None:
    with pytest.raises(ValidationError, match="model_type"):
        Gate.model_validate(3, context=FULL)


def test_a_table_that_says_nothing_of_several_keys_complains_of_none() -> None:
    assert list(Table.complaints({"anything": 1})) == []


def test_every_cloud_has_a_name_that_people_can_type_and_asks_for_nothing_costly_by_itself() -> None:
    cloud = CloudSettings(name="prod", kind="toy")
    assert (cloud.poll, cloud.api_timeout, cloud.advice) == (timedelta(seconds=2), timedelta(seconds=30), ())
    with pytest.raises(ValidationError, match="is not a name people can type"):
        CloudSettings(name="a/b", kind="toy")
