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


def by_direct_message(news: News, operation: Operation, *, link: str = "", asker: str = "") -> Message:
    """The same line for somebody who is in neither conversation, who reads why it comes to them.

    Args:
        news: what is asked of them.
        operation: of which operation.
        link: the address of its card, when Slack told it.
        asker: the name of whoever asked for it.
    """
    said = render(news, operation, link=link, asker=asker).text
    why = f"It comes to you here because you are not in <#{operation.channel}>"
    return Message(text=f"{said}\n{why}; `/muster show {text.plain(operation.id)}` shows it anywhere.")
