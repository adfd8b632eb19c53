"""Everything the board says to Slack: post, edit, and look whether a post whose answer was lost is there."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from bot.domain.ports import Clock, LeaseLost
from bot.slack import wire
from bot.slack.command_names import CommandNames
from bot.slack.conversations import Conversations
from bot.slack.late_calls import LOOK_SECONDS, LateCalls
from bot.slack.outbound.rate_limits import EDIT, EPHEMERAL, LEFT_BY_PROGRESS, POST, RateLimits
from bot.slack.refusals import BARRED, CLOSED, NO_SUCH_PLACE
from bot.slack.views.message import Message, SharedFile
from bot.slack.wire import CHOKED, MISSING_SCOPE, SECONDS, SlackBusy, SlackError, SlackRefused, SlackSilent, answer

CARD = "muster_card"
LINE = "muster_line"
ALARM = "muster_alarm"
FILE = "file"

WRONG_SHAPE = frozenset(
    {
        "block_mismatch",
        "invalid_arguments",
        "invalid_attachments",
        "invalid_blocks",
        "invalid_blocks_format",
        "msg_blocks_too_long",
        "msg_too_long",
        "too_many_contact_cards",
    }
)
"""Slack takes the message, but not these blocks: a plainer one is tried."""
CHOKES = 2
"""How often in a row Slack has trouble of its own with one message until that is taken for trouble with its content."""
UPLOAD_SECONDS = 30.0
"""How long the three calls of an upload may take together."""
CLOCKS_APART = timedelta(hours=1)
"""How far Slack's clock and ours may be apart, when it is asked for what stands since a moment of ours."""
_PAGE = 200
_PAGES = 25
_REMEMBERED = 1_000


class Poster:
    """Makes the calls. It decides nothing; errors of `bot.slack.wire` go through.

    Args:
        client: Slack.
        pace: kept by every call.
        clock: by it what is known of conversations grows old.
        may_speak: asked right before each call.
        external: whether something may be said in channels that are shared with other organisations.
        names: of the commands, as people type them here.
    """

    def __init__(
        self,
        client: AsyncWebClient,
        pace: RateLimits,
        clock: Clock,
        *,
        may_speak: Callable[[], bool] = lambda: True,
        external: bool = False,
        names: CommandNames | None = None,
    ) -> None:
        self._client = client
        self._may_speak = may_speak
        self._late = LateCalls(clock, is_taken_over=pace.is_taken_over)
        self._choked: dict[str, int] = {}  # by message: how often in a row Slack had trouble of its own with it
        self._names = names or CommandNames()
        self._conversations = Conversations(client, clock, self._asked, external=external)
        self.pace = pace
        self.closed: dict[str, str] = {}  #: conversations that took nothing when last spoken in, with Slack's word

    async def post(self, channel: str, message: Message, *, event: str, mark: str, thread: str = "") -> str:
        """Post, and answer the message's ts. `event` and `mark` are its metadata, by which `find` knows it again."""
        try:
            ts = await self._posted(channel, message, event=event, mark=mark, thread=thread)
        except SlackRefused as refusal:
            if refusal.code in NO_SUCH_PLACE | CLOSED | BARRED:
                self.closed[channel] = refusal.code
            raise
        self.closed.pop(channel, None)
        return ts

    async def _posted(self, channel: str, message: Message, *, event: str, mark: str, thread: str) -> str:
        marks = mark.split(",") if event == LINE else [mark]
        self._late.posts_no_more(marks)
        await self._conversations.enter(channel, join=not thread)
        self._late.posts(marks)
        metadata = {"event_type": event, "event_payload": {"mark": mark}}

        def call(form: Message) -> Awaitable[AsyncSlackResponse]:
            return self._client.chat_postMessage(
                channel=channel,
                text=form.text,
                blocks=list(form.blocks) or None,
                thread_ts=thread or None,
                metadata=metadata,
                unfurl_links=False,
                unfurl_media=False,
            )

        try:
            answered = await self._said(POST, channel, message, call, what=mark)
        except SlackSilent as silent:
            if silent.is_over:
                self._late.posts_no_more(marks)
            raise
        return str(answered["ts"])

    async def upload(self, channel: str, message: Message, file: SharedFile, *, thread: str) -> None:
        """Put a file into a thread, with the message's text above it.

        Slack's three calls (files.getUploadURLExternal, the bytes, files.completeUploadExternal) are the library's; the
        file appears with the last one. Its name is the mark by which `find` knows it again.
        """
        await self._conversations.enter(channel, join=False)
        call = self._client.files_upload_v2(
            content=file.content,
            filename=file.name,
            title=file.name,
            channel=channel,
            thread_ts=thread,
            initial_comment=self._names.spoken(message.text),
        )
        await self._permitted("files.completeUploadExternal", call, seconds=UPLOAD_SECONDS)

    async def edit(self, channel: str, ts: str, message: Message, *, pace_of: str) -> None:
        """Rewrite a message; edits of the same `pace_of` keep their distance."""
        await self._conversations.enter(channel, join=False)

        def call(form: Message) -> Awaitable[AsyncSlackResponse]:
            return self._client.chat_update(channel=channel, ts=ts, text=form.text, blocks=list(form.blocks))

        try:
            await self._said(EDIT, pace_of, message, call, what=f"{channel} {ts}")
        except SlackSilent as silent:
            if not silent.is_over:
                self._late.edit_lost(channel, ts)
            raise
        except SlackRefused:
            self._late.edits_no_more(channel, ts)
            raise
        self._late.edited(channel, ts, message, pace_of=pace_of)

    async def repeat_edits(self) -> bool:
        """Make the edits again that an older one, whose answer did not come, may have overwritten; whether any was.

        They say nothing new, so they leave as much as progress does to what people must know.
        """
        did = False
        for edit in self._late.due():
            if not self.pace.allows(EDIT, edit.pace_of, leaves=LEFT_BY_PROGRESS):
                continue
            try:
                await self.edit(edit.channel, edit.ts, edit.message, pace_of=edit.pace_of)
                did = True
            except SlackRefused:
                continue
            except SlackError:
                self._late.put_off(edit, seconds=LOOK_SECONDS)
                break
        return did

    async def post_ephemeral(self, channel: str, user: str, message: Message) -> None:
        """Show a message to one person only."""

        def call(form: Message) -> Awaitable[AsyncSlackResponse]:
            return self._client.chat_postEphemeral(
                channel=channel, user=user, text=form.text, blocks=list(form.blocks) or None
            )

        await self._said(EPHEMERAL, channel, message, call, what=f"{channel} {user} {message.text}")

    async def reply(self, address: str, message: Message) -> None:
        """Answer a command at the address that came with it: seen by whoever typed it, wherever that was.

        https://docs.slack.dev/interactivity/handling-user-interaction#message_responses: five times in 30 minutes.

        Raises:
            SlackRefused: the address is used up or too old, or not a form of the message is taken.
            SlackSilent: no answer.
        """
        if not self._may_speak():
            raise LeaseLost("Somebody else speaks by now.")
        told = self._names.told(message)
        for form in (told, *told.plainer()):
            code = await wire.reply(address, form.text, list(form.blocks), session=self._client.session)
            if code not in WRONG_SHAPE:
                break
        if code:
            raise SlackRefused(code)

    async def dm(self, user: str) -> str:
        """The channel of the conversation with one person."""
        answered = await self._permitted("conversations.open", self._client.conversations_open(users=user))
        return str(answered["channel"]["id"])

    async def permalink(self, channel: str, ts: str) -> str:
        """The address of a message; empty when Slack does not tell."""
        try:
            answered = await self._permitted(
                "chat.getPermalink", self._client.chat_getPermalink(channel=channel, message_ts=ts)
            )
        except SlackRefused:
            return ""
        return str(answered["permalink"])

    async def name(self, user: str) -> str:
        """What a person is called; empty when Slack does not tell."""
        try:
            answered = await self._permitted("users.info", self._client.users_info(user=user))
        except SlackRefused:
            return ""
        known = answered.get("user") or {}
        return str(known.get("real_name") or known.get("name") or "")

    async def find(
        self, channel: str, *, event: str, marks: Collection[str], thread: str = "", since: datetime | None = None
    ) -> Mapping[str, str]:
        """Which of our messages stand in a channel or thread already.

        Args:
            channel: where to look.
            event: CARD, LINE or ALARM; or FILE.
            marks: what `post` was given; a line's mark is a list of numbers joined by commas. Of files: their names.
            thread: look among its replies; empty: among the channel's own messages, newest first.
            since: when it was posted at the earliest, by our clock; None: at any time.

        Returns:
            mark → ts, for each that was found.

        Raises:
            MayStillAppear: one was not found, and is too recent to say that it is not posted.
        """
        wanted, found, cursor = set(marks), dict[str, str](), ""
        oldest = f"{(since - CLOCKS_APART).timestamp():.6f}" if since is not None else None
        for _ in range(_PAGES):
            page = await self._page(channel, thread, cursor, oldest)
            for said in page.get("messages", []):
                for mark in _marks_of(said, event) & wanted:
                    found[mark] = str(said["ts"])
            cursor = str(page.get("response_metadata", {}).get("next_cursor") or "")
            if not cursor or wanted <= found.keys():
                break
        if since is not None and event != FILE:
            self._late.check_missing(wanted - found.keys())
        return found

    async def said(self, channel: str, *, event: str, since: datetime) -> Mapping[str, str]:
        """What stands in a channel under an event, posted since then as far as clocks agree: ts → text.

        Args:
            channel: where to look, among its own messages.
            event: as `post` was given it, by whichever process of ours.
            since: by our clock.
        """
        found, cursor = dict[str, str](), ""
        for _ in range(_PAGES):
            page = await self._page(channel, "", cursor, f"{since.timestamp():.6f}")
            for said in page.get("messages", []):
                if (said.get("metadata") or {}).get("event_type") == event:
                    found[str(said["ts"])] = str(said.get("text", ""))
            cursor = str(page.get("response_metadata", {}).get("next_cursor") or "")
            if not cursor:
                break
        return found

    async def take_back(self, channel: str, ts: str) -> None:
        """Delete a message of ours."""
        await self._permitted("chat.delete", self._client.chat_delete(channel=channel, ts=ts))

    async def _page(self, channel: str, thread: str, cursor: str, oldest: str | None) -> Mapping[str, Any]:
        if thread:
            call = self._client.conversations_replies(
                channel=channel, ts=thread, limit=_PAGE, include_all_metadata=True, cursor=cursor or None, oldest=oldest
            )
            return await self._permitted("conversations.replies", call)
        call = self._client.conversations_history(
            channel=channel, limit=_PAGE, include_all_metadata=True, cursor=cursor or None, oldest=oldest
        )
        return await self._permitted("conversations.history", call)

    async def _said(
        self,
        method: str,
        place: str,
        message: Message,
        call: Callable[[Message], Awaitable[AsyncSlackResponse]],
        *,
        what: str,
    ) -> Mapping[str, Any]:
        """Say it; when Slack refuses the blocks, or chokes on `what` again and again, say it plainer."""
        message = self._names.told(message)
        forms = [message, *message.plainer()]
        while len(forms) > 1:
            form = forms.pop(0)
            try:
                answered = await self._asked(method, call(form), place=place)
            except SlackRefused as refusal:
                if refusal.code not in WRONG_SHAPE:
                    raise
                smaller = form.without(refusal.block) if refusal.block is not None else None
                forms = [smaller, *forms] if smaller is not None else forms
            except SlackSilent as trouble:
                if not self._is_content(trouble, f"{method} {what}"):
                    raise
            else:
                self._choked.pop(f"{method} {what}", None)
                return answered
        return await self._asked(method, call(forms[0]), place=place)

    def _is_content(self, trouble: SlackSilent, what: str) -> bool:
        """Whether Slack has trouble with what is said, not with itself: it had it each time so far."""
        if trouble.code not in CHOKED:
            return False
        if len(self._choked) > _REMEMBERED:
            self._choked.clear()
        self._choked[what] = self._choked.get(what, 0) + 1
        return self._choked[what] >= CHOKES

    async def _permitted(
        self, method: str, call: Awaitable[AsyncSlackResponse], *, seconds: float = SECONDS
    ) -> Mapping[str, Any]:
        """Ask what we can live without: a scope that is missing is a plain no, not something to wait for."""
        try:
            return await self._asked(method, call, seconds=seconds)
        except SlackBusy as busy:
            if busy.code == MISSING_SCOPE:
                raise SlackRefused(busy.code) from busy
            raise

    async def _asked(
        self, method: str, call: Awaitable[AsyncSlackResponse], *, place: str = "", seconds: float = SECONDS
    ) -> Mapping[str, Any]:
        if not self._may_speak():
            if isinstance(call, Coroutine):
                call.close()
            raise LeaseLost("Somebody else speaks by now.")
        self.pace.took(method, place)
        try:
            return await answer(call, seconds=seconds)
        except SlackBusy as busy:
            self.pace.hold(method, seconds=busy.seconds)
            raise


def _marks_of(said: Mapping[str, Any], event: str) -> set[str]:
    if event == FILE:
        return {str(file.get("name", "")) for file in said.get("files", [])}
    metadata = said.get("metadata") or {}
    if metadata.get("event_type") != event:
        return set()
    mark = str((metadata.get("event_payload") or {}).get("mark", ""))
    return set(mark.split(",")) if event == LINE else {mark}
