"""The window in which a plan is read whole, page by page; it decides nothing."""

from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.desk import Desk
from bot.domain.errors import NotAllowed
from bot.domain.rules.policy import Standing
from bot.slack.inbound import windows
from bot.slack.inbound.intake import Asked
from bot.slack.inbound.reception import Reception
from bot.slack.inbound.windows import Draw
from bot.slack.views import button_values
from bot.slack.views.cards import buttons
from bot.slack.views.cards import details as view
from bot.slack.views.message import Block


def register(app: AsyncApp, reception: Reception) -> None:
    """Listen to Details, and to the buttons that turn its pages."""

    async def on_click(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await windows.open_for(body, ack=ack, client=client, reception=reception, draw=_page(0))

    async def on_turn(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        page = button_values.page_in(str(body["actions"][0].get("value") or ""))
        await windows.rewrite_for(body, ack=ack, client=client, reception=reception, draw=_page(page))

    app.action(buttons.DETAILS)(on_click)
    for label in ("previous", "next"):
        app.action(f"{view.TURN}:{label}")(on_turn)


def _page(number: int) -> Draw:
    async def draw(desk: Desk, asked: Asked) -> Block:
        if asked.by.standing is not Standing.FULL_MEMBER:
            raise NotAllowed(f"Muster answers only full members of this workspace; you are a {asked.by.standing}.")
        operation, records = await desk.show(asked.operation)
        return view.window(operation, records, page=number)

    return draw
