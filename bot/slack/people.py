"""Who is who, asked of Slack: standing and user groups, a minute old at most; "no" when Slack cannot be asked."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import CouldNotAsk
from bot.domain.ports import Clock
from bot.domain.rules.policy import EVERYONE, Actor, Rule, Standing
from bot.domain.values import Action, UserId
from bot.slack.wire import SlackBusy, SlackError, SlackRefused, answer

REMEMBERED = 60.0
"""Seconds: how old an answer of Slack may be when somebody acts on it."""
_SECONDS = 5.0
_NOT_OURS = frozenset({"user_not_found", "user_not_visible", "users_not_found"})
_NO_SUCH_GROUP = frozenset({"no_such_subteam", "subteam_not_found", "invalid_usergroup"})

T = TypeVar("T")


class SlackPeople:
    """`bot.domain.ports.People` over users.info and usergroups.users.list.

    Args:
        client: Slack.
        clock: by it answers grow old.
        rules: only the user groups that they name are asked for.
    """

    def __init__(self, client: AsyncWebClient, clock: Clock, rules: Mapping[tuple[str, Action], Rule]) -> None:
        self._client = client
        self._clock = clock
        self._groups = groups_in(rules)
        self._team = ""
        self._known: dict[str, tuple[float, Actor]] = {}
        self._members: dict[str, tuple[float, frozenset[str]]] = {}
        self._flights: dict[tuple[int, str], asyncio.Future[Any]] = {}  # questions on their way: asked once at a time
        self._age = 0  # grows when something is forgotten: an older answer on its way is not remembered

    async def actor(self, user: UserId) -> Actor:
        """A person with their standing and groups, a minute old at most.

        Raises:
            CouldNotAsk: Slack did not answer.
        """
        every = asyncio.gather(*(self._members_of(group) for group in self._groups))
        known, members = await asyncio.gather(self._account(user), every)
        if known.standing is not Standing.FULL_MEMBER:
            return known
        groups = [group for group, users in zip(self._groups, members, strict=True) if user in users]
        return replace(known, groups=frozenset(groups))

    async def warm(self) -> None:
        """Ask beforehand what the first answer would wait for; what Slack does not answer now is asked then."""
        await asyncio.gather(
            self._own_team(), *(self._members_of(group) for group in self._groups), return_exceptions=True
        )

    async def named(self, who: Sequence[str], *, most: int) -> Sequence[UserId]:
        """Full members that a list of user and group ids names: all, or `most` of them. Asks of as few as it can.

        Raises:
            CouldNotAsk: Slack did not answer.
        """
        found: list[UserId] = []
        for one in who:
            if one == EVERYONE:
                continue
            is_group = one.startswith("S")
            members = await self._members_of(one) if is_group else frozenset({one})
            for user in sorted(members - set(found)):
                if len(found) >= most:
                    return found
                if (await self._account(user)).standing is Standing.FULL_MEMBER:
                    found.append(UserId(user))
        return found

    async def within(self, who: Sequence[str]) -> frozenset[str]:
        """Everybody whom a list of user and group ids names, whatever their standing.

        Raises:
            CouldNotAsk: Slack did not answer.
        """
        groups = [one for one in who if one.startswith("S")]
        members = [await self._remembered(self._members, one, self._ask(one)) for one in groups]
        return frozenset(one for one in who if one != EVERYONE and one not in groups).union(*members)

    async def _account(self, user: str) -> Actor:
        """A person, but for their groups."""
        return await self._remembered(self._known, user, lambda: self._info(UserId(user)))

    async def _members_of(self, group: str) -> frozenset[str]:
        return await self._remembered(self._members, group, self._ask(group))

    async def changed(self, id: str) -> None:
        """Forget what was remembered of somebody, and ask at once for the members of a group that policy names."""
        self.forget(id)
        if id in self._groups:
            with suppress(CouldNotAsk):  # whoever needs it asks again
                await self._members_of(id)

    def forget(self, id: str) -> None:
        """Drop what is remembered of a group whose members changed, or of a person whose account did."""
        self._age += 1
        self._members.pop(id, None)
        self._known.pop(id, None)

    async def _remembered(self, memory: dict[str, tuple[float, T]], key: str, ask: Callable[[], Awaitable[T]]) -> T:
        now = self._clock.monotonic()
        if key in memory and now - memory[key][0] < REMEMBERED:
            return memory[key][1]
        memory.pop(key, None)
        flight = self._flights.get((self._age, key))
        if flight is None:
            flight = asyncio.ensure_future(self._asked(memory, key, ask))
            self._flights[self._age, key] = flight
            flight.add_done_callback(partial(self._landed, (self._age, key)))
        return cast("T", await asyncio.shield(flight))

    def _landed(self, key: tuple[int, str], flight: asyncio.Future[Any]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()  # nobody may be left who waits for it

    async def _asked(self, memory: dict[str, tuple[float, T]], key: str, ask: Callable[[], Awaitable[T]]) -> T:
        now, age = self._clock.monotonic(), self._age
        try:
            told = await ask()
        except SlackError as error:
            raise CouldNotAsk(
                f"Slack could not be asked who you are ({error.code}), so nothing was done.", remedy=_remedy(error)
            ) from error
        if len(memory) > _MOST:
            memory.clear()
        if age == self._age:
            memory[key] = (now, told)
        return told

    def _ask(self, group: str) -> Callable[[], Awaitable[frozenset[str]]]:
        async def members() -> frozenset[str]:
            try:
                answered = await answer(self._client.usergroups_users_list(usergroup=group), seconds=_SECONDS)
            except SlackRefused as refusal:
                if refusal.code in _NO_SUCH_GROUP:
                    return frozenset()  # deleted or disabled: nobody is in it
                raise
            return frozenset(str(user) for user in answered.get("users", []))

        return members

    async def _info(self, user: UserId) -> Actor:
        team, told = await asyncio.gather(self._own_team(), self._user(user))
        return Actor(id=user, standing=_standing_of(told, team=team), zone=str(told.get("tz") or ""))

    async def _own_team(self) -> str:
        """The workspace that our token is of; that never changes."""
        if not self._team:
            self._team = str((await answer(self._client.auth_test(), seconds=_SECONDS)).get("team_id", ""))
        return self._team

    async def _user(self, user: UserId) -> Mapping[str, Any]:
        """Slack's user object; of somebody whom it does not know here, one of a stranger."""
        try:
            answered = await answer(self._client.users_info(user=user), seconds=_SECONDS)
        except SlackRefused as refusal:
            if refusal.code in _NOT_OURS:
                return {"is_stranger": True}
            raise
        found: Mapping[str, Any] = answered.get("user") or {}
        return found


def _standing_of(user: Mapping[str, Any], *, team: str) -> Standing:
    """https://docs.slack.dev/reference/objects/user-object; what is not told counts against the person."""
    if user.get("deleted"):
        return Standing.DEACTIVATED
    if user.get("is_bot") or user.get("is_workflow_bot") or user.get("id") == "USLACKBOT":
        return Standing.BOT
    if user.get("is_stranger") or team not in _teams_of(user):
        return Standing.FOREIGN
    if user.get("is_restricted") is not False or user.get("is_ultra_restricted") is not False:
        return Standing.GUEST
    return Standing.FULL_MEMBER


def _teams_of(user: Mapping[str, Any]) -> set[Any]:
    """The workspaces that a person is a member of.

    On Enterprise Grid `team_id` is that of one of them, or missing; all of them stand in `enterprise_user.teams`, in
    newer objects in `teams` (users.info in slackapi/java-slack-sdk, json-logs; slackapi/bolt-js issue 1875).
    """
    of_enterprise = (user.get("enterprise_user") or {}).get("teams")
    return {user.get("team_id"), *(of_enterprise or ()), *(user.get("teams") or ())} - {None, ""}


def _remedy(error: SlackError) -> str:
    if isinstance(error, SlackBusy):
        return f"Try again in {error.seconds:.0f} s."
    return "Try again in a moment; if it stays so, an admin can run `muster check`."


def groups_in(rules: Mapping[tuple[str, Action], Rule]) -> Sequence[str]:
    """The ids of the user groups that a policy names."""
    named = {who for rule in rules.values() for who in (*rule.requesters, *rule.approvers, *rule.break_glass)}
    return sorted(who for who in named if who.startswith("S"))


_MOST = 1_000
