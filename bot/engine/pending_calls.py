"""The calls that change a cloud: each made once, beside the looking, and heard to its end."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace

from bot.domain.audit import AuditEvent
from bot.domain.cloud import CloudError, Refused, Seen, Unreachable
from bot.domain.messages.news import News
from bot.domain.operation import Operation
from bot.domain.ports import Entry
from bot.domain.progress.steps import StepRecord, StepState, after_look
from bot.domain.values import Facts, StepKey
from bot.engine import step_news
from bot.engine.leased import LeasedOperation

GRACE_SECONDS = 8.0
"""How long a call on the wire may take to answer once Muster is told to stop; later the next start looks for it."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the answer to a call, or its loss, makes of a step: to be stored, those of a round together."""

    record: StepRecord
    entry: Entry | None
    news: Sequence[News] = ()


class PendingCalls:
    """The starts of one operation whose answers are not stored yet.

    A step that is being started is not looked at: its row belongs to its start until the answer is in it.
    """

    def __init__(self) -> None:
        self._calls: dict[StepKey, asyncio.Task[Answer]] = {}

    @property
    def under_way(self) -> frozenset[StepKey]:
        """The steps whose answer has not been handed out."""
        return frozenset(self._calls)

    async def begin(self, calls: Mapping[StepKey, Coroutine[None, None, Answer]], *, seconds: float) -> None:
        """Make calls side by side; return when all have ended, or after so many seconds with slow ones under way."""
        begun = {key: asyncio.create_task(call) for key, call in calls.items()}
        self._calls |= begun
        if begun:
            await asyncio.wait(begun.values(), timeout=seconds)

    def settle(self) -> Sequence[Answer]:
        """Hand out the answers that have come, to be stored now.

        Raises:
            Exception: what a call ended with that has no answer, once no other answer is left.
        """
        ended = {key: call for key, call in self._calls.items() if call.done()}
        answered = {key: call for key, call in ended.items() if call.exception() is None}
        for key in answered or list(ended)[:1]:
            del self._calls[key]
        return [call.result() for call in (answered or ended).values()]

    async def last(self) -> Sequence[Answer]:
        """Give the calls on the wire a while to be answered, let go of the others, and hand out what has come."""
        calls = list(self._calls.values())
        self._calls.clear()
        if not calls:
            return []
        ended, late = await asyncio.wait(calls, timeout=GRACE_SECONDS)
        for call in late:
            call.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return [call.result() for call in ended if not call.cancelled() and call.exception() is None]


async def start_one(
    leased: LeasedOperation, operation: Operation, record: StepRecord, *, planned: StepRecord
) -> Answer:
    """Make the one mutating call of a step whose intent is committed, and tell what to store of the cloud's answer.

    Args:
        leased: the operation's lease.
        operation: as stored.
        record: the step, as committed.
        planned: the same as it was before: it is so again when the cloud puts the call off.
    """
    clock = leased.clock
    leased.pacing.called(record.step, now=clock.monotonic())
    try:
        receipt = await leased.cloud.start(record.step)
    except Unreachable as lost:
        if lost.put_off is not None:
            leased.pacing.put_off(record.step, lost.put_off, now=clock.monotonic())
            if leased.pacing.pace.takes_nothing(now=clock.monotonic()):
                return await _refused(leased, operation, record, lost)
            again = replace(planned, sentence=lost.sentence, remedy=lost.remedy, raw=lost.raw)
            return Answer(record=again, entry=step_news.entry(again))
        leased.pacing.answered(record.step, now=clock.monotonic(), is_good=False, is_over=lost.is_over)
        sentence = f"Whether it took effect is not known yet; Muster looks. {lost.sentence}"
        is_excused = lost.is_over and leased.pacing.is_in_trouble(now=clock.monotonic())
        waiting = record.lose(sentence, is_over=lost.is_over, is_excused=is_excused)
        facts: Facts = {"step": record.key, "raw": lost.raw}
        return Answer(record=waiting, entry=Entry(event=AuditEvent.ANSWER_LOST, facts=facts))
    except CloudError as refused:
        leased.pacing.answered(record.step, now=clock.monotonic(), is_good=False)
        return await _refused(leased, operation, record, refused)
    leased.pacing.answered(record.step, now=clock.monotonic(), is_good=True)
    accepted = record.accept(receipt, now=leased.moment)
    return Answer(record=accepted, entry=step_news.entry(accepted))


async def _refused(leased: LeasedOperation, operation: Operation, record: StepRecord, refused: CloudError) -> Answer:
    """A refusal is not a verdict about the step: it may be as wanted already, or underway. Look once, then decide."""
    try:
        sighting = (await leased.cloud.look([record.step])).get(record.key)
    except (Refused, Unreachable):
        sighting = None
    if sighting is not None and sighting.seen in {Seen.DONE, Seen.UNDERWAY}:
        return _answer(operation, record, after_look(record, sighting, now=leased.moment))
    failed = record.end(
        StepState.FAILED,
        now=leased.moment,
        sentence=refused.sentence,
        remedy=refused.remedy,
        raw=refused.raw,
    )
    return _answer(operation, record, failed)


def _answer(operation: Operation, before: StepRecord, after: StepRecord) -> Answer:
    if after.state is before.state:
        return Answer(record=after, entry=None)
    return Answer(record=after, entry=step_news.entry(after), news=step_news.of_step(operation, after))
