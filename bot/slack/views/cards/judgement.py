"""What the survey found, each cause once: findings worst first, evidence, room; how the plan differs from another."""

from collections.abc import Sequence

from bot.domain.counting import counted
from bot.domain.operation import Operation
from bot.domain.plans import causes
from bot.domain.plans.causes import Cause
from bot.domain.plans.plan import Plan, Topic, Verdict
from bot.slack.views import message, text
from bot.slack.views.message import Block

MARK = {
    Verdict.BLOCKER: ":no_entry: *Forbids it*:",
    Verdict.UNKNOWN: ":question: *Could not find out*:",
    Verdict.WARNING: ":warning: *Warning*:",
    Verdict.OK: ":white_check_mark:",
}
SENTENCE = 1_500
"""Characters of a finding that are shown: no sentence of ours comes near it, however long the names in it are."""
_NAMED_BRIEFLY = 3
_APART = {Topic.EVIDENCE: "Evidence", Topic.ROOM: "Room"}


def findings(plan: Plan, *, brief: bool = False) -> list[Block]:
    """Everything that speaks against the plan, worst first, and what was found in order: each cause whole, none hidden.

    Args:
        plan: whose findings they are.
        brief: few VMs named, no remedies.
    """
    found = causes.of_plan(plan, named=_NAMED_BRIEFLY if brief else causes.NAMED)
    bad = [_line(c, brief=brief) for c in found if c.verdict is not Verdict.OK]
    good = [f"• {_said(c.sentence)}" for c in found if c.verdict is Verdict.OK and c.topic not in _APART]
    blocks = message.paragraphs(bad)
    if good:
        blocks += [message.context("\n".join(part)) for part in message.packed(["Good to know:", *good])]
    return blocks


def evidence_and_room(plan: Plan) -> list[Block]:
    """Proofs that the host is dead, and whether the others can take its VMs."""
    found, lines = causes.of_plan(plan), []
    for topic, title in _APART.items():
        said = [c for c in found if c.topic is topic]
        good = [c for c in said if c.verdict is Verdict.OK]
        if said:
            told = " ".join(_said(c.sentence) for c in good)
            number = f", {len(good)} of {counted(len(said), 'proof')}" if topic is Topic.EVIDENCE else ""
            lines.append(f"*{title}{number}*: {told or 'see above.'}")
    return message.paragraphs(lines)


def _line(cause: Cause, *, brief: bool) -> str:
    return f"{MARK[cause.verdict]} {_said(cause.sentence, '' if brief else cause.remedy)}"


def _said(sentence: str, remedy: str = "") -> str:
    return text.sentence_of(sentence, remedy, limit=SENTENCE)


def drift(operation: Operation) -> list[Block]:
    """Why the plan came back to the leads."""
    if not operation.drift:
        return []
    lines = ["*The plan changed after it was approved. It needs a new approval:*"]
    lines += difference(operation.drift)
    return [message.section(text.cut_lines(lines, most=16))]


def difference(lines: Sequence[str]) -> list[str]:
    """Differences as a list."""
    return [f"• {text.escape(line, limit=SENTENCE)}" for line in lines]
