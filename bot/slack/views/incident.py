"""The incident channel: start, needs-you, failure and end of an operation, each with a link to its card."""

from collections.abc import Sequence

from bot.domain.messages.news import News
from bot.domain.operation import Operation
from bot.slack.refusals import because
from bot.slack.views import push, subject, text, thread
from bot.slack.views.message import Message


def render(news: News, operation: Operation, *, also: Sequence[News] = (), link: str = "", asker: str = "") -> Message:
    """One line.

    Args:
        news: what happened.
        also: more of its kind, told with it.
        operation: to which operation.
        link: the address of its card, when Slack told it.
        asker: the name of whoever asked for it.
    """
    where = f" {text.link(link, 'Open the card')}" if link else ""
    extent = f" ({subject.vms(operation.plan)})" if operation.plan is not None else ""
    said = thread.lines_of([news, *also], operation, asker=asker)
    if not push.calls(news):
        said = f"*{subject.named(operation)}*{extent}: {said}"
    return Message(text=text.cut(said, limit=text.MAX_TEXT - len(where)) + where)


def by_direct_message(
    news: News, operation: Operation, *, also: Sequence[News] = (), link: str = "", asker: str = ""
) -> Message:
    """The same line for somebody who does not hear it in the incident channel, who reads why it comes to them.

    Args:
        news: what is asked of them.
        also: more of its kind, told with it.
        operation: of which operation.
        link: the address of its card, when Slack told it.
        asker: the name of whoever asked for it.
    """
    said = render(news, operation, also=also, link=link, asker=asker).text
    anywhere = f"`/muster show {text.plain(operation.id)}` shows it anywhere."
    return Message(text=f"{said}\n{_why(news, operation)}; {anywhere}")


def _why(news: News, operation: Operation) -> str:
    instead = news.instead
    if instead is None:
        return f"You read it here because you are not in {text.room(operation.channel)}"
    closed = f"{text.room(instead.channel)}, the incident channel ({because(instead.why)})"
    return f"You read it here because Muster cannot post in {closed}"
