"""The Slack app's manifest for given settings: the two files of this project, and what `muster manifest` prints."""

from bot.slack.command_names import COMMANDS, EVACUATE, MAINTENANCE, MUSTER, CommandNames
from bot.slack.inbound import grammar
from bot.slack.scopes import SCOPES

ADDRESS = "https://your.address"
"""Stands in a manifest for http mode until somebody writes their own."""
EVENTS = (
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
)
_SOCKET = """\
# The Slack app: create it at https://api.slack.com/apps → Create New App → From a manifest, and paste this file.
# Then: Install to Workspace (SLACK_BOT_TOKEN), and Basic Information → App-Level Tokens → connections:write
# (SLACK_APP_TOKEN). For mode "http" there is manifest.http.yml. `muster manifest` prints the one for your settings.
"""
_HTTP = """\
# The Slack app for mode "http": create it at https://api.slack.com/apps → Create New App → From a manifest, and paste
# this file with your own address. Then: Install to Workspace (SLACK_BOT_TOKEN), and Basic Information → Signing Secret
# (SLACK_SIGNING_SECRET). Let nothing but /slack/events be reached from outside. `muster manifest` prints the one for
# your settings.
"""
_HEAD = """\
_metadata:
  major_version: 2
  minor_version: 1
display_information:
  name: Muster
  description: Empties a hypervisor safely, asked for and approved in Slack
  long_description: >-
    Plans, gets approved and carries out the evacuation of a failed hypervisor (OpenStack) and host maintenance
    (OpenStack, SmartX CloudTower). It shows which VMs are affected and what happens to each, lets the on-call leads
    decide about exactly that plan, and tells in the thread until every VM is verified. Every decision is recorded.
  background_color: "#1d4f7c"
features:
  app_home:
    home_tab_enabled: false
    messages_tab_enabled: true # private answers arrive there when the bot cannot post where you asked
    messages_tab_read_only_enabled: true
  bot_user:
    display_name: muster
    always_online: true
  slash_commands:
"""
DESCRIPTIONS = {
    EVACUATE: "Rebuild the VMs of a dead host elsewhere",
    MAINTENANCE: "Empty a living host so that its hardware can be worked on",
    MUSTER: "Look at operations, or get help",
}


def render(names: CommandNames, *, http: bool, address: str = ADDRESS) -> str:
    """The manifest as YAML.

    Args:
        names: of the commands.
        http: whether Slack comes to us instead of us connecting to it (Socket Mode).
        address: where Slack reaches us then, without a path.
    """
    url = f"{address.rstrip('/')}/slack/events"
    lines = [(_HTTP if http else _SOCKET) + _HEAD.rstrip("\n")]
    for command in COMMANDS:
        lines.append(f"    - command: {names.typed(command)}")
        lines += [f"      url: {url}"] if http else []
        lines.append(f"      description: {DESCRIPTIONS[command]}")
        lines.append(f'      usage_hint: "{hint(command)}"')
        lines.append("      should_escape: false")
    lines += ["oauth_config:", "  scopes:", "    bot:"]
    lines += [f"      - {scope} # {SCOPES[scope]}" for scope in sorted(SCOPES)]
    lines += ["settings:", "  event_subscriptions:"]
    lines += [f"    request_url: {url}"] if http else []
    lines += ["    bot_events:", *(f"      - {event}" for event in EVENTS)]
    lines += ["  interactivity:", "    is_enabled: true"]
    lines += [f"    request_url: {url}"] if http else []
    lines += [
        "  org_deploy_enabled: false",
        f"  socket_mode_enabled: {'false' if http else 'true'}",
        "  token_rotation_enabled: false",
    ]
    return "\n".join(lines) + "\n"


def hint(command: str) -> str:
    """What may follow a command, for those who type it."""
    return grammar.usage(command).strip("`").partition(f"{command} ")[2]
