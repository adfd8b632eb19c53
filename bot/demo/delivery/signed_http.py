"""Deliveries as signed HTTP requests, for an app that listens instead of connecting."""

import hashlib
import hmac
import json
from urllib.parse import urlencode

import aiohttp

from bot.demo.delivery.faults import SlackFaults
from bot.demo.delivery.socket_mode import Kind, Reply, within
from bot.demo.workspace.people import Json
from bot.demo.workspace.records import WorkspaceRecords


class SignedHttp:
    """Posts to one request URL: form for commands, `payload=` for interactions, JSON for events."""

    def __init__(self, records: WorkspaceRecords, faults: SlackFaults, url: str) -> None:
        self._records = records
        self._faults = faults
        self._url = url
        self._session = aiohttp.ClientSession()

    async def deliver(self, kind: Kind, payload: Json, *, answerable: bool, retry: tuple[int, str] | None) -> Reply:
        """Post one delivery and read the answer."""
        if kind == "events_api":
            body, content_type = json.dumps(payload), "application/json"
        else:
            fields = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            body, content_type = urlencode(fields), "application/x-www-form-urlencoded"
        try:
            reply = await within(self._records.clock, self._records.patience, self._post(body, content_type, retry))
        except TimeoutError:
            return Reply(error="operation_timeout")
        except aiohttp.ClientError:
            return Reply(error="dispatch_failed")
        if self._faults.take_dropped_ack():
            return Reply(error="operation_timeout")
        return reply if answerable else Reply(error=reply.error, no_retry=reply.no_retry)

    async def _post(self, body: str, content_type: str, retry: tuple[int, str] | None) -> Reply:
        headers = self._signed(body) | {"Content-Type": content_type}
        if retry is not None:
            reason = retry[1].replace("timeout", "http_timeout")
            headers |= {"X-Slack-Retry-Num": str(retry[0]), "X-Slack-Retry-Reason": reason}
        async with self._session.post(self._url, data=body.encode(), headers=headers, allow_redirects=False) as answer:
            text = await answer.text()
            if answer.status != 200:
                stop = answer.headers.get("X-Slack-No-Retry") == "1"
                error = "http_service_error" if answer.status >= 500 else "http_client_error"
                return Reply(error=error, no_retry=stop)
            if answer.content_type == "application/json" and text:
                decoded = json.loads(text)
                return Reply(payload=decoded if isinstance(decoded, dict) else None)
            return Reply(payload={"text": text} if text else None)

    async def challenge(self) -> bool:
        """Whether the address answers `url_verification`, as Slack demands before it delivers anything there."""
        sent = {
            "type": "url_verification",
            "token": self._records.app.verification_token,
            "challenge": "3eZbrw1aBm2rZgRN",
        }
        reply = await self._post(json.dumps(sent), "application/json", None)
        return not reply.error and (reply.payload or {}).get("challenge") == sent["challenge"]

    def _signed(self, body: str) -> dict[str, str]:
        """X-Slack-Signature: v0=HMAC-SHA256 of `v0:{timestamp}:{body}`."""
        moment = str(int(self._records.seconds()))
        base = f"v0:{moment}:{body}".encode()
        secret = self._records.app.signing_secret.encode()
        signature = "v0=" + hmac.new(secret, base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": moment, "X-Slack-Signature": signature}

    async def disconnect(self, reason: str = "") -> None:
        """There is nothing that stays connected."""

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()
