"""Builds the Bolt app: registers the stories, one error handler, and what keeps the memory of people fresh."""

import asyncio
import json
import re
import secrets
from copy import copy
from typing import Any

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk import showing
from bot.desk.desk import Desk
from bot.domain.ports import Delivery
from bot.runtime import http_server
from bot.runtime.log import logger
from bot.slack import wire
from bot.slack.command_names import CommandNames
from bot.slack.inbound import clicks, commands, details, vm_windows, vote_windows, windows
from bot.slack.inbound.reception import NotNoted, Reception, new_reference
from bot.slack.outbound.recipients import Recipients
from bot.slack.people import SlackPeople
from bot.slack.places import Places
from bot.slack.views import notes
from bot.slack.wire import SlackError

log = logger(__name__)

FORMS = (*vote_windows.FORMS, *vm_windows.FORMS)
SAY_SECONDS = 0.7
"""How long a click's private answer may take, so that it comes before Slack's own sign."""
GONE = ("channel_archive", "channel_deleted", "channel_left", "group_archive", "group_deleted", "group_left")
"""Events of a conversation in which Muster can say nothing more."""


def receive_at(
    desk: Desk, people: SlackPeople, places: Places | None = None, names: CommandNames | None = None
) -> Reception:
    """The reception with all its stories."""
    return Reception(
        desk=desk,
        people=people,
        places=places,
        posts=_posts,
        began=desk.clock.now(),
        names=names or CommandNames(),
        brief=frozenset({windows.KIND}),
        stories={
            **commands.STORIES,
            **clicks.STORIES,
            **{form.kind: form.submit for form in FORMS},
            windows.KIND: windows.serve,
        },
    )


def _posts(delivery: Delivery) -> bool:
    """Whether it asks for a card where it came from."""
    return delivery.kind in {clicks.FROM_A_BUTTON, clicks.AGAIN} or commands.asks_for_a_card(delivery)


def build(
    desk: Desk,
    people: SlackPeople,
    client: AsyncWebClient,
    *,
    recipients: Recipients | None = None,
    places: Places | None = None,
    signing_secret: str | None = None,
    names: CommandNames | None = None,
) -> AsyncApp:
    """The app, for Socket Mode or HTTP alike.

    Args:
        desk: where requests and decisions are taken.
        people: who is who.
        client: Slack.
        recipients: hears of who joins and leaves.
        places: asked whether a card can stand in a conversation; None: with this client.
        signing_secret: for HTTP; without one, nothing that comes by HTTP is believed.
        names: of the commands, as people type them here.
    """

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        """Bolt's own asks Slack at the first delivery, and tells people to reinstall the app when Slack is silent."""
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=client.token)

    without_token = copy(client)  # Bolt warns of a token that it does not use: `authorize` gives it
    without_token.token = None
    app = AsyncApp(client=without_token, authorize=authorize, signing_secret=signing_secret or secrets.token_hex(32))
    reception = receive_at(desk, people, places or Places(client), names)
    commands.register(app, reception)
    windows.register(app, reception, FORMS)
    details.register(app, reception)
    clicks.register(app, reception)

    async def on_change(event: dict[str, Any]) -> None:
        changed = event.get("subteam_id") or (event.get("subteam") or event.get("user") or {}).get("id")
        await people.changed(str(changed))

    for name in ("subteam_members_changed", "subteam_updated", "user_change"):
        app.event(name)(on_change)

    async def on_move(event: dict[str, Any]) -> None:
        if recipients is not None:
            recipients.forget(str(event.get("channel")))

    for name in ("member_joined_channel", "member_left_channel"):
        app.event(name)(on_move)

    async def on_gone(event: dict[str, Any]) -> None:
        await showing.show_anew(desk.archive, str(event.get("channel")))

    for name in GONE:
        app.event(name)(on_gone)
    app.event(re.compile(".*"))(_on_other_event)

    async def on_error(error: Exception, body: dict[str, Any]) -> BoltResponse:
        return await _on_error(error, body, client)

    app.error(on_error)
    return app


async def take_over_http(app: AsyncApp, request: web.Request) -> web.Response:
    """A delivery in http mode. Bolt checks the signature, and stumbles over a timestamp that is no number."""
    stamp = request.headers.get("X-Slack-Request-Timestamp", "")
    if not re.fullmatch(r"[0-9]{1,15}", stamp):
        return web.json_response({"error": "invalid request"}, status=401)
    await http_server.body(request)  # Bolt reads it again, without a deadline
    return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))


async def _on_other_event() -> None:
    """Nothing to do; but an event that is not taken would be sent again and again."""


async def _on_error(error: Exception, body: dict[str, Any], client: AsyncWebClient) -> BoltResponse:
    """An error before Slack was answered: whoever typed, submitted or clicked reads why; or sees Slack's own sign."""
    reference = new_reference()
    if isinstance(error, NotNoted):
        log.warning("a delivery could not be noted", reference=reference, why=str(error))
        said = f":no_entry: {NotNoted.__doc__}"
    else:
        log.error("a listener failed", reference=reference, error=type(error).__name__, exc_info=error)
        said = notes.went_wrong(reference)
    told = _told(said, body)
    if told is None:
        is_read = isinstance(error, NotNoted) and await _reads(said, body, client)
        return BoltResponse(status=200 if is_read else 500, body="")
    return BoltResponse(status=200, body=json.dumps(told), headers={"content-type": ["application/json"]})


async def _reads(said: str, body: dict[str, Any], client: AsyncWebClient) -> bool:
    """Whether somebody who clicked reads it privately, in the time that is left for Slack's own sign."""
    address = str(body.get("response_url") or "")
    try:
        async with asyncio.timeout(SAY_SECONDS):
            return bool(address) and not await wire.reply(address, said, [], session=client.session)
    except (SlackError, TimeoutError):
        return False


def _told(said: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """An acknowledgement that says so; None where Slack shows none."""
    if "command" in body:
        return {"response_type": "ephemeral", "text": said}
    inputs = [block["block_id"] for block in (body.get("view") or {}).get("blocks", ()) if block["type"] == "input"]
    if body.get("type") == "view_submission" and inputs:
        return {"response_action": "errors", "errors": {inputs[-1]: said}}
    return None
