"""The desk: one method per verb that a person (or the clock) may use on an operation.

Each verb asks policy, moves the operation by the table, and stores the change, its audit entry, the news it causes
and the settled delivery in one transaction. Nothing here waits for a cloud but the lookup of a host's exact name.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.desk import choice as choosing
from bot.desk import control, request, votes
from bot.desk.control import NO_INPUT, Input, Steer
from bot.desk.votes import Confirmation
from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import AnyCloud
from bot.domain.errors import CouldNotAsk, UnknownCloud
from bot.domain.operation import Choice, Operation
from bot.domain.ports import Archive, Clock, People, Stale, Unit
from bot.domain.progress.steps import StepRecord
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor, Rule
from bot.domain.values import Action, Digest, OperationId, StepKey, VmId
from bot.retry_policy import UNSAVED, RetryPolicy

Rules = Mapping[tuple[str, Action], Rule]

MOST_LIVE = 1_000
"""How many operations that hold a host are read at once."""
_CLICKED = Confirmation()
"""A click that came by no window."""


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where requests and decisions are taken."""

    archive: Archive
    clock: Clock
    clouds: Mapping[str, AnyCloud]
    rules: Rules
    people: People | None = None  #: asked who could approve, where that is shown; None: nobody is asked

    # ------------------------------------------------------------------------------------------------------- ask
    async def ask(
        self, order: Order, *, by: Actor, channel: str, key: str, typed_at: datetime | None = None
    ) -> OperationId:
        """Begin an operation.

        Args:
            order: what was asked for, in the person's words.
            by: who asks.
            channel: where; its card will stand there.
            key: the delivery this settles.
            typed_at: when it was typed, where it is served later: "02:00" is the next one after that.

        Raises:
            BadCommand: its time is past, too far ahead or ambiguous.
            BadChoice: a VM or the target that was named is not there.
            UnknownCloud, UnknownHost, AmbiguousHost, NotOffered, NotAllowed, AlreadyUnderWay, CouldNotAsk
        """
        operation = await request.begin(
            self.clouds, self.rules, order, by=by, channel=channel, clock=self.clock, typed_at=typed_at
        )
        async with self.archive.unit() as unit:
            entry = Entry(event=AuditEvent.REQUESTED, actor=by.id, facts=request.facts(operation))
            await unit.operations.add(operation, entry)
            await unit.inbox.settle(key, result=f"began {operation.id}")
            await unit.commit()
        return operation.id

    # ------------------------------------------------------------------------------------------------------ vote
    async def vote(
        self,
        id: OperationId,
        choice: Choice,
        *,
        digest: Digest,
        by: Actor,
        key: str,
        reason: str = "",
        confirmed: Confirmation = _CLICKED,
    ) -> None:
        """Approve, reject or vouch for exactly the plan whose digest the button carried.

        Raises:
            UnknownOperation, NotAllowed
            AlreadySettled: decided, expired, or another plan is stored now.
            NotConfirmed: the plan asks for more than a click, and that is not what was put in.
        """
        now = self.clock.now()
        decision = votes.Decision(choice=choice, digest=digest, by=by, at=now, reason=reason, confirmed=confirmed)

        async def decide(unit: Unit) -> str:
            operation = await unit.operations.get(id)
            return await votes.cast(unit, operation, self.rule_of(operation), decision)

        await self._retrying(decide, key)

    async def break_glass(
        self,
        id: OperationId,
        *,
        digest: Digest,
        reason: str,
        by: Actor,
        key: str,
        confirmed: Confirmation = _CLICKED,
    ) -> None:
        """Go ahead alone with exactly the plan whose digest the button carried.

        Raises:
            UnknownOperation
            NotAllowed: not among those who may, or a second person has still to vouch.
            BadCommand: without a reason.
            AlreadySettled: decided, expired, or another plan is stored now.
            NotConfirmed: the plan asks for more, and that is not what was put in.
        """
        now = self.clock.now()
        decision = votes.Decision(
            choice=Choice.APPROVE, digest=digest, by=by, at=now, reason=reason, confirmed=confirmed
        )

        async def go_ahead(unit: Unit) -> str:
            operation = await unit.operations.get(id)
            return await votes.break_glass(unit, operation, self.rule_of(operation), decision)

        await self._retrying(go_ahead, key)

    async def check_may_vote(self, id: OperationId, choice: Choice, *, digest: Digest, by: Actor) -> Operation:
        """The operation, when this vote would count now, confirmed as its plan asks; changes nothing.

        Raises:
            UnknownOperation, NotAllowed, AlreadySettled
        """
        decision = votes.Decision(choice=choice, digest=digest, by=by, at=self.clock.now())
        operation, _ = await self.show(id)
        votes.check_may_vote(operation, self.rule_of(operation), decision)
        return operation

    async def check_may_break_glass(self, id: OperationId, *, digest: Digest, by: Actor) -> Operation:
        """The operation, when this person may go ahead alone now; changes nothing.

        Raises:
            UnknownOperation, NotAllowed, AlreadySettled
        """
        decision = votes.Decision(choice=Choice.APPROVE, digest=digest, by=by, at=self.clock.now())
        operation, _ = await self.show(id)
        votes.check_may_break_glass(operation, self.rule_of(operation), decision)
        return operation

    # ---------------------------------------------------------------------------------------------------- choose
    async def choose(self, id: OperationId, vms: Collection[VmId], *, digest: Digest, by: Actor, key: str) -> None:
        """Ask for a new plan with exactly these VMs of the plan whose digest the list carried.

        Raises:
            UnknownOperation, NotAllowed, AlreadySettled, BadChoice
        """

        async def chosen(unit: Unit) -> str:
            operation = await unit.operations.get(id)
            self.rule_of(operation).check_may_steer(by, requester=operation.requested_by)
            await choosing.choose(unit, operation, vms, digest=digest, by=by, at=self.clock.now())
            return "vms chosen"

        await self._retrying(chosen, key)

    # ----------------------------------------------------------------------------------------------------- steer
    async def steer(self, id: OperationId, verb: Steer, *, by: Actor, key: str, given: Input = NO_INPUT) -> None:
        """Cancel, pause, resume, retry, set VMs aside, re-check, or turn a dry run into a request.

        Raises:
            UnknownOperation, NotAllowed, BadChoice
            AlreadySettled: the operation's state does not allow it.
        """

        async def steered(unit: Unit) -> str:
            operation = await unit.operations.get(id)
            rule = control.rule_to_end(self.rules, operation) if verb in control.ENDS else self.rule_of(operation)
            await control.steer(unit, operation, rule, verb, by=by, at=self.clock.now(), given=given)
            return str(verb)

        await self._retrying(steered, key)

    async def say_done(self, id: OperationId, step: StepKey, *, by: Actor, key: str) -> None:
        """Take somebody's word that they did a step by hand; a look says what is true of it.

        Raises:
            UnknownOperation, NotAllowed
            AlreadySettled: the step does not wait for it.
        """

        async def said(unit: Unit) -> str:
            operation = await unit.operations.get(id)
            self.rule_of(operation).check_may_steer(by, requester=operation.requested_by)
            await control.say_done(unit, operation, step, by=by, at=self.clock.now())
            return "said done"

        await self._retrying(said, key)

    # ----------------------------------------------------------------------------------------------------- reads
    async def live(self) -> Sequence[Operation]:
        """Operations that hold a host, newest first."""
        async with self.archive.reading() as unit:
            return await unit.operations.newest(live=True, limit=MOST_LIVE)

    async def show(self, id: OperationId) -> tuple[Operation, Sequence[StepRecord]]:
        """One operation with its steps.

        Raises:
            UnknownOperation
        """
        async with self.archive.reading() as unit:
            return await unit.operations.get(id), await unit.steps.of(id)

    # --------------------------------------------------------------------------------------------------- helpers
    def rule_of(self, operation: Operation) -> Rule:
        """The policy of an operation's cloud and action.

        Raises:
            UnknownCloud: it is in the settings no more.
        """
        rule = self.rules.get((operation.request.cloud, operation.request.action))
        if rule is None:
            raise UnknownCloud(
                f"Cloud {operation.request.cloud} is not configured any more.",
                remedy="Put it back into muster.toml, or cancel the operation.",
            )
        return rule

    async def _retrying(self, change: Callable[[Unit], Awaitable[str]], key: str) -> None:
        """Run a change in one transaction; when somebody else saved first, read again and decide again."""

        async def changed() -> None:
            async with self.archive.unit() as unit:
                result = await change(unit)
                await unit.inbox.settle(key, result=result)
                await unit.commit()

        try:
            await RetryPolicy(clock=self.clock, on=UNSAVED, most=20).of(changed)
        except Stale:
            raise CouldNotAsk(
                "This operation changes too fast to take your click just now.", remedy="Click again in a moment."
            ) from None
