"""The desk: one method per verb that a person (or the clock) may use on an operation.

Each verb asks policy, moves the operation by the table, and stores the change, its audit entry, the news it causes
and the settled delivery in one transaction. Nothing here waits for a cloud but the lookup of a host's exact name.
"""

import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.desk import choice as choosing
from bot.desk import control, done_by_hand, host_lookup, named_vms, votes
from bot.desk.control import NOTHING_SAID, Said, Steer
from bot.desk.transition import turn
from bot.desk.votes import Confirmation
from bot.domain.cloud import AnyCloud, Request
from bot.domain.errors import AlreadySettled, AlreadyUnderWay, CouldNotAsk, NotAllowed, OldCard, Refusal, UnknownCloud
from bot.domain.messages.news import Audience, Kind, News
from bot.domain.operation import Choice, Event, Operation
from bot.domain.ports import Archive, Clock, Delivery, Entry, People, Rank, Stale, Unit
from bot.domain.progress.steps import StepRecord
from bot.domain.rules import calendar
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Actor, Rule
from bot.domain.values import Action, Digest, Facts, HostId, OperationId, StepKey, UserId, VmId

Rules = Mapping[tuple[str, Action], Rule]

RECALL = timedelta(minutes=30)
"""How old an unsettled delivery may be to be served after a restart; an older one would surprise its sender."""
_CLICKED = Confirmation()
"""A click that came by no window."""
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Where requests and decisions are taken."""

    archive: Archive
    clock: Clock
    clouds: Mapping[str, AnyCloud]
    rules: Rules
    people: People | None = None  #: asked who could approve, where that is shown; None: nobody is asked

    # ------------------------------------------------------------------------------------------------ deliveries
    async def receive(self, delivery: Delivery) -> bool:
        """Record what came in; False when it had come in before."""
        async with self.archive.unit(Rank.ACKNOWLEDGED) as unit:
            fresh = await unit.receive(delivery)
            await unit.commit()
        return fresh

    async def forget(self, key: str) -> None:
        """Remove a delivery whose sender was told that it was not noted; they may send it again."""
        async with self.archive.unit(Rank.ACKNOWLEDGED) as unit:
            await unit.forget(key)
            await unit.commit()

    async def unsettled(self) -> Sequence[Delivery]:
        """Deliveries that a process recorded and died before acting on."""
        async with self.archive.reading() as unit:
            return await unit.unsettled(since=self.clock.now() - RECALL)

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
        zone = calendar.zone(by.zone)
        typed_at = typed_at or self.clock.now()
        starts_at = None if order.at is None else calendar.moment(order.at, now=typed_at, zone=zone)
        may_look = host_lookup.onlooker(self.rules, by)
        if order.cloud:
            await host_lookup.check_possible(self.clouds, order.cloud, order, may_look=may_look)
            self.rules[order.cloud, order.action].check_may_request(by)
        cloud, host = await host_lookup.resolve(self.clouds, order, may_look=may_look)
        await host_lookup.check_possible(self.clouds, cloud, order, may_look=may_look)
        self.rules[cloud, order.action].check_may_request(by)
        now = self.clock.now()
        new = _new_id()
        operation = Operation(
            id=new,
            request=Request(
                action=order.action,
                cloud=cloud,
                host=host.id,
                host_name=host.name,
                run=new,
                reason=order.reason,
                to=order.to,
                vms=order.vms,
                then=order.then,
            ),
            host=host,
            requested_by=by.id,
            channel=channel,
            dry_run=order.check,
            starts_at=starts_at,
            window=order.window,
            zone=by.zone if zone else "",
            created_at=now,
            changed_at=now,
        )
        await named_vms.check(self.clouds[cloud], operation.request)
        facts: Facts = {
            "action": order.action,
            "cloud": cloud,
            "host": host.name,
            "reason": order.reason,
            "check": order.check,
            "then": order.then,
            **operation.times(),
        }
        async with self.archive.unit() as unit:
            await unit.add(operation, Entry(event="requested", actor=by.id, facts=facts))
            await unit.settle(key, result=f"began {new}")
            await unit.commit()
        return new

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
            operation = await unit.operation(id)
            return await votes.cast(unit, operation, self._rule(operation), decision)

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
            operation = await unit.operation(id)
            return await votes.break_glass(unit, operation, self._rule(operation), decision)

        await self._retrying(go_ahead, key)

    async def check_may_vote(self, id: OperationId, choice: Choice, *, digest: Digest, by: Actor) -> Operation:
        """The operation, when this vote would count now, confirmed as its plan asks; changes nothing.

        Raises:
            UnknownOperation, NotAllowed, AlreadySettled
        """
        decision = votes.Decision(choice=choice, digest=digest, by=by, at=self.clock.now())
        operation, _ = await self.show(id)
        votes.check_may_vote(operation, self._rule(operation), decision)
        return operation

    async def check_may_break_glass(self, id: OperationId, *, digest: Digest, by: Actor) -> Operation:
        """The operation, when this person may go ahead alone now; changes nothing.

        Raises:
            UnknownOperation, NotAllowed, AlreadySettled
        """
        decision = votes.Decision(choice=Choice.APPROVE, digest=digest, by=by, at=self.clock.now())
        operation, _ = await self.show(id)
        votes.check_may_break_glass(operation, self._rule(operation), decision)
        return operation

    # ---------------------------------------------------------------------------------------------------- choose
    async def choose(self, id: OperationId, vms: Collection[VmId], *, digest: Digest, by: Actor, key: str) -> None:
        """Ask for a new plan with exactly these VMs of the plan whose digest the list carried.

        Raises:
            UnknownOperation, NotAllowed, AlreadySettled, BadChoice
        """

        async def chosen(unit: Unit) -> str:
            operation = await unit.operation(id)
            self._rule(operation).check_may_steer(by, requester=operation.requested_by)
            await choosing.choose(unit, operation, vms, digest=digest, by=by, at=self.clock.now())
            return "vms chosen"

        await self._retrying(chosen, key)

    # ----------------------------------------------------------------------------------------------------- steer
    async def steer(self, id: OperationId, verb: Steer, *, by: Actor, key: str, said: Said = NOTHING_SAID) -> None:
        """Cancel, pause, resume, retry, set VMs aside, re-check, or turn a dry run into a request.

        Raises:
            UnknownOperation, NotAllowed, BadChoice
            AlreadySettled: the operation's state does not allow it.
        """

        async def steered(unit: Unit) -> str:
            operation = await unit.operation(id)
            await control.steer(unit, operation, self._rule(operation), verb, by=by, at=self.clock.now(), said=said)
            return str(verb)

        await self._retrying(steered, key)

    async def say_done(self, id: OperationId, step: StepKey, *, by: Actor, key: str) -> None:
        """Take somebody's word that they did a step by hand; a look says what is true of it.

        Raises:
            UnknownOperation, NotAllowed
            AlreadySettled: the step does not wait for it.
        """

        async def said(unit: Unit) -> str:
            operation = await unit.operation(id)
            self._rule(operation).check_may_steer(by, requester=operation.requested_by)
            await done_by_hand.say_done(unit, operation, step, by=by, at=self.clock.now())
            return "said done"

        await self._retrying(said, key)

    # ---------------------------------------------------------------------------------------------------- expiry
    async def expire(self) -> int:
        """Expire every request whose time has come; answers how many. Any number of replicas may tick."""
        async with self.archive.reading() as unit:
            due = await unit.overdue(self.clock.now())
        expired = 0
        for overdue in due:
            try:
                async with self.archive.unit() as unit:
                    operation = await unit.operation(overdue)
                    if operation.may(Event.EXPIRED):
                        await turn(unit, operation, Event.EXPIRED, self.clock.now(), None, {})
                        await unit.commit()
                        expired += 1
            except Stale:
                continue  # somebody decided at the last moment; the next tick looks again
        return expired

    # ------------------------------------------------------------------------------------------- private answers
    async def refuse(
        self,
        refusal: Refusal,
        *,
        by: UserId,
        channel: str,
        key: str,
        operation: OperationId | None = None,
        shown: Callable[[News], Awaitable[bool]] | None = None,
    ) -> None:
        """Tell a person why nothing was done (privately, unless it is `shown`), and audit that they tried."""
        facts: Facts = {
            "sentence": refusal.sentence,
            "remedy": refusal.remedy,
            "ask": list(refusal.ask),
            "link_to": refusal.other if isinstance(refusal, AlreadyUnderWay) else operation,
            "by": list(refusal.by) if isinstance(refusal, AlreadySettled) else [],
            "stands in": refusal.room if isinstance(refusal, OldCard) else None,
            "at": refusal.at.isoformat() if isinstance(refusal, AlreadySettled) and refusal.at else None,
        }
        news = News(kind=Kind.REFUSED, audience=Audience.PERSON, facts=facts, person=by, channel=channel, answers=key)
        event = "refused: not allowed" if isinstance(refusal, NotAllowed) else "refused"
        is_seen = shown is not None and await shown(news)
        async with self.archive.unit() as unit:
            await unit.record(operation, Entry(event=event, actor=by, facts=facts))
            if not is_seen:
                await unit.tell(news)
            await unit.settle(key, result=event)
            await unit.commit()

    async def note(
        self,
        sentence: str,
        *,
        by: UserId,
        channel: str,
        key: str,
        about: Sequence[OperationId] = (),
        in_full: bool = False,
        shown: Facts | None = None,
    ) -> None:
        """Answer a person privately, with operations to be listed (or shown in full), or other facts (`looking`)."""
        facts: Facts = {"sentence": sentence, "about": list(about), "in_full": in_full, **(shown or {})}
        news = News(kind=Kind.NOTED, audience=Audience.PERSON, facts=facts, person=by, channel=channel, answers=key)
        async with self.archive.unit() as unit:
            await unit.tell(news)
            await unit.settle(key, result="noted")
            await unit.commit()

    # ----------------------------------------------------------------------------------------------------- reads
    async def live(self) -> Sequence[Operation]:
        """Operations that hold a host, newest first."""
        async with self.archive.reading() as unit:
            return await unit.operations(live=True)

    async def show(self, id: OperationId) -> tuple[Operation, Sequence[StepRecord]]:
        """One operation with its steps.

        Raises:
            UnknownOperation
        """
        async with self.archive.reading() as unit:
            return await unit.operation(id), await unit.steps(id)

    async def history(self, cloud: str, host: HostId) -> Sequence[Operation]:
        """Operations of one host, newest first."""
        async with self.archive.reading() as unit:
            return await unit.operations(cloud=cloud, host=host)

    async def newest(self, cloud: str, *, most: int) -> Sequence[Operation]:
        """The newest operations of one cloud."""
        async with self.archive.reading() as unit:
            return await unit.operations(cloud=cloud, limit=most)

    # --------------------------------------------------------------------------------------------------- helpers
    def _rule(self, operation: Operation) -> Rule:
        rule = self.rules.get((operation.request.cloud, operation.request.action))
        if rule is None:
            raise UnknownCloud(
                f"Cloud {operation.request.cloud} is not configured any more.", remedy="Put it back into muster.toml."
            )
        return rule

    async def done(self, key: str, *, result: str) -> None:
        """Mark a delivery as acted on that changes nothing here, such as a click that opened a window.

        Raises:
            Stale: it was acted on before.
        """
        async with self.archive.unit() as unit:
            await unit.settle(key, result=result)
            await unit.commit()

    async def _retrying(self, change: Callable[[Unit], Awaitable[str]], key: str) -> None:
        """Run a change in one transaction; when somebody else saved first, read again and decide again."""
        for _ in range(20):
            try:
                async with self.archive.unit() as unit:
                    result = await change(unit)
                    await unit.settle(key, result=result)
                    await unit.commit()
            except Stale:
                continue
            return
        raise CouldNotAsk(
            "This operation changes too fast to take your click just now.", remedy="Click again in a moment."
        )


def _new_id() -> OperationId:
    """Eight characters that a person can read aloud; unique by the archive's primary key."""
    return OperationId("".join(secrets.choice(_ALPHABET) for _ in range(8)))
