"""Door, desk, archive and board of one bot in an emulated workspace, over a real Socket Mode connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import yaml
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from bot.demo.server import Served, serve
from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.muster_app import installed
from bot.demo.workspace.view_stack import View
from bot.demo.workspace.workspace import Workspace, standard_workspace
from bot.desk.desk import Desk
from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import Host
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import digest_of
from bot.domain.rules.policy import Rule
from bot.domain.values import Action
from bot.runtime.clock import WakeUp
from bot.slack import app as slack_app
from bot.slack import manifest
from bot.slack.command_names import CommandNames
from bot.slack.outbound.board import Board
from bot.slack.outbound.recipients import Recipients
from bot.slack.people import SlackPeople
from bot.slack.wire import connect
from bot.store.archive import SqlArchive
from tests.clocks import FastClock, ManualClock
from tests.slack.mortal import MortalArchive
from tests.slack.views.examples import plan
from tests.store.migrated import migrated_file
from tests.toy_cloud import ToyCloud

PATIENCE_SECONDS = 30.0
"""More than Slack's three: a busy machine may stand still for some. That the app answers first and works then, a cloud
that never answers shows."""
RULE = Rule(requesters=("S0SRE",), approvers=("S0LEADS",))


@dataclass
class SlowCloud(ToyCloud):
    """Takes its time to say which hosts it has."""

    answers: asyncio.Event = field(default_factory=asyncio.Event)

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        await self.answers.wait()
        return await super().hosts(matching, limit=limit)


@dataclass
class House:
    """Door, desk, archive and board of one bot, with its workspace."""

    served: Served
    archive: SqlArchive
    doors_archive: MortalArchive  #: the same, as the doors see it
    desk: Desk
    people: SlackPeople
    recipients: Recipients
    cloud: SlowCloud

    @property
    def workspace(self) -> Workspace:
        return self.served.workspace

    @property
    def rule(self) -> Rule:
        """The policy of its one cloud."""
        return self.desk.rules["toy", Action.EVACUATE]

    async def types(self, who: str, line: str, *, channel: str = "C0OPS") -> str:
        """Type a command; the answer that comes at once."""
        result = await self.workspace.type_command(who, channel, line)
        assert result.error == "", result.error
        return result.text

    async def operations(self) -> Sequence[Operation]:
        async with self.archive.unit() as unit:
            return await unit.operations.newest()

    async def begun(self) -> Operation:
        """The one operation, as soon as there is one."""
        await self.workspace.until(self.cards)
        (one,) = await self.operations()
        return one

    async def planned(self, *, losing: int = 0) -> PostedMessage:
        """What the worker does to it: a plan that waits for approval; answers the card as it stands then.

        Args:
            losing: how many VMs lose their disk, so that two people must vouch for it.
        """
        await self.types("U0ALICE", "/evacuate toy/host-1 --reason DIMM")
        begun = await self.begun()
        drawn = replace(plan(losing=losing), host_name=begun.request.host_name)
        await self.save(
            replace(
                begun.with_plan(drawn, digest_of(drawn, terms=self.rule.terms())),
                state=State.AWAITING_APPROVAL,
                expires_at=self.desk.clock.now() + timedelta(minutes=30),
            )
        )
        await self.workspace.until(lambda: "Approve" in self.cards()[0].buttons)
        return self.cards()[0]

    async def save(self, operation: Operation) -> None:
        async with self.archive.unit() as unit:
            await unit.operations.save(operation, Entry(event=AuditEvent.CHECKED))
            await unit.commit()

    def cards(self) -> list[PostedMessage]:
        return [m for m in self.workspace.channel_messages("C0OPS") if m.author == "U0MUSTER"]

    def thread(self) -> list[str]:
        """The lines under the first card."""
        card = self.cards()[0]
        return [m.plain for m in self.workspace.thread("C0OPS", card.ts) if m.ts != card.ts]

    async def window(self, who: str, label: str, *, card: PostedMessage | None = None) -> View:
        """What opens when that person presses that button, of the first card where none is named."""
        assert (await self.workspace.click(who, card or self.cards()[0], label=label)).error == ""
        await self.workspace.until(lambda: self.workspace.form(who))
        shown = self.workspace.form(who)
        assert shown is not None
        return shown

    async def note_to(self, who: str, *, number: int = 1) -> str:
        """What that person is told privately, as soon as it is there."""

        def notes() -> list[PostedMessage]:
            return [m for m in self.workspace.ephemerals(who) if not m.text.startswith("The app did")]

        await self.workspace.until(lambda: len(notes()) >= number)
        return notes()[-1].plain

    async def said_in_window(self, who: str) -> str:
        """What stands in the window of that person, as soon as it is more than the wait for it."""
        await self.workspace.until(lambda: (v := self.workspace.modal(who)) and "One moment" not in str(v.blocks))
        shown = self.workspace.modal(who)
        return str(shown.blocks) if shown else ""

    async def state(self) -> State:
        (one,) = await self.operations()
        return one.state


async def _listeners_done() -> None:
    """Wait for what Bolt still does about deliveries: a database that is closed under it loses a connection."""
    listeners = [task for task in asyncio.all_tasks() if "run_ack_function" in repr(task.get_coro())]
    if listeners:
        await asyncio.wait(listeners, timeout=5)


@contextlib.asynccontextmanager
async def opened(
    folder: Path, *, rule: Rule = RULE, patience: float = PATIENCE_SECONDS, prefix: str = ""
) -> AsyncIterator[House]:
    """A house whose one cloud is used under that policy, and whose Slack waits so many seconds for an answer.

    Args:
        folder: of its database.
        rule: the policy.
        patience: seconds.
        prefix: of its commands.
    """
    rules = {("toy", Action.EVACUATE): rule}
    clock = FastClock(20)
    bell = WakeUp(clock)
    migrated_file(folder / "muster.db")
    archive = SqlArchive(f"sqlite:///{folder / 'muster.db'}", clock=clock, bell=bell)
    await archive.open()
    cloud = SlowCloud(clock=clock, vms={})
    cloud.answers.set()
    doors_archive = MortalArchive(archive)
    desk = Desk(archive=doors_archive, clock=clock, clouds={"toy": cloud}, rules=dict(rules))
    names = CommandNames(prefix=prefix)
    app = installed(yaml.safe_load(manifest.render(names, http=False)))
    async with serve(standard_workspace(app=app, patience=patience), rate_limits=False) as served:
        client = connect(served.bot_token, api_url=served.api_url)
        people = SlackPeople(client, clock, rules)
        recipients = Recipients(client, ManualClock(), people)  # what it remembers never grows old by itself
        door = slack_app.build(desk, people, client, recipients=recipients, names=names)
        handler = AsyncSocketModeHandler(door, served.app_token)
        await handler.connect_async()
        await served.workspace.until(lambda: served.sockets.connections >= 1)
        board = asyncio.create_task(Board(archive, clock, bell, client, rules, "C0INCIDENT", names=names).run())
        try:
            yield House(
                served=served,
                archive=archive,
                doors_archive=doors_archive,
                desk=desk,
                people=people,
                recipients=recipients,
                cloud=cloud,
            )
        finally:
            await handler.close_async()
            await _listeners_done()
            board.cancel()
            await asyncio.gather(board, handler.client.message_processor, return_exceptions=True)
    await archive.close()
