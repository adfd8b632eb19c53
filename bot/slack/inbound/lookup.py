"""What somebody wants to see: operations, hosts, their past, the audit, the policy; each question has its answer."""

from collections.abc import Awaitable, Callable, Mapping

from bot.desk import answers, queries, showing
from bot.desk.desk import Desk
from bot.domain.errors import NotAllowed
from bot.domain.messages.answered import Answered, OperationsListed
from bot.domain.rules.policy import Standing
from bot.domain.values import OperationId
from bot.slack.inbound.grammar import Query, Verb
from bot.slack.inbound.intake import Asked


async def answer(desk: Desk, asked: Asked, question: Query) -> None:
    """Answer privately.

    Raises:
        NotAllowed, UnknownOperation, UnknownCloud, UnknownHost, CouldNotAsk
    """
    if asked.by.standing is not Standing.FULL_MEMBER:
        raise NotAllowed(f"Muster answers only full members of this workspace; you are a {asked.by.standing}.")
    if question.verb in _ANSWERS:
        await _ANSWERS[question.verb](desk, asked, question)


async def _note(desk: Desk, asked: Asked, told: Answered) -> None:
    await answers.note(desk, told, by=asked.by.id, channel=asked.channel, key=asked.key)


async def _show(desk: Desk, asked: Asked, question: Query) -> None:
    operation, _ = await desk.show(_named(question))
    await showing.show(desk.archive, operation, by=asked.by.id, channel=asked.channel, key=asked.key)


async def _list(desk: Desk, asked: Asked, _question: Query) -> None:
    live = await desk.live()
    said = "No operation holds a host now" if not live else f"Operations that hold a host now: {len(live)}"
    await _note(desk, asked, OperationsListed(sentence=said, about=tuple(o.id for o in live)))


async def _hosts(desk: Desk, asked: Asked, question: Query) -> None:
    await _note(desk, asked, await queries.hosts(desk, asked.by, cloud=question.cloud, matching=question.name))


async def _history(desk: Desk, asked: Asked, question: Query) -> None:
    await _note(desk, asked, await queries.history(desk, asked.by, cloud=question.cloud, host=question.name))


async def _audit(desk: Desk, asked: Asked, question: Query) -> None:
    await _note(desk, asked, await queries.audit(desk, _named(question)))


async def _policy(desk: Desk, asked: Asked, question: Query) -> None:
    await _note(desk, asked, await queries.policy(desk, asked.by, cloud=question.cloud))


def _named(question: Query) -> OperationId:
    return question.operation or OperationId("")


_ANSWERS: Mapping[Verb, Callable[[Desk, Asked, Query], Awaitable[None]]] = {
    Verb.SHOW: _show,
    Verb.LIST: _list,
    Verb.HOSTS: _hosts,
    Verb.HISTORY: _history,
    Verb.AUDIT: _audit,
    Verb.POLICY: _policy,
}
