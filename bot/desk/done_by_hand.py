"""What a person did by hand: their word is kept with the operation, and what is true of it the next look says."""

from dataclasses import replace
from datetime import datetime

from bot.desk.transition import settled
from bot.domain.errors import AlreadySettled
from bot.domain.messages.news import Kind, News
from bot.domain.operation import Operation
from bot.domain.ports import Entry, Unit
from bot.domain.progress.steps import Word
from bot.domain.rules.policy import Actor
from bot.domain.values import StepKey

_REMEDY = "See the card as it stands now."


async def say_done(unit: Unit, operation: Operation, step: StepKey, *, by: Actor, at: datetime) -> None:
    """Take somebody's word that a step is done, in the caller's transaction.

    The operation's row keeps it, not the step's: the worker alone writes the steps of what it executes.

    Raises:
        AlreadySettled: the step does not wait for anybody's hands, or not any more.
        Stale
    """
    record = next((r for r in await unit.steps(operation.id) if r.key == step), None)
    if record is None:
        raise settled(operation)
    if not record.waits_for_hands:
        said = f"“{record.step.title}” is {record.state.value}: it does not wait for anybody's hands."
        raise AlreadySettled(said, remedy=_REMEDY)
    word = Word(step=step, by=by.id, at=at)
    told = replace(operation, words=(*operation.words, word))
    await unit.save(told, Entry(event="said done", actor=by.id, facts={"step": step}))
    facts = {"by": by.id, "title": record.step.title}
    await unit.tell(News(kind=Kind.SAID_DONE, operation=operation.id, facts=facts))
