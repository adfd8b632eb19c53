"""The buttons that the state allows. Each carries the operation and the digest, and is checked again at the desk."""

from collections.abc import Sequence

from bot.domain.operation import FINAL, Choice, Event, Operation, State
from bot.domain.plans.plan import Plan
from bot.domain.progress import set_aside, turns
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, UserId
from bot.slack.views import button_values, message, subject, text
from bot.slack.views.message import Block

APPROVE = "approve"
CONFIRM = "approve_confirmed"
"""*Approve* where it opens a window."""
VOUCH = "vouch"
REJECT = "reject"
CANCEL = "cancel"
RECHECK = "recheck"
REQUEST_APPROVAL = "request_approval"
PAUSE = "pause"
RESUME = "resume"
RETRY = "retry"
END = "end_now"
SKIP = "skip"
"""Opens the window in which failed VMs are set aside."""
BREAK_GLASS = "break_glass"
DETAILS = "details"
"""Opens the window in which every VM stands."""
CHOOSE = "choose_vms"
ALL_BACK = "all_back"
LEAVE_ALL = "leave_all"
"""Says that none of the VMs that may be chosen is meant."""
UNDO = "undo_rehoming"
"""Asks for a new operation: that what an ended one moved goes back."""
DONE = "step_done"
"""Says that a step is done which only a person can do."""
ASK_AGAIN = "ask_again"
"""Asks for a new operation in the words of one that ended without being done, or not done whole."""
RETURN = "return_host"
"""Asks for a new operation: the return of the host that an ended one took out of service."""

_ANYBODY = UserId("")
"""Whoever presses a button that all see: somebody who has not said yes yet."""

_PLAIN = (
    (Event.APPROVAL_REQUESTED, REQUEST_APPROVAL, "Request Approval", "primary"),
    (Event.RETRIED, RETRY, "Retry Failed", "primary"),
    (Event.RESUMED, RESUME, "Resume", "primary"),
    (Event.PAUSED, PAUSE, "Pause", ""),
    (Event.RECHECK, RECHECK, "Re-check", ""),
)
_ENDING = (Event.CANCELLED, Event.STOP_ASKED, Event.CLOSED)


def row(operation: Operation, rule: Rule, records: Sequence[StepRecord], *, may_decide: bool = True) -> list[Block]:
    """One row of buttons, or none when nothing may be done.

    Args:
        operation: whose buttons they are.
        rule: *Break Glass…* is there only where it names somebody who may, and it says whether a click is enough.
        records: its step rows; *Skip* is there only where they have a VM that may be set aside.
        may_decide: whether findings and VMs stand above; else nobody approves or vouches for them here.
    """
    value = button_values.by_plan(operation)
    elements = _deciding(operation, rule, value, is_shown=may_decide)
    elements += _choosing(operation, value)
    for event, action, label, style in _PLAIN:
        if operation.may(event) and (event is not Event.RETRIED or _may_retry(operation, records)):
            elements.append(message.button(label, action=action, value=value, style=style))
    if operation.state in _MAY_SKIP and set_aside.may_be(records):
        elements.append(message.button("Skip", action=SKIP, value=value))
    if operation.vms:
        elements.append(message.button("Details", action=DETAILS, value=value))
    if operation.state is State.STOPPING:
        elements.append(_end(operation, value))
    elif any(operation.may(event) for event in _ENDING):
        elements.append(_cancel(operation, value))
    if label := subject.way_back(operation):
        host = button_values.by_host(operation.request.cloud, operation.request.host)
        elements.append(message.button(label, action=RETURN, value=host))
    if operation.state in _ASKED_AGAIN:
        elements.append(message.button("Ask Again", action=ASK_AGAIN, value=value))
    if not elements:
        return []
    return [message.actions(elements, block_id=f"act:{operation.id}:{operation.state}:{(operation.digest or '')[:12]}")]


_ASKED_AGAIN = FINAL - {State.SUCCEEDED}
_MAY_SKIP = frozenset({State.RUNNING, State.PAUSED, State.NEEDS_ATTENTION})


def _may_retry(operation: Operation, records: Sequence[StepRecord]) -> bool:
    """Whether a retry finds something to do: while others still move, only what failed in their phase."""
    return operation.state is State.NEEDS_ATTENTION or bool(turns.to_retry_meanwhile(records, operation.phases))


def _end(operation: Operation, value: str) -> Block:
    said = (
        "Muster no longer watches what the cloud is still doing, and does not verify it. The host is free for a new"
        " operation."
    )
    dialog = message.dialog(f"End {subject.noun(operation)} Now?", f"{subject.host(operation)}: {said}", yes="End It")
    return message.button("End Now", action=END, value=value, confirm=dialog)


def _deciding(operation: Operation, rule: Rule, value: str, *, is_shown: bool) -> list[Block]:
    """What approvers and the requester decide by; a plan that nobody can read here can only be rejected."""
    elements: list[Block] = []
    if is_shown and operation.may(Event.APPROVED) and operation.plan is not None:
        elements.append(_approve(operation, operation.plan, rule, value))
        if operation.vouches and not operation.has_vouched(operation.requested_by):
            elements.append(message.button("Vouch", action=VOUCH, value=value))
    if operation.may(Event.REJECTED):
        elements.append(message.button("Reject", action=REJECT, value=value))
    if is_shown and operation.may(Event.APPROVED) and rule.break_glass:
        elements.append(message.button("Break Glass…", action=BREAK_GLASS, value=value, style="danger"))
    return elements


def _choosing(operation: Operation, value: str) -> list[Block]:
    """What asks for a plan of other VMs, while there are some to choose from."""
    plan = operation.plan
    if not operation.may(Event.RECHECK) or plan is None or not plan.choices:
        return []
    elements = [message.button("Choose VMs…", action=CHOOSE, value=value)]
    if plan.action is Action.EXIT and not all(vm.chosen for vm in plan.unflagged):
        elements.insert(0, message.button("All Back", action=ALL_BACK, value=value))
    if operation.awaits_choice and not operation.dry_run:
        elements.append(message.button("Leave All", action=LEAVE_ALL, value=value))
    return elements


_UNDOING = {Action.REHOME: "Move Volumes Back"}


def undo(operation: Operation, records: Sequence[StepRecord]) -> list[Block]:
    """What asks for what takes back the steps of an ended operation; none when nothing does."""
    offered = dict.fromkeys(r.step.undone_by for r in records if r.state is StepState.DONE and r.step.undone_by)
    if operation.state not in FINAL or not offered:
        return []
    host = button_values.by_host(operation.request.cloud, operation.request.host)
    elements = [message.button(_UNDOING[action], action=UNDO, value=host) for action in offered if action]
    return [message.actions(elements, block_id=f"undo:{operation.id}")]


def done(operation: Operation, record: StepRecord) -> Block:
    """The button by which a person says that they did a step that is theirs."""
    value = button_values.by_step(operation, record.key)
    said = f"{subject.host(operation)}: {text.escape(record.step.title, limit=160)}. Muster looks whether it is so."
    confirm = message.dialog("Have you done it?", said, yes="Done")
    button = message.button("Done", action=DONE, value=value, style="primary", confirm=confirm)
    return message.actions([button], block_id=f"done:{operation.id}:{record.seq}")


def _approve(operation: Operation, plan: Plan, rule: Rule, value: str) -> Block:
    """One click and the question after it; or what opens a window, where the plan asks for more than a click."""
    if rule.is_window_needed(plan):
        style = "danger" if plan.vouches else "primary"
        return message.button("Approve", action=CONFIRM, value=value, style=style)
    yes = subject.consequences(operation, rule, by=_ANYBODY, choice=Choice.APPROVE)
    said = f"{subject.host(operation)}, {subject.vms(plan)}. {yes}"
    dialog = message.dialog(f"Approve {subject.noun(operation)}?", said, yes="Approve")
    return message.button("Approve", action=APPROVE, value=value, style="primary", confirm=dialog)


def _cancel(operation: Operation, value: str) -> Block:
    if operation.may(Event.STOP_ASKED):
        said = "Nothing new is started. What the cloud has begun goes on to its end and is reported."
    elif operation.may(Event.CLOSED):
        said = "The operation ends as it is, with what is left undone written down. The host is free for a new one."
    else:
        said = "Nothing has been done yet, and nothing will be."
    return message.button(
        "Cancel",
        action=CANCEL,
        value=value,
        confirm=message.dialog(
            f"Cancel {subject.noun(operation)}?", f"{subject.host(operation)}: {said}", yes="Cancel It"
        ),
    )
