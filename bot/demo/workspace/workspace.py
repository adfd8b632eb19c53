"""A Slack workspace made of dictionaries: its people act on it, the app talks to it over loopback sockets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.demo.block_kit.blockkit import check_view
from bot.demo.block_kit.blocks import elements, is_empty, label_of
from bot.demo.delivery import payloads
from bot.demo.web_api.errors import ApiRefusal
from bot.demo.workspace.acting import SLACKBOT, Acting, ClickResult
from bot.demo.workspace.muster_app import MUSTER
from bot.demo.workspace.people import App, Channel, Json, Team, User, UserGroup
from bot.demo.workspace.records import PATIENCE_SECONDS
from bot.demo.workspace.view_stack import View
from bot.domain.ports import Clock
from bot.runtime.clock import SystemClock

TROUBLE = "We had some trouble connecting. Try again?"


@dataclass(frozen=True, kw_only=True)
class SubmitResult:
    """What became of a submitted modal."""

    error: str = ""
    """Slack's word when the app did not answer properly; the modal stays open."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """Complaints by block id, from the app or, for empty required fields, from Slack itself."""
    view: View | None = None
    """The modal that the person sees now; None when all are closed."""


class Workspace(Acting):
    """Everything of one workspace, with the verbs of its people."""

    # --- modals ----------------------------------------------------------------------------------------------------

    def modal(self, user: str) -> View | None:
        """The modal that the user sees; a copy."""
        top = self.views.top(user)
        return top.copied() if top else None

    def form(self, user: str) -> View | None:
        """The modal that the user sees, if it can be sent in: one that only tells something is none."""
        top = self.modal(user)
        return top if top is not None and top.is_form else None

    async def fill(self, user: str, values: Mapping[str, Any]) -> None:
        """Put values into the open modal. Keys are action ids, block ids or labels."""
        for name, given in values.items():
            view = self.views.top(user)
            if view is None:
                raise LookupError(f"{user} has no open modal")
            matches = [
                (block, element)
                for block, element in elements(view.blocks)
                if name in {element.get("action_id"), block.get("block_id"), label_of(block, element)}
            ]
            if len(matches) != 1:
                raise LookupError(f"{len(matches)} fields match {name!r} in {view.title!r}")
            block, element = matches[0]
            await self.choose(user, view, given, block_id=block["block_id"], action_id=element["action_id"])

    async def submit(
        self, user: str, view: View | None = None, values: Mapping[str, Any] | None = None
    ) -> SubmitResult:
        """Fill in and submit the open modal, and wait for what the app answers within three seconds."""
        await self.fill(user, values or {})
        top = self.views.top(user)
        if top is None or (view is not None and view.id != top.id):
            raise LookupError(f"{user} does not have this modal open")
        top.errors = self._left_empty(top)
        if top.errors:
            self.changed()
            return SubmitResult(errors=top.errors, view=top.copied())
        payload = payloads.view_submission(self, view=top)
        payload["trigger_id"] = self.views.issue_trigger(user)
        reply = await self._deliver("interactive", payload, answerable=True)
        error = reply.error or self._obey(top, reply.payload or {})
        if error:
            top.notice = TROUBLE
            self.changed()
        return SubmitResult(error=error, errors=dict(top.errors), view=self.modal(user))

    def _left_empty(self, view: View) -> dict[str, str]:
        missing = {}
        for block in view.blocks:
            if block["type"] != "input" or block.get("optional"):
                continue
            entry = view.values.get(block["block_id"], {}).get(block["element"]["action_id"])
            if entry is not None and is_empty(entry):
                missing[block["block_id"]] = "Please complete this required field."
        return missing

    def _obey(self, view: View, answer: Json) -> str:
        """Do what the app answered to a submission. Answers an error word when it makes no sense."""
        if view not in self.views.modals.get(view.user, []):
            return ""
        action = answer.get("response_action")
        try:
            if action is None:
                self.views.close_top(view.user)
            elif action == "clear":
                self.views.clear(view.user)
            elif action == "errors":
                return self._complain(view, answer.get("errors") or {})
            elif action in {"update", "push"} and not check_view(answer.get("view")):
                self.views.check_size(answer["view"])
                if action == "update":
                    self.views.update(view, answer["view"])
                else:
                    self.views.push(view.user, answer["view"])
            else:
                return "invalid_response_action"
        except ApiRefusal as refusal:
            return refusal.code
        return ""

    def _complain(self, view: View, errors: Mapping[str, str]) -> str:
        inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
        if not errors or not set(errors) <= inputs:
            return "invalid_errors"
        view.errors = {block: str(sentence) for block, sentence in errors.items()}
        self.changed()
        return ""

    async def close_view(self, user: str) -> None:
        """Press Cancel: the uppermost modal goes, or all of them where the view says clear_on_close."""
        top = self.views.top(user)
        if top is None:
            raise LookupError(f"{user} has no open modal")
        cleared = bool(top.body["clear_on_close"])
        gone = list(self.views.modals[user]) if cleared else [top]
        if cleared:
            self.views.clear(user)
        else:
            self.views.close_top(user)
        for view in gone:
            if view.body["notify_on_close"]:
                payload = payloads.view_closed(self, view=view, is_cleared=cleared)
                await self._deliver("interactive", payload)

    # --- App Home and shortcuts ------------------------------------------------------------------------------------

    def home(self, user: str) -> View | None:
        """The App Home that was published for the user; a copy."""
        view = self.views.homes.get(user)
        return view.copied() if view else None

    async def open_home(self, user: str) -> None:
        """Look at the app's Home tab; the app hears of it and may publish."""
        channel = self.direct_channel(user)
        event: Json = {"type": "app_home_opened", "user": user, "channel": channel.id, "tab": "home"}
        event["event_ts"] = self.next_ts()
        view = self.home(user)
        if view is not None:
            event["view"] = view.body
        self.send_event(event)

    async def run_shortcut(self, user: str, callback_id: str) -> ClickResult:
        """Pick a global shortcut of the app from Slack's menu."""
        if callback_id not in self.app.shortcuts:
            raise LookupError(f"the app has no shortcut {callback_id}")
        payload = payloads.shortcut(self, user=user, callback_id=callback_id, moment=self.next_ts())
        payload["trigger_id"] = trigger = self.views.issue_trigger(user)
        reply = await self._deliver("interactive", payload)
        return ClickResult(error=reply.error, trigger_id=trigger)

    # --- administration --------------------------------------------------------------------------------------------

    def change_group(self, group: str, users: tuple[str, ...]) -> None:
        """Set who is in a user group; the app hears who came and who went."""
        before, after = set(self.groups[group].users), set(users)
        self.groups[group] = replace(self.groups[group], users=users)
        self.changed()
        self.send_event(
            payloads.subteam_members_changed(
                team=self.team.id,
                group=group,
                added=sorted(after - before),
                removed=sorted(before - after),
                moment=self.next_ts(),
            )
        )

        self._tell_of_group(group)

    def _tell_of_group(self, group: str) -> None:
        as_slack = self.groups[group].as_slack(team_id=self.team.id, with_users=True, with_count=True)
        self.send_event({"type": "subteam_updated", "subteam": as_slack, "event_ts": self.next_ts()})

    def kick(self, channel: str, user: str) -> None:
        """Remove somebody, or the app, from a channel; the app hears of it where it is still a member."""
        super().kick(channel, user)
        self.tell_of_move(channel, user, joined=False)
        if user == self.app.bot_user:
            self._tell_of_room(channel, "left")

    def archive(self, channel: str) -> None:
        """Close a channel for everybody; the app hears of it where it is a member."""
        self.channels[channel].is_archived = True
        self.changed()
        if self.app.bot_user in self.channels[channel].members:
            self._tell_of_room(channel, "archive")

    def delete_channel(self, channel: str) -> None:
        """Take a channel away with all that was said in it; the app hears of it where it was a member."""
        if self.app.bot_user in self.channels[channel].members:
            self._tell_of_room(channel, "deleted")
        del self.channels[channel], self.messages[channel]
        self.changed()

    def _tell_of_room(self, channel: str, what: str) -> None:
        kind = "group" if self.channels[channel].is_private else "channel"
        self.send_event({"type": f"{kind}_{what}", "channel": channel, "event_ts": self.next_ts()})

    def deactivate(self, user: str) -> None:
        """Close an account; the app hears of it."""
        super().deactivate(user)
        account = self.users[user].as_slack(home_team=self.team.id, with_email=True)
        moment = self.next_ts()
        event = {"type": "user_change", "user": account, "cache_ts": int(self.seconds()), "event_ts": moment}
        self.send_event(event)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Do something some time later; at once where that is no time."""

        async def later() -> None:
            await self.clock.sleep(seconds)
            act()

        if seconds > 0 and self.postman is not None:
            self.postman.spawn(later())
        else:
            act()

    async def outage(self, seconds: float) -> None:
        """Slack is gone for so long: connections break, nothing answers."""
        self.faults.outage_until = self.seconds() + seconds
        self.changed()
        if self.postman is not None:
            await self.postman.break_connections()
            self.postman.spawn(self._tell_when_back(seconds))

    async def _tell_when_back(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        self.changed()


def standard_workspace(
    *,
    clock: Clock | None = None,
    app: App = MUSTER,
    patience: float = PATIENCE_SECONDS,
) -> Workspace:
    """The workspace that the demo and most tests use: people of every kind, two groups, five channels.

    Args:
        clock: the workspace's time; the machine's where none is given.
        app: what is installed; Muster with the rights of its manifest where nothing else is given.
        patience: seconds in which the app has to answer; Slack's own three where nothing else is given.
    """
    home, other = "T0DEMO", "T0ELSEWHERE"

    def user(id: str, name: str, real_name: str, title: str, **marks: Any) -> User:
        return User(id=id, name=name, real_name=real_name, title=title, **({"team_id": home} | marks))

    users = (
        user("U0ALICE", "alice", "Alice Ferrer", "On-call engineer"),
        user("U0BOB", "bob", "Bob Okafor", "On-call lead"),
        user("U0CAROL", "carol", "Carol Lindqvist", "On-call lead"),
        user("U0DAVE", "dave", "Dave Novak", "Engineer, not on call"),
        user("U0GUEST", "guest", "Gina Guest", "Guest of one channel", is_restricted=True),
        user("U0GONE", "gone", "Gregor Gone", "Left the company", deleted=True),
        user("U0OTHER", "otto", "Otto Other", "From another company", team_id=other),
        user("U0MUSTER", "muster", "Muster", "App", is_bot=True),
        user(SLACKBOT, "slackbot", "Slackbot", "", is_bot=False),
    )
    staff = {"U0ALICE", "U0BOB", "U0CAROL", "U0DAVE"}
    return Workspace(
        team=Team(id=home, domain="muster-demo", name="Muster Demo"),
        app=app,
        users=users,
        groups=(
            UserGroup(id="S0SRE", handle="sre", name="SRE on call", users=("U0ALICE", "U0BOB")),
            UserGroup(id="S0LEADS", handle="on-call-leads", name="On-call leads", users=("U0BOB", "U0CAROL")),
        ),
        channels=(
            Channel(id="C0OPS", name="ops", members={*staff, "U0GUEST", "U0OTHER", "U0MUSTER"}, topic="Day to day"),
            Channel(id="C0INCIDENT", name="incidents", members={*staff, "U0MUSTER"}, topic="What is on fire"),
            Channel(id="C0RANDOM", name="random", members=set(staff), topic="No bots here"),
            Channel(id="G0LEADS", name="leads", members={"U0BOB", "U0CAROL", "U0MUSTER"}, is_private=True),
            Channel(id="G0SECRET", name="secret", members={"U0BOB"}, is_private=True),
        ),
        clock=clock or SystemClock(),
        patience=patience,
    )
