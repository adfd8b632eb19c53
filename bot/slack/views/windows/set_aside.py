"""The window in which people tick the failed VMs that are set aside, each with its cause, and say why."""

from collections.abc import Mapping

from bot.domain.operation import Operation
from bot.domain.progress.steps import StepRecord
from bot.domain.values import VmId
from bot.slack.views import message, subject, text
from bot.slack.views.message import Block
from bot.slack.views.windows import ticks, window

CALLBACK = "skip_window"


def draw(operation: Operation, offered: Mapping[VmId, StepRecord], *, channel: str) -> Block | None:
    """The window; None when there are more VMs than a window can hold.

    Args:
        operation: whose VMs they are.
        offered: the VMs that may be set aside, each with the step that did not get done.
        channel: where the button was pressed.
    """
    return ticks.first_that_fits(_view(operation, offered, channel=channel, is_brief=short) for short in (False, True))


def _view(operation: Operation, offered: Mapping[VmId, StepRecord], *, channel: str, is_brief: bool) -> Block:
    said = (
        f"{subject.named(operation)}: tick the VMs that Muster is to leave as they are. *Retry Failed* leaves them out,"
        " and they never count as done. When nothing else is left to retry, the operation ends incomplete."
    )
    names = {vm.id: vm.name for vm in operation.vms}
    boxes = [
        ticks.Box(value=vm, name=names.get(vm, ""), about="" if is_brief else _cause(record))
        for vm, record in offered.items()
    ]
    return window.asking(
        CALLBACK,
        "Skip",
        blocks=[
            message.section(said),
            *ticks.lists("Failed or unclear", boxes),
            window.reason(optional=True, hint="Why are they left, and who takes care of them?"),
        ],
        carries=window.brings_back(operation, channel),
    )


def _cause(record: StepRecord) -> str:
    """Why it is not done; its name stands above it, and a long one would leave no room for that."""
    said = text.without_subject(record.sentence, record.step.title)
    return said or f"{record.step.title}: {record.state.value}"
