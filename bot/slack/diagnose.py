"""Would the Slack side work? Tokens, scopes, the incident channel, and whether anybody could ask and approve."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.counting import counted
from bot.domain.diagnosis import Line
from bot.domain.errors import CouldNotAsk
from bot.domain.ports import Clock
from bot.domain.rules.policy import EVERYONE, Rule, Standing
from bot.domain.values import Action, UserId
from bot.runtime.clock import SystemClock
from bot.slack import reachability
from bot.slack.conversations import is_shared
from bot.slack.outbound.recipients import DirectMessages, Recipients
from bot.slack.people import SlackPeople
from bot.slack.retries import Retries
from bot.slack.scopes import SCOPES
from bot.slack.wire import SlackError, SlackSilent, answer

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
    "no_such_subteam": ("Slack knows no such user group.", "Correct the id in [policy]."),
    "ratelimited": ("Slack asks us to slow down.", "Try again in a minute."),
}


_STANDINGS = {
    Standing.GUEST: "is a guest",
    Standing.BOT: "is a bot",
    Standing.DEACTIVATED: "is deactivated",
    Standing.FOREIGN: "is not a member of this workspace",
}


@dataclass
class _Roster:
    """Full members by person and group id, as far as Slack told."""

    people: set[str] = field(default_factory=set)
    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)  #: groups with more members than were asked about

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
    direct_messages: DirectMessages = DirectMessages.ABSENT,
    external: bool = False,
    clock: Clock | None = None,
) -> Sequence[Line]:
    """Look at everything the Slack side relies on. Changes and posts nothing.

    Args:
        client: with the bot token and the address of Slack's API.
        app_token: for Socket Mode; empty in http mode, where it is not needed.
        incident_channel: id.
        rules: the policy of every cloud and action that is offered.
        direct_messages: who of those who are called gets one.
        external: whether something may be said in channels that are shared with other organisations.
        clock: by which it waits when Slack says so; None: the machine's.
    """
    lines = [*await _token(client)]
    works = not lines[0].complaint
    if app_token:
        lines.append(await _app_token(client, app_token))
    if not works:
        lines.append(
            Line(
                title="Slack, channel and people",
                complaint="not looked at, because the bot token does not work.",
                remedy="Fix the token and check again.",
            ),
        )
        return [*lines, *_unusable(rules)]
    channel = await _channel(client, incident_channel, external=external)
    lines.append(channel)
    roster = _Roster()
    retries = Retries(clock or SystemClock())
    people = SlackPeople(client, clock or SystemClock(), rules={})
    enough = max((rule.quorum for rule in rules.values()), default=0) + 1  # the requester does not count
    lines.extend(await _groups(client, _named(rules, "S"), people, roster, retries, enough))
    lines.extend([await _person(one, people, roster, retries) for one in _named(rules, "UW")])
    lines.extend(_policy(rules, roster))
    if not channel.complaint:
        recipients = Recipients(client, SystemClock(), people, direct_messages)
        lines.append(await reachability.diagnose(client, recipients, incident_channel, rules, retries))
    return lines


def _wrong(title: str, error: SlackError, client: AsyncWebClient) -> Line:
    """What an error of Slack means here."""
    if isinstance(error, SlackSilent):
        sentence, remedy = f"{client.base_url} does not answer ({error.code}).", "Check slack.api_url and the network."
    else:
        sentence, remedy = _MEANINGS.get(error.code, (f"Slack answered: {error.code}.", "Check slack.api_url."))
    return Line(title=title, complaint=sentence, remedy=remedy)


async def _token(client: AsyncWebClient) -> Sequence[Line]:
    title = "Slack, token of the bot"
    headers: dict[str, str] = {}

    async def asked() -> AsyncSlackResponse:
        response = await client.auth_test()
        headers.update({str(name).lower(): str(value) for name, value in response.headers.items()})
        return response

    try:
        told = await answer(asked())
    except SlackError as error:
        return [_wrong(title, error, client)]
    lines = [Line(title=title, detail=f"acts as @{told.get('user')} in {told.get('team')}")]
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
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
        await answer(client.apps_connections_open(app_token=app_token))
    except SlackError as error:
        return _wrong(title, error, client)
    return Line(title=title, detail="Socket Mode may connect")


async def _channel(client: AsyncWebClient, id: str, *, external: bool) -> Line:
    title = "Slack, incident channel"
    try:
        channel = (await answer(client.conversations_info(channel=id)))["channel"]
    except SlackError as error:
        return _wrong(title, error, client)
    name = f"#{channel.get('name', id)}"
    if channel.get("is_archived"):
        return Line(title=title, complaint=f"{name} is archived.", remedy="Name another in slack.incident_channel.")
    if is_shared(channel) and not external:
        return Line(
            title=title,
            complaint=f"{name} is shared with another organisation, so Muster posts nothing there.",
            remedy="Name another in slack.incident_channel, or set slack.external_channels = true.",
        )
    if not channel.get("is_member") and not channel.get("is_private"):
        return Line(title=title, detail=f"{name}, which Muster joins when it first posts there")
    if not channel.get("is_member"):
        return Line(
            title=title, complaint=f"the bot is not in {name}.", remedy="Type /invite and the bot's name there."
        )
    return Line(title=title, detail=name)


async def _groups(
    client: AsyncWebClient,
    ids: Sequence[str],
    people: SlackPeople,
    roster: _Roster,
    retries: Retries,
    enough: int,
) -> Sequence[Line]:
    if not ids:
        return []
    try:
        told = await retries.ask(lambda: answer(client.usergroups_list()))
    except SlackError as error:
        return [_wrong("Slack, user groups", error, client)]
    handles = {group["id"]: group["handle"] for group in told["usergroups"] if not group.get("date_delete")}
    lines = []
    for one in ids:
        if one not in handles:
            sentence, remedy = _MEANINGS["no_such_subteam"]
            lines.append(Line(title=f"user group {one}", complaint=sentence, remedy=remedy))
            continue
        title = f"user group @{handles[one]}"
        try:
            listed = await retries.ask(partial(_listed, client, one))
            lines.append(await _members(title, one, listed["users"], people, roster, retries, enough))
        except SlackError as error:
            lines.append(_wrong(title, error, client))
    return lines


async def _listed(client: AsyncWebClient, group: str) -> Mapping[str, Any]:
    return await answer(client.usergroups_users_list(usergroup=group))


async def _members(
    title: str, id: str, members: Sequence[str], people: SlackPeople, roster: _Roster, retries: Retries, enough: int
) -> Line:
    """Slack tells of one person at a time whether they are a full member: no more are asked about than matter."""
    full: list[str] = []
    for asked, one in enumerate(members, start=1):
        try:
            standing = (await retries.ask(partial(people.actor, UserId(one)))).standing
        except CouldNotAsk as error:
            return Line(title=title, complaint=f"its members are not known: {error.sentence}", remedy=error.remedy)
        if standing is Standing.FULL_MEMBER:
            full.append(one)
        if len(full) >= enough and asked < len(members):
            roster.groups[id] = frozenset(full)
            roster.cut.add(id)
            return Line(title=title, detail=f"{len(full)} full members at least, of {counted(len(members), 'member')}")
    roster.groups[id] = frozenset(full)
    if not full:
        return Line(title=title, complaint="has no full members.", remedy="Add people to it in Slack.")
    return Line(title=title, detail=counted(len(full), "full member"))


async def _person(id: str, people: SlackPeople, roster: _Roster, retries: Retries) -> Line:
    title = f"person {id}"
    try:
        standing = (await retries.ask(lambda: people.actor(UserId(id)))).standing
    except CouldNotAsk as error:
        return Line(title=title, complaint=error.sentence, remedy=error.remedy)
    if standing is not Standing.FULL_MEMBER:
        complaint = f"{_STANDINGS[standing]}, and can never act."
        return Line(title=title, complaint=complaint, remedy="Take them out of [policy] or correct the id.")
    roster.people.add(id)
    return Line(title=title, detail="full member")


def _policy(rules: Mapping[tuple[str, Action], Rule], roster: _Roster) -> Sequence[Line]:
    """Whether somebody could ask for each action, and enough people could approve it."""
    return [
        Line(title=title, detail=f"{rule.quorum} of {_approvers(rule, roster)} needed")
        if not (complaint := _impossible(rule, roster))
        else Line(title=title, complaint=complaint[0], remedy=complaint[1])
        for title, rule in _grouped(rules)
    ]


def _approvers(rule: Rule, roster: _Roster) -> str:
    least = "at least " if roster.cut & set(rule.approvers) else ""
    return f"{least}{len(roster.who(rule.approvers))} approvers"


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
            f"{counted(rule.quorum, 'approval is', 'approvals are')} needed, but only {len(approvers)} can approve.",
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
    lists = [
        ids for rule in rules.values() for ids in (rule.requesters, rule.approvers, rule.break_glass, rule.escalate_to)
    ]
    return list(dict.fromkeys(one for ids in lists for one in ids if one[0] in initials))
