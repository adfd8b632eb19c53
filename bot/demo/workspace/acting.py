"""What a person can do with messages: type commands, write, click, choose. Page and tests use the same verbs."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.demo.block_kit.block_limits import option_complaints
from bot.demo.block_kit.blockkit import check_blocks
from bot.demo.block_kit.blocks import (
    VALUE_OF,
    fill_texts,
    find_element,
    first_values,
    keep_values,
    options_of,
    pick_option,
    typed_value,
)
from bot.demo.delivery import payloads
from bot.demo.delivery.deliver import Postman
from bot.demo.delivery.faults import SlackFaults
from bot.demo.delivery.response_urls import ResponseUrls
from bot.demo.delivery.socket_mode import Kind, Reply
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import Json
from bot.demo.workspace.records import WorkspaceRecords
from bot.demo.workspace.view_stack import View, ViewStack

SLACKBOT = "USLACKBOT"
INVITE = "/invite"
Where = PostedMessage | View


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """What the person sees right after a command."""

    error: str = ""
    """Slack's own word when the app did not answer: operation_timeout, dispatch_failed, ... Empty when it did."""
    reply: PostedMessage | None = None
    """The message that answered the command at once, from the app or from Slackbot."""
    trigger_id: str = ""
    response_url: str = ""

    @property
    def text(self) -> str:
        """All that the answer says; empty when there was none."""
        return self.reply.plain if self.reply else ""


@dataclass(frozen=True, kw_only=True)
class ClickResult:
    """What became of a click or a choice. The app's real answer comes as messages and views."""

    error: str = ""
    trigger_id: str = ""
    response_url: str = ""


class Acting(WorkspaceRecords):
    """The workspace as its people use it."""

    def __init__(self, **state: Any) -> None:
        super().__init__(**state)
        self.faults = SlackFaults()
        self.views = ViewStack(self)
        self.response_urls = ResponseUrls(self)
        self.postman: Postman | None = None
        self._choices: dict[tuple[str, str, str], dict[str, dict[str, Json]]] = {}

    async def _deliver(self, kind: Kind, payload: Json, *, answerable: bool = False) -> Reply:
        if self.postman is None:
            raise RuntimeError("the workspace is not served: use serve(workspace)")
        return await self.postman.deliver(kind, payload, answerable=answerable)

    def send_event(self, event: Json) -> None:
        """Tell the app of something that happened, if it has subscribed to that."""
        if self.postman is not None:
            self.postman.send_event(payloads.event_callback(self, event))

    def channel_id(self, channel: str) -> str:
        """The id of `#name` or of an id. Raises LookupError."""
        for known in self.channels.values():
            if channel in {known.id, f"#{known.name}"}:
                return known.id
        raise LookupError(f"no channel {channel}")

    def _must_be_in(self, user: str, channel: str) -> None:
        if not self.active_user(user):
            raise PermissionError(f"{user} has no active account")
        if user not in self.channels[channel].members:
            raise PermissionError(f"{user} is not in {channel}")

    def encoded(self, text: str, *, with_names: bool) -> str:
        """What is typed as @name and #channel, as Slack sends it on."""

        def person(found: re.Match[str]) -> str:
            for user in self.users.values():
                if user.name == found[1] or user.real_name == found[1]:
                    return f"<@{user.id}|{user.name}>" if with_names else f"<@{user.id}>"
            for group in self.groups.values():
                if group.handle == found[1]:
                    return f"<!subteam^{group.id}|@{group.handle}>" if with_names else f"<!subteam^{group.id}>"
            return found[0]

        def room(found: re.Match[str]) -> str:
            for channel in self.channels.values():
                if channel.name == found[1] and not channel.is_private:
                    return f"<#{channel.id}|{channel.name}>"
            return found[0]

        text = re.sub(r"(?<![\w<])@([\w.-]+)", person, text)
        return re.sub(r"(?<![\w<&])#([\w-]+)", room, text)

    # --- commands and messages -------------------------------------------------------------------------------------

    async def type_command(self, user: str, channel: str, line: str, *, thread_ts: str | None = None) -> CommandResult:
        """Type a slash command and wait for what Slack shows at once: the acknowledgement's text, or an error."""
        channel = self.channel_id(channel)
        self._must_be_in(user, channel)
        name, _, text = line.strip().partition(" ")
        if name == INVITE:
            return self._invited(user, channel, text)
        command = next((c for c in self.app.commands if c.name == name), None)
        if command is None:
            return self._slackbot(user, channel, f"`{name}` is not a valid command.", error="invalid_command")
        if thread_ts is not None:
            sentence = f"{name} is not supported in threads. Sorry!"
            return self._slackbot(user, channel, sentence, error="not_in_threads", thread_ts=thread_ts)
        text = self.encoded(text.strip(), with_names=True) if command.should_escape else text.strip()
        url = self.response_urls.mint("commands", user=user, channel=channel)
        payload = payloads.slash_command(self, user=user, channel=channel, command=name, text=text, response_url=url)
        payload["trigger_id"] = trigger = self.views.issue_trigger(user)
        reply = await self._deliver("slash_commands", payload, answerable=True)
        if reply.error:
            sentence = f'{name} failed with the error "{reply.error}"'
            return self._slackbot(user, channel, sentence, error=reply.error)
        shown = self._acknowledged(user, channel, reply.payload)
        return CommandResult(reply=shown, trigger_id=trigger, response_url=url)

    def _invited(self, user: str, channel: str, text: str) -> CommandResult:
        """Slack's own command: whoever is in a channel adds others to it."""
        named = re.findall(r"<@(\w+)>", self.encoded(text, with_names=False))
        if not named or self.channels[channel].is_im:
            return self._slackbot(user, channel, "Nobody of that name can be added here.", error="user_not_found")
        for one in named:
            self.invite(channel, one)
        return CommandResult()

    def invite(self, channel: str, user: str) -> None:
        """Add somebody, or the app, to a channel; the app hears of it where it is a member by then."""
        self.channels[channel].members.add(user)
        self.changed()
        self.tell_of_move(channel, user, joined=True)

    def tell_of_move(self, channel: str, user: str, *, joined: bool) -> None:
        """Tell the app who joined or left, where it is a member."""
        if self.app.bot_user in self.channels[channel].members:
            moment = self.next_ts()
            self.send_event(payloads.moved(self, user=user, channel=channel, joined=joined, moment=moment))

    def _slackbot(
        self, user: str, channel: str, sentence: str, *, error: str, thread_ts: str | None = None
    ) -> CommandResult:
        told = self.add_message(channel, author=SLACKBOT, text=sentence, visible_to=user, thread_ts=thread_ts)
        return CommandResult(error=error, reply=told.copied())

    def _acknowledged(self, user: str, channel: str, payload: Json | None) -> PostedMessage | None:
        """The message that an acknowledgement with a payload makes; None for an empty one or blocks that are wrong."""
        blocks = (payload or {}).get("blocks") or []
        text = str((payload or {}).get("text") or "")
        if (not text and not blocks) or check_blocks(blocks):
            return None
        public = (payload or {}).get("response_type") == "in_channel"
        shown_to = None if public else user
        author = self.app.bot_user
        return self.add_message(channel, author=author, text=text, blocks=blocks, visible_to=shown_to).copied()

    async def say(self, user: str, channel: str, text: str, *, thread_ts: str | None = None) -> PostedMessage:
        """Write an ordinary message; the app hears of it where it is mentioned or written to directly."""
        channel = self.channel_id(channel)
        self._must_be_in(user, channel)
        if self.channels[channel].is_im and self.app.messages_read_only:
            raise PermissionError("sending messages to this app has been turned off")
        text = self.encoded(text, with_names=False)
        message = self.add_message(
            channel, author=user, text=text, blocks=payloads.rich_text(text), thread_ts=thread_ts
        )
        there = self.channels[channel]
        if self.app.bot_user in there.members:
            if there.is_im:
                self.send_event(payloads.said(self, message, "message"))
            elif f"<@{self.app.bot_user}>" in text:
                self.send_event(payloads.said(self, message, "app_mention"))
        return message.copied()

    # --- clicking and choosing -------------------------------------------------------------------------------------

    async def click(
        self,
        user: str,
        where: Where,
        *,
        action_id: str | None = None,
        label: str | None = None,
        block_id: str | None = None,
        value: str | None = None,
    ) -> ClickResult:
        """Press a button (its `confirm` dialog is accepted), or pick an entry (`value`) of an overflow menu.

        Args:
            user: who clicks.
            where: the message or view as it was seen; an old copy makes a stale click.
            action_id: which element, with `label` and `block_id` as other ways to say so.
            label: the button's text.
            block_id: the block the element stands in.
            value: for an overflow menu: the option's value or text.
        """
        block, element = find_element(where.blocks, action_id=action_id, label=label, block_id=block_id)
        changed: Json = {}
        if element["type"] == "overflow":
            changed = {"selected_option": pick_option(options_of(element), value or "")}
        return await self._act(user, where, block, element, changed)

    async def choose(
        self,
        user: str,
        where: Where,
        given: Any,
        *,
        action_id: str | None = None,
        label: str | None = None,
        block_id: str | None = None,
    ) -> ClickResult:
        """Put something into a menu, picker, check boxes or text field; the app hears of it when Slack would say so."""
        block, element = find_element(where.blocks, action_id=action_id, label=label, block_id=block_id)
        entry = await self._entry(user, where, block, element, given)
        self._values(user, where).setdefault(block["block_id"], {})[element["action_id"]] = entry
        self.changed()
        if block["type"] == "input" and not block.get("dispatch_action"):
            return ClickResult()  # it stays in the form until that is submitted
        key, _ = VALUE_OF[element["type"]]
        return await self._act(user, where, block, element, {key: entry[key]})

    async def _entry(self, user: str, where: Where, block: Json, element: Json, given: Any) -> Json:
        wanted = given if isinstance(given, list) else [given]
        offered: list[Json] | None = None
        if "external" in element["type"] and any(isinstance(item, str) for item in wanted):
            offered = []
            for item in wanted:
                typed = str(item)
                offered += await self.suggest(user, where, typed, block_id=block["block_id"])
        return typed_value(element, given, offered)

    async def suggest(
        self,
        user: str,
        where: Where,
        typed: str,
        *,
        action_id: str | None = None,
        label: str | None = None,
        block_id: str | None = None,
    ) -> list[Json]:
        """Type into an external menu and get the options that the app offers; none when it answers wrongly or late."""
        block, element = find_element(where.blocks, action_id=action_id, label=label, block_id=block_id)
        if len(typed) < int(element.get("min_query_length", 3)):
            return []
        place = self._place(where)
        payload = payloads.block_suggestion(self, user=user, place=place, block=block, element=element, typed=typed)
        reply = await self._deliver("interactive", payload, answerable=True)
        return self._offered(reply.payload or {})

    def _offered(self, payload: Json) -> list[Json]:
        options: Sequence[Any] = payload.get("options") or []
        for group in payload.get("option_groups") or []:
            options = [*options, *group.get("options", [])]
        good = [o for o in options if isinstance(o, dict) and not list(option_complaints(o, ""))]
        fill_texts(good)
        return good if len(good) == len(options) <= 100 else []

    def _place(self, where: Where) -> Json:
        if isinstance(where, View):
            return payloads.view_place(self.views.find(view_id=where.id))
        return payloads.place_in_message(self, where)

    def _values(self, user: str, where: Where) -> dict[str, dict[str, Json]]:
        """What this person has put into the view or message so far; changes to it stay."""
        if isinstance(where, View):
            return self.views.find(view_id=where.id).values
        key = (user, where.channel, where.ts)
        self._choices[key] = keep_values(self._choices.get(key, first_values(where.blocks)), where.blocks)
        return self._choices[key]

    async def _act(self, user: str, where: Where, block: Json, element: Json, changed: Json) -> ClickResult:
        url = ""
        if isinstance(where, PostedMessage):
            self._must_be_in(user, where.channel)
            if where.visible_to not in {None, user}:
                raise PermissionError(f"{user} does not see this message")
            url = self.response_urls.mint("actions", user=user, channel=where.channel, original=where)
        elif where.user != user:
            raise PermissionError(f"{user} does not see this view")
        action = payloads.action_of(block, element, changed, self.next_ts())
        payload = payloads.block_actions(
            self, user=user, place=self._place(where), action=action, values=self._values(user, where)
        )
        payload["trigger_id"] = trigger = self.views.issue_trigger(user)
        if url:
            payload["response_url"] = url
        reply = await self._deliver("interactive", payload)
        if reply.error and isinstance(where, View):
            where_now = self.views.find(view_id=where.id)
            where_now.notice = "We had some trouble connecting. Try again?"
            self.changed()
        elif reply.error and isinstance(where, PostedMessage):
            self.add_message(
                where.channel,
                author=SLACKBOT,
                text=f'The app did not respond: "{reply.error}". Please try again.',
                visible_to=user,
                thread_ts=where.thread_ts if where.is_reply else None,
            )
        return ClickResult(error=reply.error, trigger_id=trigger, response_url=url)
