"""What the survey found: findings worst first, evidence and room, and how the plan differs from an earlier one."""

from collections.abc import Sequence

from bot.domain.operation import Operation
from bot.domain.plan import Finding, Plan, Topic, Verdict
from bot.slack.views import message, text
from bot.slack.views.message import Block

_MARK = {
    Verdict.BLOCKER: ":no_entry: *Forbids it*",
    Verdict.UNKNOWN: ":question: *Could not find out*",
    Verdict.WARNING: ":warning: *Warning*",
    Verdict.OK: ":white_check_mark:",
}
_MOST_FINDINGS = 12


def findings(plan: Plan, *, brief: bool = False) -> list[Block]:
    """Everything that speaks against the plan, worst first; how much was found in order, as one line."""
    bad = [f for f in plan.sorted_findings if f.verdict is not Verdict.OK]
    good = [f for f in plan.findings if f.verdict is Verdict.OK and f.topic not in {Topic.EVIDENCE, Topic.ROOM}]
    blocks: list[Block] = []
    if bad:
        most = 5 if brief else _MOST_FINDINGS
        blocks.append(message.section(text.cut_lines([_line(f) for f in bad], most=most)))
    if good and not brief:
        said = "; ".join(text.escape(f.sentence, limit=120).rstrip(".") for f in good[:8])
        more = f"; and {len(good) - 8} more" if len(good) > 8 else ""
        blocks.append(message.context(f"In order: {said}{more}."))
    return blocks


def evidence_and_room(plan: Plan, *, brief: bool = False) -> list[Block]:
    """Proofs that the host is dead, and whether the others can take its VMs."""
    if brief:
        return []
    lines = []
    for topic, title in ((Topic.EVIDENCE, "Evidence"), (Topic.ROOM, "Room")):
        said = [f for f in plan.sorted_findings if f.topic is topic]
        good = [f for f in said if f.verdict is Verdict.OK]
        if not said:
            continue
        told = " ".join(text.sentence_of(f.sentence) for f in good[:6])
        counted = f" {len(good)}/{len(said)}" if topic is Topic.EVIDENCE else ""
        lines.append(f"*{title}{counted}*: {told or 'see above.'}")
    return [message.section(text.cut_lines(lines))] if lines else []


def _line(finding: Finding) -> str:
    return f"{_MARK[finding.verdict]}: {text.sentence_of(finding.sentence, finding.remedy)}"


def drift(operation: Operation) -> list[Block]:
    """Why the plan came back to the leads."""
    if not operation.drift:
        return []
    lines = ["*The plan changed after it was approved. It needs a new approval:*"]
    lines += difference(operation.drift)
    return [message.section(text.cut_lines(lines, most=16))]


def difference(lines: Sequence[str]) -> list[str]:
    """Differences as a list."""
    return [f"• {text.escape(line)}" for line in lines]
