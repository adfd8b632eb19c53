"""Whether a card can stand in a conversation: where it cannot, nothing is begun."""

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.errors import CouldNotAsk, NotHere
from bot.slack.conversations import is_shared
from bot.slack.refusals import NO_SUCH_PLACE, SHARED, because
from bot.slack.wire import SlackError, SlackRefused, answer

_SECONDS = 5.0


class Places:
    """Asks Slack of a conversation whenever something is to be begun there: the bot may be invited at any moment.

    Args:
        client: Slack.
        external: whether a card may stand where people of other organisations read it.
    """

    def __init__(self, client: AsyncWebClient, *, external: bool = False) -> None:
        self._client = client
        self._external = external

    async def check(self, channel: str) -> None:
        """Let a conversation pass in which Muster can post.

        A command can be typed where the bot is not (https://docs.slack.dev/interactivity/implementing-slash-commands):
        Slack then knows no such conversation, as far as the bot is concerned. Public channels can be joined.

        Raises:
            NotHere: it cannot.
            CouldNotAsk: Slack did not say.
        """
        try:
            answered = await answer(self._client.conversations_info(channel=channel), seconds=_SECONDS)
        except SlackRefused as refusal:
            if refusal.code in NO_SUCH_PLACE:
                raise _not_here(channel) from refusal
            raise _unknown(refusal) from refusal
        except SlackError as error:
            raise _unknown(error) from error
        told = answered.get("channel") or {}
        is_closed = told.get("is_private") or told.get("is_mpim")
        if is_closed and told.get("is_member") is False:
            raise _not_here(channel)
        if is_shared(told) and not self._external:
            raise NotHere(
                f"Nothing was begun, as no card may stand in this conversation: {because(SHARED)}.",
                remedy="Type the same words in a channel of this workspace alone.",
            )


def _not_here(channel: str) -> NotHere:
    if channel.startswith("D"):
        return NotHere(
            "Muster is no part of this direct conversation, so its card cannot stand here, and nothing was begun.",
            remedy="Type the same words in a channel, or in your direct messages with Muster.",
        )
    return NotHere(
        "Muster is not in this conversation, so its card cannot stand here, and nothing was begun.",
        remedy="Invite it (`/invite` and its name), then type the same words again.",
    )


def _unknown(error: SlackError) -> CouldNotAsk:
    return CouldNotAsk(
        f"Slack did not say whether Muster can post here ({error.code}), so nothing was begun.",
        remedy="Type it again in a moment; if it stays so, an admin can run `muster check`.",
    )
