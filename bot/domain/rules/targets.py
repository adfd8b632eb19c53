"""Where VMs may be sent: never to a host that is itself under an operation. Pure.

Whoever came first has the host; but one that has failed may be evacuated though VMs are being sent there, for its own
come first: then nothing more is sent to it.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from bot.domain.cloud import Request
from bot.domain.errors import AlreadyUnderWay
from bot.domain.plans.plan import Finding, Topic, Verdict
from bot.domain.progress.steps import StepRecord
from bot.domain.rules.timing import Closed
from bot.domain.values import Action


def conflict(asked: Request, live: Sequence[Request]) -> AlreadyUnderWay | None:
    """Why an operation may not begin beside those that are live in its cloud; None where it may."""
    if (holder := _holder(asked, live)) is not None:
        return AlreadyUnderWay(
            holder.run, _taken(asked, holder), remedy="Wait for its end or cancel it, or ask again with another target."
        )
    if asked.action is Action.EVACUATE:
        return None
    sender = next((one for one in live if one.run != asked.run and one.to in {asked.host, asked.host_name}), None)
    if sender is None:
        return None
    return AlreadyUnderWay(
        sender.run,
        f"Operation {sender.run} sends VMs of {sender.host_name} to {asked.host_name}.",
        remedy="Wait for its end, or cancel it first.",
    )


def closed(asked: Request, live: Sequence[Request]) -> Closed | None:
    """Why nothing more may be sent to the target that people named; None while it may, or where they named none."""
    holder = _holder(asked, live)
    if holder is None:
        return None
    remedy = f"Retry what is left once {holder.run} has ended, or cancel this one and ask again with another target."
    return Closed(sentence=_taken(asked, holder), remedy=remedy)


def findings(asked: Request, live: Sequence[Request]) -> tuple[Finding, ...]:
    """What the other live operations of its cloud speak against the plan of an operation."""
    holder = _holder(asked, live)
    if holder is None:
        return ()
    return (
        Finding(
            code="target-under-operation",
            verdict=Verdict.BLOCKER,
            topic=Topic.ROOM,
            sentence=_taken(asked, holder),
            remedy=f"Wait for the end of {holder.run} or cancel it, or ask again with another target.",
        ),
    )


def under_way(asked: Request, live: Sequence[Request]) -> frozenset[str]:
    """The hosts of other live operations, by name and by id."""
    return frozenset(name for one in live if one.run != asked.run for name in (one.host, one.host_name))


def spared(record: StepRecord, hosts: Collection[str]) -> StepRecord:
    """A step with only such wishes for its VM as none of these hosts is meant by; with none, the cloud chooses."""
    if not any(place in hosts for place in (record.step.wish, *record.step.also)):
        return record
    wishes = [place for place in (record.step.wish, *record.step.also) if place and place not in hosts]
    wish, also = (wishes[0], tuple(wishes[1:])) if wishes else ("", ())
    return replace(record, step=replace(record.step, wish=wish, also=also))


def _holder(asked: Request, live: Sequence[Request]) -> Request | None:
    """The other request whose host is the named target."""
    others = (one for one in live if one.run != asked.run)
    return next((one for one in others if asked.to and asked.to in {one.host, one.host_name}), None)


def _taken(asked: Request, holder: Request) -> str:
    return f"{asked.to}, where the VMs of {asked.host_name} are to go, is itself held by operation {holder.run}."
