"""Would those who approve hear of a request? Names those whom no mention reaches."""

from collections.abc import Mapping
from functools import partial

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.counting import listed
from bot.domain.diagnosis import Line
from bot.domain.rules.policy import Rule
from bot.domain.values import Action
from bot.slack.outbound.recipients import DirectMessages, Recipients
from bot.slack.retries import Retries
from bot.slack.wire import SlackError, answer

_TITLE = "approvers, to be called"
_MOST_NAMED = 20


async def diagnose(
    client: AsyncWebClient,
    recipients: Recipients,
    incident_channel: str,
    rules: Mapping[tuple[str, Action], Rule],
    retries: Retries,
) -> Line:
    """Whether they hear of a request wherever it is typed: the incident channel is told of each.

    Args:
        client: Slack.
        recipients: who is in which conversation, and whether others get direct messages.
        incident_channel: id.
        rules: the policy of every cloud and action that is offered.
        retries: waits where Slack says so.
    """
    called = dict.fromkeys(one for rule in rules.values() for one in (*rule.approvers, *rule.escalate_to))
    try:
        absent = sorted(await retries.ask(lambda: recipients.absent(list(called), incident_channel)))
        names = [await retries.ask(partial(_name, client, one)) for one in absent[:_MOST_NAMED]]
    except SlackError as error:
        return Line(title=_TITLE, complaint=f"where they are is not known ({error.code}).", remedy="Check again.")
    if not absent:
        return Line(title=_TITLE, detail="all are in the incident channel")
    named = listed([*names, *absent[_MOST_NAMED:]], most=_MOST_NAMED)
    if recipients.direct_messages is DirectMessages.NEVER:
        return Line(
            title=_TITLE,
            complaint=f"these people do not hear of a request that is typed in a channel they are not in: {named}.",
            remedy='Invite them to the incident channel, or set slack.direct_messages to "absent".',
        )
    return Line(title=_TITLE, detail=f"by direct message, as they are not in the incident channel: {named}")


async def _name(client: AsyncWebClient, user: str) -> str:
    known = (await answer(client.users_info(user=user))).get("user") or {}
    return f"{known.get('real_name') or known.get('name') or user} ({user})"
