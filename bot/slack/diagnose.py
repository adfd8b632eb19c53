"""Would the Slack side work? Tokens, scopes, the incident channel, and whether anybody could ask and approve."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.check import Line
from bot.domain.policy import EVERYONE, Rule
from bot.domain.values import Action

SCOPES: Mapping[str, str] = {
    "commands": "slash commands",
    "chat:write": "cards, threads and private answers",
    "chat:write.public": "cards in public channels it was not invited to",
    "channels:read": "looking at the incident channel",
    "groups:read": "looking at a private incident channel",
    "channels:history": "not posting a line twice after a crash",
    "groups:history": "not posting a line twice after a crash, in private channels",
    "im:history": "not posting a private answer twice after a crash",
    "im:write": "private answers where it cannot post",
    "users:read": "who is a full member",
    "usergroups:read": "who may ask and approve",
}
"""The bot's scopes and what each is for; the same as in manifest.yml."""

_MEANINGS = {
    "invalid_auth": ("Slack does not know this token.", "Copy it from the app's settings again."),
    "not_authed": ("Slack does not know this token.", "Copy it from the app's settings again."),
    "account_inactive": ("This token belongs to a removed app or person.", "Install the app again and copy its token."),
    "token_revoked": ("This token was revoked.", "Install the app again and copy its token."),
    "token_expired": ("This token has expired.", "Switch token rotation off in the app's settings, or copy a new one."),
    "not_allowed_token_type": ("This is a token of the wrong kind.", "Use the App-Level Token that begins with xapp-."),
    "missing_scope": ("The token lacks a scope.", "Give the app the scopes of manifest.yml and install it again."),
    "plan_upgrade_required": (
        "This workspace's plan has no user groups.",
        "Name people instead of groups in [policy], or upgrade the plan.",
    ),
    "channel_not_found": ("Slack shows the bot no such channel.", "Correct the id; if it is private, /invite the bot."),
    "user_not_found": ("Slack knows no such person.", "Correct the id in [policy]."),
    "no_such_subteam": ("Slack knows no such user group.", "Correct the id in [policy]."),
    "ratelimited": ("Slack asks us to slow down.", "Try again in a minute."),
}


class _Silence(Exception):
    """Slack said no, or nothing."""

    def __init__(self, *, sentence: str, remedy: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.remedy = remedy


@dataclass
class _Roster:
    """Full members by person and group id, as far as Slack told."""

    people: set[str] = field(default_factory=set)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)

    def who(self, ids: Iterable[str]) -> frozenset[str]:
        """The full members that a list of people and groups names."""
        found: set[str] = set()
        for one in ids:
            found |= self.groups.get(one, frozenset())
            if one in self.people:
                found.add(one)
        return frozenset(found)


async def diagnose(
    client: AsyncWebClient,
    *,
    app_token: str,
    incident_channel: str,
    rules: Mapping[tuple[str, Action], Rule],
) -> Sequence[Line]:
    """Look at everything the Slack side relies on. Changes and posts nothing.

    Args:
        client: with the bot token and the address of Slack's API.
        app_token: for Socket Mode; empty in http mode, where it is not needed.
        incident_channel: id.
        rules: the policy of every cloud and action that is offered.
    """
    lines = [*(await _token(client))]
    works = not lines[0].complaint
    if app_token:
        lines.append(await _app_token(client, app_token))
    if not works:
        lines.append(
            Line(
                title="Slack, channel and people",
                complaint="not looked at, because the bot token does not work.",
                remedy="Mend the token and check again.",
            ),
        )
        return [*lines, *_unusable(rules)]
    lines.append(await _channel(client, incident_channel))
    roster = _Roster()
    lines.extend(await _groups(client, _named(rules, "S"), roster))
    lines.extend(await _people(client, _named(rules, "UW"), roster))
    return [*lines, *_policy(rules, roster)]


async def _call(client: AsyncWebClient, method: str, **arguments: Any) -> Any:
    """Call a reading method.

    Raises:
        _Silence: Slack said no, or nothing.
    """
    try:
        return await getattr(client, method)(**arguments)
    except SlackApiError as error:
        answer = getattr(error.response, "data", error.response)
        code = str(answer.get("error")) if isinstance(answer, Mapping) else "nothing that can be read"
        sentence, remedy = _MEANINGS.get(code, (f"Slack answered: {code}.", "Check slack.api_url and try again."))
        raise _Silence(sentence=sentence, remedy=remedy) from error
    except (aiohttp.ClientError, SlackClientError, TimeoutError, OSError) as error:
        raise _Silence(
            sentence=f"{client.base_url} does not answer ({type(error).__name__}).",
            remedy="Check slack.api_url and that this machine may reach it.",
        ) from error


async def _token(client: AsyncWebClient) -> Sequence[Line]:
    title = "Slack, token of the bot"
    try:
        answer = await _call(client, "auth_test")
    except _Silence as silence:
        return [_wrong(title, silence)]
    lines = [Line(title=title, detail=f"acts as @{answer.get('user')} in {answer.get('team')}")]
    headers = {str(name).lower(): value for name, value in answer.headers.items()}
    granted = {scope.strip() for scope in str(headers.get("x-oauth-scopes", "")).split(",")}
    lacking = [scope for scope in SCOPES if scope not in granted]
    if not lacking:
        return [*lines, Line(title="Slack, scopes", detail="all granted")]
    lines.extend(
        Line(
            title="Slack, scopes",
            complaint=f"{scope} is missing; it is for {SCOPES[scope]}.",
            remedy="Give the app the scopes of manifest.yml and install it again.",
        )
        for scope in lacking
    )
    return lines


async def _app_token(client: AsyncWebClient, app_token: str) -> Line:
    title = "Slack, token of the app"
    try:
        await _call(client, "apps_connections_open", app_token=app_token)
    except _Silence as silence:
        return _wrong(title, silence)
    return Line(title=title, detail="Socket Mode may connect")


async def _channel(client: AsyncWebClient, id: str) -> Line:
    title = "Slack, incident channel"
    try:
        channel = (await _call(client, "conversations_info", channel=id))["channel"]
    except _Silence as silence:
        return _wrong(title, silence)
    name = f"#{channel.get('name', id)}"
    if channel.get("is_archived"):
        return Line(title=title, complaint=f"{name} is archived.", remedy="Name another in slack.incident_channel.")
    if not channel.get("is_member"):
        return Line(
            title=title, complaint=f"the bot is not in {name}.", remedy="Type /invite and the bot's name there."
        )
    return Line(title=title, detail=name)


async def _groups(client: AsyncWebClient, ids: Sequence[str], roster: _Roster) -> Sequence[Line]:
    if not ids:
        return []
    try:
        answer = await _call(client, "usergroups_list")
    except _Silence as silence:
        return [_wrong("Slack, user groups", silence)]
    known = {group["id"]: group for group in answer["usergroups"]}
    return [await _group(client, one, known.get(one), roster) for one in ids]


async def _group(client: AsyncWebClient, id: str, group: Mapping[str, Any] | None, roster: _Roster) -> Line:
    if group is None or group.get("date_delete"):
        sentence, remedy = _MEANINGS["no_such_subteam"]
        return Line(title=f"user group {id}", complaint=sentence, remedy=remedy)
    title = f"user group @{group.get('handle', id)}"
    try:
        answer = await _call(client, "usergroups_users_list", usergroup=id)
        members = [user for user in answer["users"] if await _standing(client, user) == ""]
    except _Silence as silence:
        return _wrong(title, silence)
    roster.groups[id] = frozenset(members)
    if not members:
        return Line(title=title, complaint="has no full members.", remedy="Add people to it in Slack.")
    return Line(title=title, detail=f"{len(members)} full member{'s' if len(members) > 1 else ''}")


async def _people(client: AsyncWebClient, ids: Sequence[str], roster: _Roster) -> Sequence[Line]:
    lines = []
    for one in ids:
        title = f"person {one}"
        try:
            standing = await _standing(client, one)
        except _Silence as silence:
            lines.append(_wrong(title, silence))
            continue
        if standing:
            lines.append(
                Line(title=title, complaint=f"{standing}, and can never act.", remedy="Take them out of [policy].")
            )
        else:
            roster.people.add(one)
            lines.append(Line(title=title, detail="full member"))
    return lines


async def _standing(client: AsyncWebClient, id: str) -> str:
    """Why a person can never act; empty for a full member."""
    user = (await _call(client, "users_info", user=id))["user"]
    if user.get("deleted"):
        return "is deactivated"
    if user.get("is_bot") or id == "USLACKBOT":
        return "is a bot"
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return "is a guest"
    return "belongs to another workspace" if user.get("is_stranger") else ""


def _policy(rules: Mapping[tuple[str, Action], Rule], roster: _Roster) -> Sequence[Line]:
    """Whether somebody could ask for each action, and enough people could approve it."""
    return [
        Line(title=title, detail=f"{rule.quorum} of {len(roster.who(rule.approvers))} approvers needed")
        if not (complaint := _impossible(rule, roster))
        else Line(title=title, complaint=complaint[0], remedy=complaint[1])
        for title, rule in _grouped(rules)
    ]


def _unusable(rules: Mapping[tuple[str, Action], Rule]) -> Sequence[Line]:
    """The complaints about policy that need no Slack to be seen."""
    return [
        Line(title=title, complaint=complaint[0], remedy=complaint[1])
        for title, rule in _grouped(rules)
        if (complaint := _nobody(rule))
    ]


def _nobody(rule: Rule) -> tuple[str, str] | None:
    if not rule.requesters:
        return "nobody may ask: requesters is empty.", 'Name people or user groups in requesters, or "*".'
    if not rule.approvers:
        return "nobody may approve: approvers is empty.", "Name people or user groups in approvers."
    return None


def _impossible(rule: Rule, roster: _Roster) -> tuple[str, str] | None:
    if complaint := _nobody(rule):
        return complaint
    approvers = roster.who(rule.approvers)
    if not approvers:
        return "nobody of those named in approvers can act.", "See the people and groups above."
    if len(approvers) < rule.quorum:
        return (
            f"{rule.quorum} approvals are needed, but only {len(approvers)} can approve.",
            "Add approvers or lower quorum.",
        )
    if EVERYONE in rule.requesters:
        return None
    requesters = roster.who(rule.requesters)
    if not requesters:
        return "nobody of those named in requesters can act.", "See the people and groups above."
    if not rule.self_approval and all(len(approvers - {one}) < rule.quorum for one in requesters):
        return (
            "whoever asks is needed to approve, and nobody approves their own request.",
            "Add approvers or lower quorum.",
        )
    return None


def _grouped(rules: Mapping[tuple[str, Action], Rule]) -> Sequence[tuple[str, Rule]]:
    """Rules with a title each; actions of a cloud with the same rule share a line."""
    shared: dict[tuple[str, Rule], list[str]] = {}
    for (cloud, action), rule in rules.items():
        shared.setdefault((cloud, rule), []).append(action.value)
    return [(f"policy of {cloud} ({', '.join(actions)})", rule) for (cloud, rule), actions in shared.items()]


def _named(rules: Mapping[tuple[str, Action], Rule], initials: str) -> Sequence[str]:
    """Ids with one of these initials in any rule, in the order of the file, each once."""
    lists = [ids for rule in rules.values() for ids in (rule.requesters, rule.approvers, rule.break_glass)]
    return list(dict.fromkeys(one for ids in lists for one in ids if one[0] in initials))


def _wrong(title: str, silence: _Silence) -> Line:
    return Line(title=title, complaint=silence.sentence, remedy=silence.remedy)
