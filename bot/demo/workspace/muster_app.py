"""The app that is installed in the emulated workspace: Muster, with exactly the rights of manifest.yml."""

from collections.abc import Mapping
from typing import Any

from bot.demo.workspace.people import App, SlashCommand


def installed(manifest: Mapping[str, Any]) -> App:
    """The app that Slack would make of a parsed manifest.

    Args:
        manifest: what manifest.yml holds, already valid by Slack's manifest schema.
    """
    features, settings = manifest["features"], manifest["settings"]
    home = features.get("app_home", {})
    return App(
        name=manifest["display_information"]["name"],
        scopes=tuple(sorted(manifest["oauth_config"]["scopes"]["bot"])),
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
    scopes=(
        "channels:history",
        "channels:join",
        "channels:read",
        "chat:write",
        "commands",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "mpim:read",
        "usergroups:read",
        "users:read",
    ),
    events=(
        "channel_archive",
        "channel_deleted",
        "channel_left",
        "group_archive",
        "group_deleted",
        "group_left",
        "member_joined_channel",
        "member_left_channel",
        "subteam_members_changed",
        "subteam_updated",
        "user_change",
    ),
    home_tab=False,
    messages_read_only=True,
    commands=(
        SlashCommand(
            name="/evacuate",
            description="Rebuild the VMs of a dead host elsewhere",
            usage_hint="[check] [cloud/]host [--to host] [--vm name-or-id …] [--reason text]",
            should_escape=False,
        ),
        SlashCommand(
            name="/maintenance",
            description="Empty a living host so that its hardware can be worked on",
            usage_hint=(
                "enter|exit [check] [cloud/]host [--at time] [--window 2h] [--then poweroff|reboot] [--reason text]"
            ),
            should_escape=False,
        ),
        SlashCommand(
            name="/muster",
            description="Look at operations, or get help",
            usage_hint=(
                "hosts [cloud] [text] | list | show ID | history [cloud/]host | audit ID | policy [cloud] | help"
            ),
            should_escape=False,
        ),
    ),
)
"""What `installed` makes of this project's manifest.yml; the package carries it because the file is not part of it."""
