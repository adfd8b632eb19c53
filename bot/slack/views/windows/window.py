"""Windows (modals): small forms that ask for a few words before something is decided."""

from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.counting import counted
from bot.domain.operation import Choice, Operation
from bot.domain.rules.policy import Rule
from bot.domain.values import UserId
from bot.slack.views import button_values, message, subject, text
from bot.slack.views.message import Block, Message
from bot.slack.views.windows import confirm

MAX_TITLE = 24  #: https://docs.slack.dev/reference/views/modal-views
MAX_REASON = 500

REJECT = "reject_window"
APPROVE = "approve_window"
VOUCH = "vouch_window"
BREAK_GLASS = "break_glass_window"
REASON = "reason"
"""Block and action id of the field for the reason."""


def loading() -> Block:
    """What stands in a window until Muster knows what belongs there."""
    return _text_alone("One Moment", "_One moment: Muster looks up the plan and who may do this._")


def refused(why: Message) -> Block:
    """Why nothing was done."""
    return _text_alone("Nothing Was Done", why.text)


def _text_alone(title: str, mrkdwn: str) -> Block:
    """A window that asks nothing."""
    return {
        "type": "modal",
        "title": message.plain_text(title, limit=MAX_TITLE),
        "close": message.plain_text("Close", limit=MAX_TITLE),
        "blocks": [message.section(mrkdwn)],
    }


def reject(operation: Operation, *, channel: str) -> Block:
    """Ask why a plan is rejected; nobody has to say."""
    said = (
        f"{subject.named(operation)}: nothing will be done. {text.mention(operation.requested_by)} reads why in the"
        " thread."
    )
    return asking(
        REJECT,
        "Reject",
        blocks=[message.section(said), reason(optional=True, hint="What has to change before it can be approved?")],
        carries=brings_back(operation, channel),
    )


def yes(operation: Operation, rule: Rule, choice: Choice, *, by: UserId, channel: str) -> Block:
    """Let somebody confirm that they approve, or vouch without approving.

    Args:
        operation: what they say yes to.
        rule: the policy it is decided under.
        choice: to approve or to vouch.
        by: who has it before them.
        channel: where the button was pressed.
    """
    callback, title = (VOUCH, "Vouch") if choice is Choice.VOUCH else (APPROVE, "Approve")
    vms = f", {subject.vms(operation.plan)}" if operation.plan else ""
    said = f"{subject.named(operation)}{vms}. {subject.consequences(operation, rule, by=by, choice=choice)}"
    blocks = [message.section(said), *confirm.fields(operation, rule, by=by)]
    return asking(callback, title, blocks=blocks, carries=brings_back(operation, channel))


def break_glass(operation: Operation, rule: Rule, *, by: UserId, channel: str) -> Block:
    """Ask why somebody goes ahead alone; they must say, and confirm what anybody must who says yes."""
    said = (
        f":rotating_light: {subject.named(operation)} starts {subject.when(operation)}, on your word alone, with "
        f"{len(operation.approvals)} of {counted(rule.quorum, 'approval')}. Your name and your reason go to the "
        "thread, the incident channel and the audit."
    )
    why = reason(optional=False, hint="Why can it not wait for the approvals?")
    blocks = [message.section(said), why, *confirm.fields(operation, rule, by=by)]
    return asking(BREAK_GLASS, "Break Glass", blocks=blocks, carries=brings_back(operation, channel))


def reason_in(view: Mapping[str, Any]) -> str:
    """What was typed as the reason."""
    field = view.get("state", {}).get("values", {}).get(REASON, {}).get(REASON, {})
    return str(field.get("value") or "").strip()[:MAX_REASON]


def brings_back(operation: Operation, channel: str) -> str:
    """What comes back with a window: the operation and the plan that were shown, where, and the host to be typed."""
    return button_values.by_plan(operation, channel=channel, **{confirm.HOST: confirm.host_of(operation)})


def asking(callback: str, title: str, *, blocks: Sequence[Block], carries: str, submit: str = "") -> Block:
    """A window of ours.

    Args:
        callback: by which its submission is known.
        title: of the window.
        blocks: what it says and asks.
        carries: what comes back with the submission.
        submit: on the button that submits it; empty: the title.
    """
    return {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": carries,
        "title": message.plain_text(title, limit=MAX_TITLE),
        "submit": message.plain_text(submit or title, limit=MAX_TITLE),
        "close": message.plain_text("Back", limit=MAX_TITLE),
        "blocks": list(blocks),
    }


def reason(*, optional: bool, hint: str) -> Block:
    """The field for the reason."""
    return {
        "type": "input",
        "block_id": REASON,
        "optional": optional,
        "label": message.plain_text("Reason", limit=MAX_TITLE),
        "element": {
            "type": "plain_text_input",
            "action_id": REASON,
            "multiline": True,
            "max_length": MAX_REASON,
            "placeholder": message.plain_text(hint, limit=150),
        },
    }
