"""`muster check` says of each part whether it would work, and what to do when not."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.cli import check
from bot.cli.check import Outcome, Question
from bot.demo.delivery.faults import SlackFaults
from bot.demo.server import Served, serve
from bot.demo.workspace.people import Channel, UserGroup
from bot.demo.workspace.workspace import Workspace, standard_workspace
from bot.domain.cloud import Unreachable
from bot.domain.diagnosis import Line
from bot.domain.ports import StoreFailed
from bot.domain.rules.policy import Rule
from bot.domain.values import Action
from bot.slack.diagnose import diagnose
from bot.slack.outbound.recipients import DirectMessages
from bot.slack.scopes import SCOPES
from tests.clocks import FastClock

RULE = Rule(requesters=("S0SRE",), approvers=("S0LEADS",))
Rules = Mapping[tuple[str, Action], Rule]


@pytest.fixture
def ws() -> Workspace:
    workspace = standard_workspace()
    workspace.app = replace(workspace.app, scopes=tuple(SCOPES))
    return workspace


@pytest.fixture
async def slack(ws: Workspace) -> AsyncIterator[Served]:
    async with serve(ws) as served:
        yield served


async def lines(slack: Served, rules: Rules | None = None, **changes: Any) -> Sequence[str]:
    client = AsyncWebClient(
        token=changes.pop("bot_token", slack.bot_token), base_url=changes.pop("api_url", slack.api_url), timeout=30
    )
    found = await diagnose(
        client,
        **{
            "app_token": slack.app_token,
            "incident_channel": "C0INCIDENT",
            "rules": {("prod", action): RULE for action in Action} if rules is None else rules,
        }
        | changes,
    )
    return [f"{'✗' if line.complaint else '✓'} {line.title}: {line.complaint or line.detail}" for line in found]


async def wrong(slack: Served, rules: Rules | None = None, **changes: Any) -> Sequence[str]:
    return [line[2:] for line in await lines(slack, rules, **changes) if line.startswith("✗")]


# Slack -------------------------------------------------------------------------------------------------------------


async def test_a_workspace_in_order_is_fine_in_every_line(slack: Served) -> None:
    assert await lines(slack) == [
        "✓ Slack, token of the bot: acts as @muster in Muster Demo",
        "✓ Slack, scopes: all granted",
        "✓ Slack, token of the app: Socket Mode may connect",
        "✓ Slack, incident channel: #incidents",
        "✓ user group @sre: 2 full members",
        "✓ user group @on-call-leads: 2 full members",
        "✓ policy of prod (enter, exit, evacuate, rehome): 1 of 2 approvers needed",
        "✓ approvers, to be called: all are in the incident channel",
    ]
    assert not any(method.startswith(("chat.", "views.", "files.")) for method, _ in slack.api.calls)


async def test_without_a_working_bot_token_the_rest_is_still_looked_at(slack: Served) -> None:
    rules = {("prod", Action.ENTER): replace(RULE, approvers=())}
    assert await wrong(slack, rules, bot_token="xoxb-planted", app_token=slack.bot_token) == [
        "Slack, token of the bot: Slack does not know this token.",
        "Slack, token of the app: This is a token of the wrong kind.",
        "Slack, channel and people: not looked at, because the bot token does not work.",
        "policy of prod (enter): nobody may approve: approvers is empty.",
    ]


async def test_in_http_mode_no_app_token_is_asked_about(slack: Served) -> None:
    assert not any("of the app" in line for line in await lines(slack, app_token=""))


async def test_each_missing_scope_is_named_with_what_it_is_for(slack: Served, ws: Workspace) -> None:
    ws.app = replace(ws.app, scopes=tuple(scope for scope in SCOPES if scope not in {"im:write", "commands"}))
    assert await wrong(slack) == [
        "Slack, scopes: commands is missing; it is for slash commands.",
        (
            "Slack, scopes: im:write is missing; it is for private answers where it cannot post, and calls to who is in neither"
            " conversation."
        ),
    ]


@pytest.mark.parametrize(("direct", "mark"), [(DirectMessages.ABSENT, "✓"), (DirectMessages.NEVER, "✗")])
async def test_approvers_whom_no_mention_reaches_are_named(
    slack: Served, ws: Workspace, direct: DirectMessages, mark: str
) -> None:
    ws.kick("C0INCIDENT", "U0CAROL")
    (line,) = [one for one in await lines(slack, direct_messages=direct) if "to be called" in one]
    assert line.startswith(mark)
    assert line.endswith((": Carol Lindqvist (U0CAROL).", ": Carol Lindqvist (U0CAROL)"))
    assert "Bob" not in line


async def test_where_slack_does_not_show_who_is_in_the_incident_channel_nobody_is_said_to_be_missing(
    slack: Served,
) -> None:
    slack.faults.refuse("fetch_members_failed", method="conversations.members", times=9)
    said = [line for line in await lines(slack) if "approvers, to be called" in line]
    assert said == ["✗ approvers, to be called: where they are is not known (fetch_members_failed)."]


async def test_a_public_incident_channel_where_the_bot_is_not_is_joined_later(slack: Served, ws: Workspace) -> None:
    ws.kick("C0INCIDENT", "U0MUSTER")
    assert "✓ Slack, incident channel: #incidents, which Muster joins when it first posts there" in await lines(slack)


@pytest.fixture
def crowd(ws: Workspace) -> Sequence[str]:
    everybody = [f"U0CROWD{n:04}" for n in range(1_000)]
    ws.users.update({id: replace(ws.users["U0DAVE"], id=id, name=id.lower()) for id in everybody})
    ws.groups["S0SRE"] = replace(ws.groups["S0SRE"], users=tuple(everybody))
    return everybody


async def test_of_a_group_of_a_thousand_no_more_are_asked_about_than_matter(
    slack: Served, crowd: Sequence[str]
) -> None:
    rules = {("prod", Action.ENTER): replace(RULE, approvers=("S0SRE",), quorum=3)}
    found = await lines(slack, rules)
    assert "✓ user group @sre: 4 full members at least, of 1,000 members" in found
    assert "✓ policy of prod (enter): 3 of at least 4 approvers needed" in found
    asked = [args for method, args in slack.api.calls if method == "users.info"]
    assert len(asked) <= 4 + 20
    assert len(crowd) == 1_000


async def test_when_slack_asks_to_wait_the_check_waits(slack: Served) -> None:
    slack.faults.rate_limit(20, method="users.info")
    slack.faults.rate_limit(20, method="usergroups.users.list")
    assert await wrong(slack, clock=FastClock(100)) == []
    slack.faults.rate_limit(3_600, method="users.info", times=9)
    assert any("(ratelimited)" in line for line in await wrong(slack, clock=FastClock(100)))


async def test_a_lacking_right_to_read_is_told_where_it_bites(slack: Served, ws: Workspace) -> None:
    ws.app = replace(ws.app, scopes=("commands",))
    found = await wrong(slack)
    assert "Slack, incident channel: The token lacks a scope." in found
    assert "Slack, user groups: The token lacks a scope." in found


@pytest.mark.parametrize(
    ("channel", "sentence"),
    [
        (
            Channel(id="C0INCIDENT", name="incidents", members={"U0MUSTER"}, is_ext_shared=True),
            "#incidents is shared with another organisation, so Muster posts nothing there.",
        ),
        (Channel(id="C0INCIDENT", name="incidents", members={"U0MUSTER"}, is_archived=True), "#incidents is archived."),
        (Channel(id="C0INCIDENT", name="x", is_private=True), "Slack shows the bot no such channel."),
    ],
)
async def test_an_incident_channel_that_cannot_be_used_is_told(
    slack: Served, ws: Workspace, channel: Channel, sentence: str
) -> None:
    ws.channels["C0INCIDENT"] = channel
    assert await wrong(slack) == [f"Slack, incident channel: {sentence}"]


async def test_people_who_can_never_act_are_named(slack: Served) -> None:
    rules = {
        ("prod", Action.ENTER): replace(
            RULE, requesters=("U0GUEST", "U0GONE", "U0OTHER", "U0MUSTER", "U0NOBODY", "U0ALICE")
        )
    }
    assert await wrong(slack, rules) == [
        "person U0GUEST: is a guest, and can never act.",
        "person U0GONE: is deactivated, and can never act.",
        "person U0OTHER: is not a member of this workspace, and can never act.",
        "person U0MUSTER: is a bot, and can never act.",
        "person U0NOBODY: is not a member of this workspace, and can never act.",
    ]


async def test_a_group_that_is_unknown_disabled_or_empty_is_told(slack: Served, ws: Workspace) -> None:
    ws.groups["S0OFF"] = UserGroup(id="S0OFF", handle="off", name="Off", users=("U0BOB",), disabled=True)
    ws.groups["S0EMPTY"] = UserGroup(id="S0EMPTY", handle="empty", name="Empty", users=("U0GONE",))
    rules = {("prod", Action.ENTER): replace(RULE, approvers=("S0OFF", "S0EMPTY", "S0NONE"))}
    assert await wrong(slack, rules) == [
        "user group S0OFF: Slack knows no such user group.",
        "user group @empty: has no full members.",
        "user group S0NONE: Slack knows no such user group.",
        "policy of prod (enter): nobody of those named in approvers can act.",
    ]


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (Rule(requesters=(), approvers=("U0BOB",)), "nobody may ask: requesters is empty."),
        (Rule(requesters=("*",), approvers=()), "nobody may approve: approvers is empty."),
        (Rule(requesters=("*",), approvers=("S0LEADS",), quorum=3), "3 approvals are needed, but only 2 can approve."),
        (
            Rule(requesters=("U0BOB",), approvers=("U0BOB",)),
            "whoever asks is needed to approve, and nobody approves their own request.",
        ),
        (
            Rule(requesters=("S0LEADS",), approvers=("S0LEADS",), quorum=2),
            "whoever asks is needed to approve, and nobody approves their own request.",
        ),
        (Rule(requesters=("S0SRE",), approvers=("S0LEADS", "U0BOB"), quorum=2), None),
        (Rule(requesters=("U0BOB",), approvers=("U0BOB",), self_approval=True), None),
        (Rule(requesters=("*",), approvers=("S0LEADS",), quorum=2), None),
    ],
)
async def test_a_policy_under_which_nothing_could_ever_start_is_told(
    slack: Served, rule: Rule, complaint: str | None
) -> None:
    expected = [f"policy of prod (exit): {complaint}"] if complaint else []
    assert await wrong(slack, {("prod", Action.EXIT): rule}) == expected


async def test_requesters_who_cannot_act_leave_nobody_to_ask(slack: Served) -> None:
    found = await wrong(slack, {("prod", Action.EXIT): replace(RULE, requesters=("U0GONE",))})
    assert found[-1] == "policy of prod (exit): nobody of those named in requesters can act."


async def test_a_slack_that_does_not_answer_is_told_with_its_address(slack: Served) -> None:
    address = "http://127.0.0.1:9/api/"
    found = await wrong(slack, {}, api_url=address)
    assert found[0].startswith(f"Slack, token of the bot: {address} does not answer (")
    assert found[1].startswith(f"Slack, token of the app: {address} does not answer (")


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (lambda faults: faults.refuse("token_revoked", method="auth.test"), "This token was revoked."),
        (
            lambda faults: faults.refuse("team_access_not_granted", method="auth.test"),
            "Slack answered: team_access_not_granted.",
        ),
        (lambda faults: faults.rate_limit(30, method="auth.test"), "Slack asks us to slow down."),
        (lambda faults: faults.fail(503, method="auth.test"), "{api} does not answer (HTTP 503)."),
    ],
)
async def test_a_refusal_of_slack_is_told_in_words(
    slack: Served, harm: Callable[[SlackFaults], object], sentence: str
) -> None:
    harm(slack.faults)
    assert f"Slack, token of the bot: {sentence.format(api=slack.api_url)}" in await wrong(slack, {})


# the report --------------------------------------------------------------------------------------------------------


async def printed(*questions: Question, **options: Any) -> tuple[Outcome, list[str]]:
    out = io.StringIO()
    outcome = await check.report(questions, out, **options)
    return outcome, out.getvalue().splitlines()


def saying(*found: Line, title: str = "part") -> Question:
    async def ask() -> Sequence[Line]:
        return found

    return Question(title=title, ask=ask)


def failing(error: Exception, title: str = "part") -> Question:
    async def ask() -> Sequence[Line]:
        raise error

    return Question(title=title, ask=ask)


async def test_when_all_is_well_the_exit_code_is_0() -> None:
    outcome, text = await printed(saying(Line(title="store", detail="schema 0001"), Line(title="clock")))
    assert outcome == 0
    assert text == ["✓ store: schema 0001", "✓ clock", "", "All is well (2 looked at)."]


async def test_everything_is_asked_though_much_is_broken_and_the_order_stays() -> None:
    waiting = asyncio.Event()

    async def slow() -> Sequence[Line]:
        await waiting.wait()
        return [Line(title="first", detail="came late")]

    async def quick() -> Sequence[Line]:
        waiting.set()
        return [Line(title="second", complaint="broken.", remedy="Mend it.")]

    outcome, text = await printed(
        Question(title="first", ask=slow),
        Question(title="second", ask=quick),
        failing(Unreachable("https://keystone does not answer.", remedy="Check the address."), title="cloud prod"),
        failing(StoreFailed("The database does not answer."), title="store"),
        failing(KeyError("surprise"), title="other"),
    )
    assert outcome == 1
    assert text == [
        "✓ first: came late",
        "✗ second: broken.",
        "    → Mend it.",
        "✗ cloud prod: https://keystone does not answer.",
        "    → Check the address.",
        "✗ store: The database does not answer.",
        "    → Check [store] and that the database runs; before the first start, `muster migrate` makes it.",
        "✗ other: KeyError: 'surprise'",
        "",
        "5 looked at, 4 wrong.",
    ]


async def test_a_part_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "QUESTION_SECONDS", 0.05)

    async def never() -> Sequence[Line]:
        await asyncio.Event().wait()
        return []

    outcome, text = await printed(Question(title="cloud prod", ask=never))
    assert outcome == 1
    assert text[0] == "✗ cloud prod: no answer within 0.05 s."


async def test_secrets_and_control_characters_do_not_reach_the_terminal() -> None:
    _, text = await printed(
        saying(Line(title="cloud \x1b[31mred", complaint="told planted-secret\nand more", remedy="use planted-secret")),
        hide=lambda line: line.replace("planted-secret", "•••"),
    )
    assert text[0] == "✗ cloud  [31mred: told ••• and more"
    assert text[1] == "    → use •••"


async def test_what_is_set_but_does_nothing_is_noted_and_not_wrong() -> None:
    outcome, text = await printed(check.of_settings(["slack.locale: texts are in English in this release."]))
    assert outcome == 0
    assert text[:2] == ["✓ settings: can be used", "– settings: slack.locale: texts are in English in this release."]
    assert text[-1] == "All is well (1 looked at)."


def cloud(*complaints: str) -> Any:
    async def look() -> Sequence[str]:
        return complaints

    return SimpleNamespace(name="prod", actions=frozenset({Action.EVACUATE, Action.ENTER}), check=look)


async def test_each_complaint_of_a_cloud_is_a_line() -> None:
    _, text = await printed(check.of_cloud(cloud("no admin rights.", "too old.")), check.of_cloud(cloud()))
    assert text[:3] == [
        "✗ cloud prod: no admin rights.",
        "✗ cloud prod: too old.",
        "✓ cloud prod: reachable, with all rights for enter, evacuate",
    ]


async def test_the_store_says_what_was_found() -> None:
    async def look() -> str:
        return "schema 0001, 12 operations"

    _, text = await printed(check.of_store(look))
    assert text[0] == "✓ store: schema 0001, 12 operations"


def test_settings_that_cannot_be_read_have_an_exit_code_of_their_own() -> None:
    out = io.StringIO()
    outcome = check.unreadable([Line(title="slack.mode", complaint="is wrong.", remedy="Write socket.")], out)
    assert outcome == 2
    assert out.getvalue().splitlines() == [
        "✗ slack.mode: is wrong.",
        "    → Write socket.",
        "",
        "The settings cannot be used, so nothing else was looked at.",
    ]
