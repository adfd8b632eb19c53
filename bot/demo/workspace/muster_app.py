"""The app that is installed in the emulated workspace: Muster, with exactly the rights of manifest.yml."""

from collections.abc import Mapping
from typing import Any

from bot.demo.workspace.people import App, SlashCommand
from bot.slack import manifest
from bot.slack.command_names import COMMANDS
from bot.slack.scopes import SCOPES


def installed(read: Mapping[str, Any]) -> App:
    """The app that Slack would make of a parsed manifest.

    Args:
        read: what manifest.yml holds, already valid by Slack's manifest schema.
    """
    features, settings = read["features"], read["settings"]
    home = features.get("app_home", {})
    return App(
        name=read["display_information"]["name"],
        scopes=tuple(sorted(read["oauth_config"]["scopes"]["bot"])),
        events=tuple(sorted(settings.get("event_subscriptions", {}).get("bot_events", ()))),
        home_tab=bool(home.get("home_tab_enabled")),
        messages_read_only=bool(home.get("messages_tab_read_only_enabled")),
        commands=tuple(
            SlashCommand(
                name=command["command"],
                description=command["description"],
                usage_hint=command.get("usage_hint", ""),
                should_escape=bool(command.get("should_escape")),
            )
            for command in features.get("slash_commands", ())
        ),
        shortcuts={
            shortcut["callback_id"]: shortcut["name"]
            for shortcut in features.get("shortcuts", ())
            if shortcut["type"] == "global"
        },
    )


MUSTER = App(
    scopes=tuple(sorted(SCOPES)),
    events=manifest.EVENTS,
    home_tab=False,
    messages_read_only=True,
    commands=tuple(
        SlashCommand(
            name=command,
            description=manifest.DESCRIPTIONS[command],
            usage_hint=manifest.hint(command),
            should_escape=False,
        )
        for command in COMMANDS
    ),
)
"""What `installed` makes of this project's manifest.yml; the package carries what that is made from, not the file."""
