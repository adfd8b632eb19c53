"""manifest.yml is what Slack takes, and holds exactly what the bot uses."""

import copy
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from bot.demo.web_api.endpoint import reference
from bot.slack.command_names import COMMANDS, CommandNames
from bot.slack.manifest import render
from bot.slack.scopes import SCOPES

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((Path(__file__).parent / "data" / "manifest.schema.2.0.0.json").read_text())
"""Slack's own, slackapi/manifest-schema, MIT."""

NOT_OF_A_METHOD = {
    "commands": "slash commands",
}


@pytest.fixture
def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text())
    return read


def complaints(manifest: Mapping[str, Any]) -> list[str]:
    return [error.message for error in Draft7Validator(SCHEMA).iter_errors(manifest)]


def test_slack_takes_it(manifest: dict[str, Any]) -> None:
    assert complaints(manifest) == []


@pytest.mark.parametrize(("name", "http"), [("manifest.yml", False), ("manifest.http.yml", True)])
def test_both_files_are_what_one_source_says(name: str, http: bool) -> None:
    assert (ROOT / name).read_text() == render(CommandNames(), http=http)


@pytest.mark.parametrize("http", [False, True])
def test_slack_takes_it_with_other_names_and_over_http(http: bool) -> None:
    text = render(CommandNames(prefix="ops-"), http=http, address="https://muster.example/")
    made = yaml.safe_load(text)
    assert complaints(made) == []
    commands = made["features"]["slash_commands"]
    assert [one["command"] for one in commands] == ["/ops-evacuate", "/ops-maintenance", "/ops-muster"]
    wanted = "https://muster.example/slack/events" if http else None
    assert {one.get("url") for one in commands} == {wanted}
    settings = made["settings"]
    assert settings["event_subscriptions"].get("request_url") == settings["interactivity"].get("request_url") == wanted
    assert settings["socket_mode_enabled"] is not http


def test_the_schema_would_find_a_mistake(manifest: dict[str, Any]) -> None:
    for path, value in [
        (("display_information", "name"), "M" * 36),
        (("features", "slash_commands", 0, "command"), "evacuate"),
        (("settings", "socket_mode"), True),
    ]:
        broken = copy.deepcopy(manifest)
        place: Any = broken
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        assert complaints(broken), path


def test_its_commands_are_those_the_bot_listens_to(manifest: dict[str, Any]) -> None:
    assert {one["command"] for one in manifest["features"]["slash_commands"]} == set(COMMANDS)


def test_every_usage_hint_can_be_understood_in_one_line(manifest: dict[str, Any]) -> None:
    for one in manifest["features"]["slash_commands"]:
        assert one["usage_hint"] == one["usage_hint"].strip()
        assert one["should_escape"] is False


def test_clicks_and_socket_mode_are_switched_on(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    assert settings["interactivity"] == {"is_enabled": True}
    assert settings["socket_mode_enabled"] is True
    assert settings["token_rotation_enabled"] is False


def test_its_events_are_those_the_bot_listens_to(manifest: dict[str, Any]) -> None:
    source = "".join(path.read_text() for path in _sources())
    listened = (
        set(re.findall(r'"((?:subteam|app|message|member|user|team|channel|group)_[a-z_]+)"', source)) & _events()
    )
    assert set(manifest["settings"]["event_subscriptions"]["bot_events"]) == listened


def test_its_scopes_are_those_that_check_asks_for_and_nothing_more(manifest: dict[str, Any]) -> None:
    assert manifest["oauth_config"]["scopes"]["bot"] == sorted(SCOPES)


def test_every_scope_is_needed_and_every_method_allowed(manifest: dict[str, Any]) -> None:
    """By Slack's own definitions of the methods that the source calls."""
    scopes = set(manifest["oauth_config"]["scopes"]["bot"])
    used: set[str] = set(NOT_OF_A_METHOD)
    called = set(_methods_called())
    assert {"chat.postMessage", "chat.update", "users.info", "usergroups.users.list"} <= called
    for method in called:
        needed = set((reference()[method].get("scope") or {}).get("bot") or [])
        assert not needed or needed & scopes, f"{method} needs one of {sorted(needed)}"
        used |= needed
    assert scopes <= used, f"never used: {sorted(scopes - used)}"


def _sources() -> Iterator[Path]:
    yield from (ROOT / "bot" / "slack").rglob("*.py")


def _methods_called() -> Iterator[str]:
    """Methods of Slack in the source, whether called on the client or by name, or by the library for an upload."""
    by_python_name = {name.replace(".", "_"): name for name in reference()}
    by_python_name["files_upload_v2"] = "files.completeUploadExternal"
    for path in _sources():
        for word in re.findall(
            r"\b(?:chat|conversations|users|usergroups|views|files|auth|reactions|pins)_\w+", path.read_text()
        ):
            if word in by_python_name:
                yield by_python_name[word]


def _events() -> set[str]:
    """Names of events that Slack has and a bot like this might listen to."""
    return {
        "channel_archive",
        "channel_deleted",
        "channel_left",
        "group_archive",
        "group_deleted",
        "group_left",
        "subteam_members_changed",
        "subteam_updated",
        "subteam_created",
        "app_home_opened",
        "app_mention",
        "user_change",
        "team_join",
        "member_joined_channel",
        "member_left_channel",
    }
