"""Private answers: why something was refused, and what somebody asked to see."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.domain.counting import counted
from bot.domain.messages.answered import RefusalTold
from bot.domain.operation import Choice, Operation
from bot.domain.progress.steps import StepRecord
from bot.domain.rules.policy import Rule
from bot.domain.values import OperationId
from bot.slack.views import message, subject, text
from bot.slack.views.cards import card, vms
from bot.slack.views.message import Message

HELP = """\
*Muster empties a hypervisor safely.* It shows a plan, people approve it, and every VM is verified.
• `/evacuate [check] [cloud/]host [--to host] [--vm name-or-id …] [--reason text]`: the host is dead
• `/maintenance enter|exit [check] [cloud/]host [--at time] [--window 2h] [--then poweroff|reboot] [--reason text]`: \
the host is alive
• `/muster list`: operations that hold a host now
• `/muster show ID`: one operation with its plan, votes and steps, and its card with buttons here
• `/muster hosts [cloud] [text]`: hosts with their state, and what Muster does there
• `/muster history [cloud/]host`: past operations of a host
• `/muster audit ID`: what was recorded about an operation
• `/muster policy [cloud]`: who may ask, approve and break glass, and what you can do now
`check` only shows the plan; nothing happens unless somebody requests approval. `--at` is 02:00 (the next one where \
you are), 2026-11-22T02:00 (with +01:00 or without) or +2h; nothing new is started once `--window` is over."""


def refused(told: RefusalTold, *, link: str = "") -> Message:
    """Why nothing was done, who can do it, and where the other operation is."""
    said = [text.sentence_of(told.sentence)]
    if told.by:
        when = f" at {text.moment(told.at)}" if told.at else ""
        said = [f"{text.escape(told.sentence).rstrip('.')} by {text.mentions(told.by)}{when}."]
    if told.stands_in:
        said.append(f"The card stands in {text.room(told.stands_in)} now.")
    said.append(text.sentence_of(told.remedy))
    if told.ask:
        said.append(f"Ask {text.mentions(told.ask)}.")
    if link:
        said.append(text.link(link, "Open the card"))
    return Message(text=text.cut(":no_entry: " + " ".join(s for s in said if s), limit=text.MAX_TEXT))


def noted(sentence: str) -> Message:
    """A sentence."""
    return Message(text=text.sentence_of(sentence) or "Noted.")


def listing(sentence: str, operations: Sequence[Operation], links: Mapping[OperationId, str]) -> Message:
    """Operations, one line each, with links to their cards.

    Args:
        sentence: what the list shows.
        operations: newest first.
        links: addresses of the cards, where Slack told them.
    """
    lines = [text.sentence_of(sentence), *(_listed(o, links.get(o.id, "")) for o in operations)]
    return Message(text=text.cut_lines(lines, limit=text.MAX_TEXT, most=30))


def _listed(operation: Operation, link: str) -> str:
    where = f" · {text.link(link, 'card')}" if link else ""
    return (
        f"• {subject.named(operation)} · {subject.stands(operation.state)}"
        f" since {text.day_and_time(operation.changed_at)}"
        f" · {text.mention(operation.requested_by)} · id {text.code(operation.id)}{where}"
    )


def in_full(
    operation: Operation, records: Sequence[StepRecord], rule: Rule, *, now: datetime, link: str = ""
) -> Message:
    """The card without its buttons, and every vote ever cast."""
    shown = card.render(operation, records, rule, now=now)
    blocks = [b for b in shown.blocks if b["type"] != "actions"]
    votes = [
        f"{text.mention(v.by)} {_DID[v.choice]} plan {text.code(v.digest[:12])}, {text.day_and_time(v.at)}"
        for v in operation.votes
    ]
    if len(operation.vms) > vms.MANY:
        number = counted(len(operation.vms), "VM")
        blocks.append(message.context(f"*Details* on the card has all {number}, with why and what becomes of each."))
    blocks.append(message.context(text.cut_lines(["Votes: " + ("" if votes else "none"), *votes], most=20)))
    if link:
        blocks.append(message.section(text.link(link, "Open the card")))
    return Message(text=shown.text, blocks=tuple(blocks))


_DID = {Choice.APPROVE: "approved", Choice.REJECT: "rejected", Choice.VOUCH: "vouched for"}


def went_wrong(reference: str) -> str:
    """What a person hears of an error that nobody foresaw."""
    return f"Something went wrong on Muster's side, nothing was changed. Reference {reference}"


def not_understood(sentence: str, usage: str) -> str:
    """Why a command could not be read, with the line that can."""
    return f":no_entry: {text.sentence_of(sentence)}\n{usage}"
