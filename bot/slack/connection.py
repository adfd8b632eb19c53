"""The way from Slack to us over Socket Mode, watched: whatever breaks it, a new one with a fresh address follows.

`slack_sdk` keeps a connection alive by itself, but for one case: an address of apps.connections.open is good for one
handshake, and one that failed is tried again for ever. So nothing of a connection that is deaf is kept.
"""

import asyncio
import logging
from contextlib import suppress

from aiohttp import ClientWebSocketResponse, WSMessage
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.ports import Clock
from bot.runtime.log import logger
from bot.slack.wire import SlackBusy, SlackError, answer

log = logger(__name__)

_SDK = logging.getLogger("slack_sdk.socket_mode.muster")
_SDK.addFilter(lambda line: not line.getMessage().startswith("Failed to connect"))
"""It logs each try with a traceback; the trouble and its end are told here, once each."""

CLOSE_SECONDS = 1.0
_GREETING = 10.0  #: seconds from the address to Slack's hello
_LOST = 5.0  #: seconds that the SDK may mend a connection that broke
_SILENT = 20.0  #: seconds in which no frame and no pong may come
_PING = 5.0  #: seconds between two pings of ours
_LOOK = 0.5
_MOST_PAUSE = 30.0  #: seconds between two tries, which begin a second apart


class Connection:
    """Keeps one Socket Mode connection to Slack.

    Args:
        app: takes what comes.
        client: Slack's Web API, for addresses.
        app_token: of the app, for Socket Mode.
        clock: by it silence is measured.
    """

    def __init__(self, app: AsyncApp, client: AsyncWebClient, app_token: str, clock: Clock) -> None:
        self._app = app
        self._client = client
        self._app_token = app_token
        self._clock = clock
        self._heard_at = clock.monotonic()
        self._ailment = "not connected yet"
        self._is_told = False

    @property
    def ailment(self) -> str:
        """Why Slack cannot reach us now, in words; empty when it can."""
        return self._ailment

    @property
    def deaf_for(self) -> float:
        """Seconds since Slack was last heard, or since the start."""
        return self._clock.monotonic() - self._heard_at

    async def run(self) -> None:
        """Stay connected until cancelled; nothing else ends it."""
        pause = 1.0
        while True:
            began = self._clock.monotonic()
            try:
                why = await self._keep(await self._address())
            except SlackBusy as busy:
                why, pause = _no_address(busy), max(pause, busy.seconds)
            except SlackError as error:
                why = _no_address(error)
            except Exception as error:  # noqa: BLE001  # whatever Slack's client raises, the next one is tried
                why = f"its client stumbled ({type(error).__name__})"
            self._tell(why)
            if self._heard_at > began:
                pause = 1.0  # it stood for a while
            await self._clock.sleep(pause)
            pause = min(2 * pause, _MOST_PAUSE)

    def _tell(self, ailment: str) -> None:
        """Log the first trouble, and its end."""
        if ailment and not self._is_told:
            log.warning("Slack cannot reach Muster; new connections are tried until one stands", why=ailment)
        if not ailment and self._is_told:
            log.info("Slack reaches Muster again")
        self._ailment, self._is_told = ailment, bool(ailment)

    async def _address(self) -> str:
        """A fresh one, good for one handshake.

        Raises:
            SlackError: there is none now.
        """
        return str((await answer(self._client.apps_connections_open(app_token=self._app_token))).get("url", ""))

    async def _keep(self, address: str) -> str:
        """Connect, and stay as long as Slack is heard; answers why it is not any more."""
        handler = AsyncSocketModeHandler(
            self._app, self._app_token, web_client=self._client, ping_interval=_PING, logger=_SDK
        )
        handler.client.wss_uri = address
        connecting = asyncio.create_task(handler.connect_async())
        try:
            return await self._watch(handler.client)
        finally:
            connecting.cancel()
            await _close(handler)

    async def _watch(self, client: SocketModeClient) -> str:
        liveness = Liveness(client)
        heard_at = up_at = self._clock.monotonic()
        while True:
            await self._clock.sleep(_LOOK)
            now = self._clock.monotonic()
            if liveness.heard():
                heard_at = self._heard_at = now
            if await client.is_connected():
                up_at = now
            if liveness.is_greeted and up_at == now:
                self._tell("")
            else:
                self._ailment = "not connected"
            if liveness.is_greeted and now - up_at > _LOST:
                return "the connection broke, and could not be mended"
            if not liveness.is_greeted and now - heard_at > _GREETING:
                return "no connection was taken and greeted"
            if now - heard_at > _SILENT:
                return f"nothing was heard over the connection for {now - heard_at:.0f} s"


class Liveness:
    """Tells whether anything came over a client's connection since it was last asked: a frame, or a pong."""

    def __init__(self, client: SocketModeClient) -> None:
        self._client = client
        self._has_frames = False
        self._pong: float | None = None
        self._greeted: ClientWebSocketResponse | None = None
        client.on_message_listeners.append(self._on_frame)

    async def _on_frame(self, _frame: WSMessage) -> None:
        self._has_frames = True
        self._greeted = self._client.current_session  # the first frame of each is its hello

    @property
    def is_greeted(self) -> bool:
        """Whether Slack said hello over the connection that stands now; before, nothing will come over it."""
        return self._greeted is not None and self._greeted is self._client.current_session

    def heard(self) -> bool:
        """Whether anything came since the last time. A pong alone is no greeting."""
        # the SDK sets the first one itself, before it pings: only a later one was heard
        pong, before = self._client.last_ping_pong_time, self._pong
        has_ponged = before is not None and pong is not None and pong != before
        has_frames, self._has_frames, self._pong = self._has_frames, False, pong
        return has_frames or (has_ponged and self.is_greeted)


def _no_address(error: SlackError) -> str:
    return f"Slack gives no address to connect to ({error.code})"


async def _close(handler: AsyncSocketModeHandler) -> None:
    """As the client's own `close`, but it waits shortly for a connection that is silent, and for its tasks' ends."""
    client = handler.client
    client.closed, client.auto_reconnect_enabled = True, False
    tasks = [
        task for task in (client.message_processor, client.current_session_monitor, client.message_receiver) if task
    ]
    for task in tasks:
        task.cancel()
    with suppress(Exception):  # it is given up either way
        async with asyncio.timeout(CLOSE_SECONDS):
            await handler.disconnect_async()
    await client.aiohttp_client_session.close()
    await asyncio.gather(*tasks, return_exceptions=True)
