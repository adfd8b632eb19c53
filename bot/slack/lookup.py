"""Story 4: what somebody wants to see: help, the list of operations, one operation in full."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.domain.errors import BadCommand, NotAllowed
from bot.domain.policy import Actor, Standing
from bot.domain.ports import Delivery
from bot.slack import grammar, reception
from bot.slack.grammar import Question, Verb
from bot.slack.reception import Reception
from bot.slack.views import notes
from bot.workflow import Desk

KIND = "question"


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to the command that only asks."""

    async def on_command(ack: AsyncAck, body: dict[str, Any]) -> None:
        try:
            question = grammar.parse(body["command"], body.get("text") or "")
        except BadCommand as bad:
            await ack(text=notes.not_understood(str(bad), grammar.usage(body["command"])))
            return
        if isinstance(question, Question) and question.verb is Verb.HELP:
            await ack(text=notes.HELP)
            return
        delivery = reception.command(body, kind=KIND, clock=desk.clock)
        fresh = await desk.receive(delivery)
        await ack()
        if fresh:
            await desk.serve(delivery)

    app.command(grammar.MUSTER)(on_command)


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Answer privately.

    Raises:
        NotAllowed, UnknownOperation
    """
    if actor.standing is not Standing.FULL_MEMBER:
        raise NotAllowed(f"Muster answers only full members of this workspace; you are a {actor.standing}.")
    question = grammar.parse(reception.word(delivery, "command"), reception.word(delivery, "text"))
    if not isinstance(question, Question):
        return
    channel, key = reception.word(delivery, "channel"), delivery.key
    if question.verb is Verb.SHOW and question.operation is not None:
        operation, _ = await desk.show(question.operation)
        await desk.note("In full", by=actor.id, channel=channel, key=key, about=[operation.id], in_full=True)
        return
    live = await desk.live()
    number = len(live)
    said = "No operation holds a host now" if not live else f"Operations that hold a host now: {number}"
    await desk.note(said, by=actor.id, channel=channel, key=key, about=[o.id for o in live])
