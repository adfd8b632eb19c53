"""Story 4: what somebody wants to see: help, operations, hosts, their past, the audit, the policy."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.desk import answers, queries, showing
from bot.desk.desk import Desk
from bot.domain.errors import BadCommand, NotAllowed
from bot.domain.ports import Delivery
from bot.domain.rules.policy import Actor, Standing
from bot.domain.values import OperationId
from bot.slack.inbound import grammar, reception
from bot.slack.inbound.grammar import Query, Verb
from bot.slack.inbound.reception import Reception
from bot.slack.views import notes

KIND = "question"


def register(app: AsyncApp, desk: Reception) -> None:
    """Listen to the command that only asks."""

    async def on_command(ack: AsyncAck, body: dict[str, Any]) -> None:
        body = {**body, "command": desk.names.meant(body["command"])}
        try:
            question = grammar.parse(body["command"], body.get("text") or "")
        except BadCommand as bad:
            await ack(text=desk.names.spoken(notes.not_understood(str(bad), grammar.usage(body["command"]))))
            return
        if isinstance(question, Query) and question.verb is Verb.HELP:
            await ack(text=desk.names.spoken(notes.HELP))
            return
        delivery = reception.command(body, kind=KIND, clock=desk.clock)
        await desk.take(delivery, ack)

    app.command(desk.names.typed(grammar.MUSTER))(on_command)


def asks_for_a_card(delivery: Delivery) -> bool:
    """Whether it asks for a card where it was typed."""
    question = grammar.parse(reception.word(delivery, "command"), reception.word(delivery, "text"))
    return isinstance(question, Query) and question.verb is Verb.SHOW


async def serve(desk: Desk, actor: Actor, delivery: Delivery) -> None:
    """Answer privately.

    Raises:
        NotAllowed, UnknownOperation, UnknownCloud, UnknownHost, CouldNotAsk
    """
    if actor.standing is not Standing.FULL_MEMBER:
        raise NotAllowed(f"Muster answers only full members of this workspace; you are a {actor.standing}.")
    question = grammar.parse(reception.word(delivery, "command"), reception.word(delivery, "text"))
    if not isinstance(question, Query):
        return
    await _ANSWERS[question.verb](desk, Asked(question=question, actor=actor, delivery=delivery))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question, and to whom its answer goes."""

    question: Query
    actor: Actor
    delivery: Delivery

    @property
    def operation(self) -> OperationId:
        """The operation that was named."""
        return self.question.operation or OperationId("")

    async def answer(self, desk: Desk, sentence: str = "", **told: Any) -> None:
        """Tell them privately."""
        channel = reception.word(self.delivery, "channel")
        await answers.note(desk, sentence, by=self.actor.id, channel=channel, key=self.delivery.key, **told)


async def _show(desk: Desk, asked: Asked) -> None:
    operation, _ = await desk.show(asked.operation)
    channel = reception.word(asked.delivery, "channel")
    await showing.show(desk.archive, operation, by=asked.actor.id, channel=channel, key=asked.delivery.key)


async def _list(desk: Desk, asked: Asked) -> None:
    live = await desk.live()
    said = "No operation holds a host now" if not live else f"Operations that hold a host now: {len(live)}"
    await asked.answer(desk, said, about=[o.id for o in live])


async def _hosts(desk: Desk, asked: Asked) -> None:
    question = asked.question
    await asked.answer(desk, shown=await queries.hosts(desk, asked.actor, cloud=question.cloud, matching=question.name))


async def _history(desk: Desk, asked: Asked) -> None:
    question = asked.question
    said, past = await queries.history(desk, asked.actor, cloud=question.cloud, host=question.name)
    await asked.answer(desk, said, about=past, shown={"shows": "history"})


async def _audit(desk: Desk, asked: Asked) -> None:
    await asked.answer(desk, shown=await queries.audit(desk, asked.operation))


async def _policy(desk: Desk, asked: Asked) -> None:
    await asked.answer(desk, shown=await queries.policy(desk, asked.actor, cloud=asked.question.cloud))


_ANSWERS: Mapping[Verb, Callable[[Desk, Asked], Awaitable[None]]] = {
    Verb.SHOW: _show,
    Verb.LIST: _list,
    Verb.HOSTS: _hosts,
    Verb.HISTORY: _history,
    Verb.AUDIT: _audit,
    Verb.POLICY: _policy,
}
