"""Who is who, asked of the emulated Slack."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Literal

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from bot.desk.desk import Desk
from bot.domain.errors import CouldNotAsk
from bot.domain.rules.policy import Rule, Standing
from bot.domain.values import Action, UserId
from bot.slack import app as slack_app
from bot.slack.people import SlackPeople
from tests.slack.conftest import RULES, Office


@pytest.fixture
def people(office: Office) -> SlackPeople:
    return SlackPeople(office.client, office.clock, RULES)


@pytest.mark.parametrize(
    ("who", "standing"),
    [
        ("U0ALICE", Standing.FULL_MEMBER),
        ("U0GUEST", Standing.GUEST),
        ("U0GONE", Standing.DEACTIVATED),
        ("U0OTHER", Standing.FOREIGN),
        ("U0MUSTER", Standing.BOT),
        ("USLACKBOT", Standing.BOT),
        ("U0NOBODY", Standing.FOREIGN),
    ],
)
async def test_everybody_has_the_standing_that_slack_gives_them(
    people: SlackPeople, who: str, standing: Standing
) -> None:
    assert (await people.actor(UserId(who))).standing is standing


GRID = ("T0HOMEWS", "T0DEMO")


@pytest.mark.parametrize("teams_in", ["enterprise_user", "teams"])
@pytest.mark.parametrize("named", ["", "T0HOMEWS", "T0DEMO"])
async def test_on_enterprise_grid_whoever_is_in_this_workspace_too_is_a_full_member(
    office: Office, people: SlackPeople, named: str, teams_in: Literal["enterprise_user", "teams"]
) -> None:
    users = office.workspace.users
    users["U0BOB"] = replace(users["U0BOB"], team_id=named, teams=GRID, teams_in=teams_in)
    bob = await people.actor(UserId("U0BOB"))
    assert (bob.standing, bob.groups) == (Standing.FULL_MEMBER, frozenset({"S0SRE", "S0LEADS"}))


@pytest.mark.parametrize(
    ("marks", "standing"),
    [
        ({"teams": ("T0HOMEWS", "T0THIRD")}, Standing.FOREIGN),
        ({"teams": ()}, Standing.FOREIGN),
        ({"teams": GRID, "is_restricted": True}, Standing.GUEST),
        ({"teams": GRID, "deleted": True}, Standing.DEACTIVATED),
        ({"teams": GRID, "is_bot": True}, Standing.BOT),
    ],
)
async def test_on_enterprise_grid_nobody_gets_more_rights_than_they_have_here(
    office: Office, people: SlackPeople, marks: dict[str, Any], standing: Standing
) -> None:
    users = office.workspace.users
    users["U0DAVE"] = replace(users["U0DAVE"], **({"team_id": "T0HOMEWS"} | marks))
    assert (await people.actor(UserId("U0DAVE"))).standing is standing


async def test_an_actor_is_in_the_groups_that_policy_names(people: SlackPeople) -> None:
    assert (await people.actor(UserId("U0BOB"))).groups == {"S0SRE", "S0LEADS"}
    assert (await people.actor(UserId("U0DAVE"))).groups == frozenset()


async def test_an_actor_has_the_time_zone_that_slack_tells(office: Office, people: SlackPeople) -> None:
    assert (await people.actor(UserId("U0ALICE"))).zone == "Europe/Berlin"
    office.workspace.users["U0DAVE"] = replace(office.workspace.users["U0DAVE"], tz="")
    assert (await people.actor(UserId("U0DAVE"))).zone == ""


async def test_only_groups_that_policy_names_are_asked_for(office: Office) -> None:
    rules = {("prod", Action.ENTER): Rule(requesters=("*",), approvers=("S0LEADS", "U0CHIEF"))}
    people = SlackPeople(office.client, office.clock, rules)
    assert (await people.actor(UserId("U0BOB"))).groups == {"S0LEADS"}
    assert office.calls.count("usergroups.users.list") == 1


async def test_an_answer_is_believed_for_a_minute_and_then_asked_anew(office: Office, people: SlackPeople) -> None:
    await people.actor(UserId("U0BOB"))
    office.workspace.deactivate("U0BOB")
    await office.clock.pass_time(59)
    assert (await people.actor(UserId("U0BOB"))).standing is Standing.FULL_MEMBER
    await office.clock.pass_time(1)
    assert (await people.actor(UserId("U0BOB"))).standing is Standing.DEACTIVATED


async def test_when_a_group_changes_its_members_are_asked_for_again(office: Office, people: SlackPeople) -> None:
    assert (await people.actor(UserId("U0DAVE"))).groups == frozenset()
    office.workspace.groups["S0LEADS"] = replace(office.workspace.groups["S0LEADS"], users=("U0DAVE",))
    people.forget("S0LEADS")
    assert (await people.actor(UserId("U0DAVE"))).groups == {"S0LEADS"}


async def test_a_group_that_was_disabled_or_deleted_has_nobody_in_it(office: Office, people: SlackPeople) -> None:
    del office.workspace.groups["S0LEADS"]
    assert (await people.actor(UserId("U0BOB"))).groups == {"S0SRE"}


@pytest.mark.parametrize("method", ["auth.test", "users.info", "usergroups.users.list"])
async def test_nobody_is_let_through_while_slack_does_not_answer(
    office: Office, people: SlackPeople, method: str
) -> None:
    office.served.faults.fail(method=method)
    with pytest.raises(CouldNotAsk, match="so nothing was done"):
        await people.actor(UserId("U0BOB"))
    assert (await people.actor(UserId("U0BOB"))).groups == {"S0SRE", "S0LEADS"}


async def test_an_answer_too_old_is_not_used_when_slack_does_not_answer(office: Office, people: SlackPeople) -> None:
    await people.actor(UserId("U0BOB"))
    await office.clock.pass_time(61)
    office.served.faults.fail(method="users.info")
    with pytest.raises(CouldNotAsk):
        await people.actor(UserId("U0BOB"))


async def test_a_rate_limit_says_when_to_try_again(office: Office, people: SlackPeople) -> None:
    office.served.faults.rate_limit(17, method="users.info")
    with pytest.raises(CouldNotAsk) as refused:
        await people.actor(UserId("U0BOB"))
    assert refused.value.remedy == "Try again in 17 s."


@contextlib.asynccontextmanager
async def listening(office: Office, people: SlackPeople) -> AsyncIterator[None]:
    """The app, connected, on a clock that stands: nothing is forgotten because of its age."""
    desk = Desk(archive=office.archive, clock=office.clock, clouds={}, rules=RULES)
    handler = AsyncSocketModeHandler(slack_app.build(desk, people, office.client), office.served.app_token)
    await handler.connect_async()
    await office.workspace.until(lambda: office.served.sockets.connections >= 1)
    try:
        yield
    finally:
        await handler.close_async()
        await asyncio.gather(handler.client.message_processor, return_exceptions=True)


async def test_slack_says_when_a_group_changes_and_that_counts_at_once(office: Office, people: SlackPeople) -> None:
    assert (await people.actor(UserId("U0DAVE"))).groups == frozenset()
    async with listening(office, people), asyncio.timeout(60):
        office.workspace.change_group("S0LEADS", ("U0DAVE",))
        while (await people.actor(UserId("U0DAVE"))).groups != {"S0LEADS"}:
            await office.clock.pass_time(0)


async def test_slack_says_when_an_account_is_closed_and_that_counts_at_once(
    office: Office, people: SlackPeople
) -> None:
    assert (await people.actor(UserId("U0BOB"))).standing is Standing.FULL_MEMBER
    async with listening(office, people), asyncio.timeout(60):
        office.workspace.deactivate("U0BOB")
        while (await people.actor(UserId("U0BOB"))).standing is not Standing.DEACTIVATED:
            await office.clock.pass_time(0)


async def test_the_full_members_that_a_list_names_are_found_once_each(people: SlackPeople) -> None:
    assert await people.named(["S0LEADS", "U0BOB", "U0DAVE", "U0GUEST", "*"], most=9) == ["U0BOB", "U0CAROL", "U0DAVE"]


async def test_no_more_people_are_asked_about_than_needed(office: Office, people: SlackPeople) -> None:
    assert await people.named(["S0LEADS", "S0SRE"], most=1) == ["U0BOB"]
    assert (office.calls.count("usergroups.users.list"), office.calls.count("users.info")) == (1, 1)
    assert await people.named(["S0LEADS"], most=0) == []


async def test_asked_beforehand_the_first_click_waits_for_one_question_alone(
    office: Office, people: SlackPeople
) -> None:
    await people.warm()
    before = len(office.calls)
    assert (await people.actor(UserId("U0BOB"))).groups == {"S0SRE", "S0LEADS"}
    assert office.calls[before:] == ["users.info"]


async def test_many_who_ask_at_once_are_answered_by_one_question(office: Office, people: SlackPeople) -> None:
    every = [UserId("U0BOB"), UserId("U0BOB"), UserId("U0CAROL"), UserId("U0DAVE")]
    answers = await asyncio.gather(*(people.actor(user) for user in every))
    assert [len(one.groups) for one in answers] == [2, 2, 1, 0]
    assert office.calls.count("usergroups.users.list") == 2
    assert office.calls.count("users.info") == 3


async def test_a_group_that_changed_is_asked_for_before_anybody_clicks(office: Office, people: SlackPeople) -> None:
    await people.warm()
    office.workspace.groups["S0LEADS"] = replace(office.workspace.groups["S0LEADS"], users=("U0DAVE",))
    await people.changed("S0LEADS")
    before = len(office.calls)
    assert (await people.actor(UserId("U0DAVE"))).groups == {"S0LEADS"}
    assert office.calls[before:] == ["users.info"]
