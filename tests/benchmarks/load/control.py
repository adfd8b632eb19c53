"""The control: a Socket Mode client that only acknowledges, so that what the machine itself takes is known."""

import asyncio
import sys

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient


async def main(api_url: str, bot_token: str, app_token: str) -> None:
    """Acknowledge each command until killed."""

    async def authorize(enterprise_id: str | None, team_id: str | None) -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=bot_token)

    async def acknowledge(ack: AsyncAck) -> None:
        await ack()

    app = AsyncApp(client=AsyncWebClient(base_url=api_url), authorize=authorize, signing_secret="unused")
    app.command("/muster")(acknowledge)
    await AsyncSocketModeHandler(app, app_token, web_client=AsyncWebClient(base_url=api_url)).start_async()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
