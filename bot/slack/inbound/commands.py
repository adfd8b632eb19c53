"""The slash commands: one that asks for something becomes an operation, one that only asks is answered privately."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.desk.desk import Desk
from bot.domain.errors import BadCommand
from bot.domain.ports import Delivery
from bot.slack.command_names import COMMANDS
from bot.slack.inbound import grammar, intake, lookup
from bot.slack.inbound.grammar import Command, Query, Verb
from bot.slack.inbound.intake import Asked
from bot.slack.inbound.reception import Reception, Story
from bot.slack.views import notes

REQUEST = "request"
QUESTION = "question"


def register(app: AsyncApp, reception: Reception) -> None:
    """Listen to all of them. What is not understood is answered at once, and so is a call for help."""
    names = reception.names

    async def on_command(ack: AsyncAck, body: dict[str, Any]) -> None:
        body = {**body, "command": names.meant(body["command"])}
        try:
            meant = grammar.parse(body["command"], body.get("text") or "")
        except BadCommand as bad:
            await ack(text=names.spoken(notes.not_understood(str(bad), grammar.usage(body["command"]))))
            return
        if isinstance(meant, Query) and meant.verb is Verb.HELP:
            await ack(text=names.spoken(notes.HELP))
            return
        kind = QUESTION if isinstance(meant, Query) else REQUEST
        await reception.take(intake.command(body, kind=kind, clock=reception.clock), ack)

    for name in COMMANDS:
        app.command(names.typed(name))(on_command)


def asks_for_a_card(delivery: Delivery) -> bool:
    """Whether a command asks for a card where it was typed."""
    if delivery.kind == REQUEST:
        return True
    meant = _meant(delivery) if delivery.kind == QUESTION else None
    return isinstance(meant, Query) and meant.verb is Verb.SHOW


async def _serve(desk: Desk, asked: Asked) -> None:
    meant = _meant(asked.delivery)
    if isinstance(meant, Query):
        await lookup.answer(desk, asked, meant)
    else:
        typed_at = asked.delivery.received_at
        await desk.ask(meant, by=asked.by, channel=asked.channel, key=asked.key, typed_at=typed_at)


def _meant(delivery: Delivery) -> Command:
    return grammar.parse(intake.word(delivery, "command"), intake.word(delivery, "text"))


STORIES: dict[str, Story] = {REQUEST: _serve, QUESTION: _serve}
