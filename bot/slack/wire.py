"""The wall to Slack's Web API: one client that never repeats a call by itself, and three errors instead of theirs."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from slack_sdk.webhook.async_client import AsyncWebhookClient

SECONDS = 10.0
"""How long Slack may take to answer one call."""
REPLY_SECONDS = 3.0
"""How long Slack may take at a response_url; there are other ways."""
BUSY_SECONDS = 30.0
"""How long to wait when Slack says "later" without saying when."""


class SlackError(Exception):
    """Slack did not do as asked. `code` is Slack's own word, safe to log and to show."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SlackRefused(SlackError):
    """Slack said no to this place or this content, definitely: nothing was posted. Other calls may go well.

    `block` is the place of the block that Slack names as wrong; None where it names none.
    """

    def __init__(self, code: str, *, block: int | None = None) -> None:
        super().__init__(code)
        self.block = block


class SlackBusy(SlackError):
    """Slack did not take it now: nothing was posted; `seconds` says when to ask again."""

    def __init__(self, code: str, *, seconds: float) -> None:
        super().__init__(code)
        self.seconds = seconds


class SlackSilent(SlackError):
    """No answer, or none that tells whether it took effect: look before posting again.

    `is_over` says that it takes no effect later than now: Slack was not reached, or answered.
    """

    def __init__(self, code: str, *, is_over: bool = False) -> None:
        super().__init__(code)
        self.is_over = is_over


MISSING_SCOPE = "missing_scope"
LATER = frozenset({"ratelimited", "rate_limited"})
"""Asked too often: Slack says when the next call may come."""
_BUSY = LATER | {"message_limit_exceeded"}
# https://docs.slack.dev/reference/methods: the common errors of every method. They are about our token, whatever is
# asked for; an admin can mend them, so we wait. What is about one place (`ekm_access_denied`) is a refusal.
_LOCKED_OUT = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        MISSING_SCOPE,
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
CHOKED = frozenset({"fatal_error", "internal_error"})
"""Slack's own trouble; with some shapes of content it has it each time."""
_GATEWAYS = frozenset({502, 504})
"""Said by a machine in front of Slack, which goes on without it."""
_TROUBLED = CHOKED | {"request_timeout", "service_unavailable", "update_failed"}


def connect(token: str, *, api_url: str = AsyncWebClient.BASE_URL) -> AsyncWebClient:
    """A client for Slack.

    slack_sdk repeats a call whose connection broke, which may post twice: its retry handlers are left out.

    Args:
        token: the bot's token.
        api_url: any address that speaks Slack's Web API, ending in a slash.
    """
    return AsyncWebClient(token=token, base_url=api_url, timeout=int(SECONDS), retry_handlers=[])


@asynccontextmanager
async def shared_session(*clients: AsyncWebClient) -> AsyncIterator[None]:
    """Let these clients keep their connections; without a session, each call of slack_sdk makes a new one."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
        for client in clients:
            client.session = session
        yield


async def answer(call: Awaitable[AsyncSlackResponse], *, seconds: float = SECONDS) -> Mapping[str, Any]:
    """What Slack answered.

    Raises:
        SlackRefused, SlackBusy, SlackSilent
    """
    try:
        async with asyncio.timeout(seconds):
            response = await call
    except SlackApiError as error:
        raise _translated(error) from error
    except aiohttp.ClientConnectorError as error:
        raise SlackSilent(type(error).__name__, is_over=True) from error
    except (aiohttp.ClientError, OSError, TimeoutError, SlackClientError, ValueError) as error:
        raise SlackSilent(type(error).__name__) from error
    return response.data if isinstance(response.data, dict) else {}


async def reply(
    address: str, text: str, blocks: Sequence[Mapping[str, Any]], *, session: aiohttp.ClientSession | None = None
) -> str:
    """Post to a response_url, for one person to see; answers Slack's word when it does not take that.

    Raises:
        SlackSilent: no answer, or none that tells.
    """
    client = AsyncWebhookClient(address, timeout=int(REPLY_SECONDS), session=session, retry_handlers=[])
    body: dict[str, Any] = {"response_type": "ephemeral", "replace_original": False, "text": text}
    try:
        async with asyncio.timeout(REPLY_SECONDS):
            answered = await client.send_dict(body | ({"blocks": list(blocks)} if blocks else {}))
    except (aiohttp.ClientError, OSError, TimeoutError, SlackClientError, ValueError) as error:
        raise SlackSilent(type(error).__name__) from error
    if answered.status_code >= 500 or answered.status_code == 429:
        raise SlackSilent(f"HTTP {answered.status_code}")
    return "" if answered.status_code == 200 else str(answered.body)[:_LONGEST_CODE] or f"HTTP {answered.status_code}"


_LONGEST_CODE = 60


def _translated(error: SlackApiError) -> SlackError:
    response = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    body = getattr(response, "data", None)
    code = str(body.get("error", "")) if isinstance(body, dict) else ""
    if status == 429 or code in _BUSY:
        return SlackBusy(code or "ratelimited", seconds=_retry_after(getattr(response, "headers", {})))
    if status >= 500 or not code or code in _TROUBLED:
        return SlackSilent(code or f"HTTP {status}", is_over=status not in _GATEWAYS)
    if code in _LOCKED_OUT:
        return SlackBusy(code, seconds=BUSY_SECONDS)
    return SlackRefused(code, block=_block_named_in(body))


_POINTER = re.compile(r"\[json-pointer:/blocks/(\d+)")


def _block_named_in(body: object) -> int | None:
    """The first block that `response_metadata.messages` points at."""
    metadata = body.get("response_metadata") if isinstance(body, dict) else None
    told = metadata.get("messages") if isinstance(metadata, dict) else None
    found = _POINTER.search(str(told)) if told else None
    return int(found[1]) if found else None


def _retry_after(headers: Mapping[str, str]) -> float:
    """https://docs.slack.dev/apis/web-api/rate-limits: whole seconds."""
    value = next((v for k, v in dict(headers).items() if k.lower() == "retry-after"), "")
    return float(value) if value.isdigit() else BUSY_SECONDS
