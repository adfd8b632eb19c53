"""The incident channel: start, needs-you, failure and end of an operation, each with a link to its card."""

from bot.domain.news import News
from bot.domain.operation import Operation
from bot.slack.views import push, subject, text, thread
from bot.slack.views.message import Message


def render(news: News, operation: Operation, *, link: str = "", asker: str = "") -> Message:
    """One line.

    Args:
        news: what happened.
        operation: to which operation.
        link: the address of its card, when Slack told it.
        asker: the name of whoever asked for it.
    """
    where = f" {text.link(link, 'Open the card')}" if link else ""
    extent = f" ({subject.vms(operation.plan)})" if operation.plan is not None else ""
    said = thread.line_of(news)
    if push.calls(news):
        said = f"{push.line(news, operation, asker=asker)}\n{said}"
    else:
        said = f"*{subject.named(operation)}*{extent}: {said}"
    return Message(text=text.cut(said, limit=text.MAX_TEXT - len(where)) + where)
