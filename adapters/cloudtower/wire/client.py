"""Speaks HTTP with one CloudTower: token, login, timeouts, no redirects, and three kinds of error.

Facts of the wire: every operation is a POST with JSON except `GET /get-version`; `Authorization` carries the bare
token; a passive node answers 307; errors are `{message, status, path, code?, stack?}`, of which `stack` is never
kept; a proxy on the way may answer anything (O4.6.0, SDK 2.23.0). No status for a bad token is documented, so 401 is
taken at its word: log in again, once, and replay what was refused, because a request refused with 401 had no effect.
"""

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx

from adapters.cloudtower.wire import translate
from adapters.retries import Passing, reads, seconds_in
from bot.domain.cloud import Refused, Unreachable
from bot.domain.ports import Clock
from bot.domain.progress import right_to_act
from bot.domain.values import Json

_log = logging.getLogger(__name__)

RAW_LENGTH = 300
_BUSY = frozenset({413, 429})  #: "not now": an old way to limit a rate, and the new one
_ABSENT = frozenset({400, 404})  #: what a tower may answer to a question that it does not know


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A user with a password, for towers without an API key."""

    username: str
    password: str = field(repr=False)
    source: str = "LOCAL"  #: or LDAP


class Client:
    """One CloudTower's API.

    Args:
        name: what people call this cloud, for sentences.
        url: its API, ending with `/v2/api`.
        token: a token or API key; None to log in with `login`.
        login: who to log in as; None when there is only a token.
        verify: True for the system's authorities, the path of a CA file, or False to trust anybody.
        timeout: seconds for one call, from the first byte sent to the last one read.
        clock: passes between two tries of a read.
    """

    def __init__(
        self,
        *,
        name: str,
        url: str,
        token: str | None,
        login: Credentials | None,
        verify: bool | str,
        timeout: float,
        clock: Clock,
    ) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._token = token
        self._login = login
        self._timeout = timeout
        self._again = reads(clock)
        self._logging_in = asyncio.Lock()
        self._http = httpx.AsyncClient(
            verify=_trust(verify),
            timeout=httpx.Timeout(timeout, connect=min(10.0, timeout)),
            follow_redirects=False,
            headers={"Accept": "application/json", "content-language": "en-US"},
        )

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.aclose()

    async def version(self) -> str:
        """What `/get-version` says, e.g. "4.8.1".

        Raises:
            Refused, Unreachable
        """
        said = await self._read("GET", "/get-version", None)
        if not isinstance(said, str) or not said:
            raise self.stranger("/get-version", f"{translate.kind(said)} where a version belongs")
        return said

    async def read(self, path: str, body: Mapping[str, Json] | None) -> Any:
        """Ask a question; tried again when the answer was lost or the tower was busy.

        Raises:
            Refused, Unreachable
        """
        return await self._read("POST", path, body)

    async def act(self, path: str, body: Mapping[str, Json]) -> Any:
        """Ask for a change, once.

        Raises:
            Refused: nothing took effect.
            Unreachable: its fate is unknown.
        """
        response = await self._send("POST", path, body, ready=right_to_act.ensure)
        answer = self._answer(response)
        _log.info(
            "%s took %s, request %s", self.name, path, response.headers.get("x-tower-request-id", "without an id")
        )
        return answer

    async def begin(self, path: str, body: Mapping[str, Json]) -> str:
        """Make a call that begins a task, once; the task's id, empty when there is none.

        Raises:
            Refused: nothing took effect.
            Unreachable: its fate is unknown, also when what was answered is not CloudTower's.
        """
        answer = await self.act(path, body)
        try:
            return translate.task_id(answer)
        except translate.Strange as odd:
            raise self.stranger(path, str(odd)) from odd

    def stranger(self, path: str, what: str, *, raw: str = "") -> Unreachable:
        """The error of an answer that CloudTower does not give: a login page, a gateway's JSON, half a document.

        Args:
            path: what was asked.
            what: how it differs, as a noun: "an object where a list belongs".
            raw: its words.
        """
        return Unreachable(
            f"At {self.name} something answered {path}, but it was not the API: {what}.",
            remedy="Check that `url` is CloudTower's API and that no proxy or login page stands before it.",
            raw=raw,
        )

    async def _read(self, method: str, path: str, body: Mapping[str, Json] | None) -> Any:
        async def ask() -> Any:
            return self._answer(await self._send(method, path, body))

        return await self._again.of(ask, seconds=self._timeout)

    async def _send(
        self, method: str, path: str, body: Mapping[str, Json] | None, *, ready: Callable[[], None] = lambda: None
    ) -> httpx.Response:
        """One call under a valid token; a 401 leads to one login and one replay. `ready` is asked before each."""
        token = self._token or await self._new_token(None)
        ready()
        response = await self._call(method, self._url + path, body, token)
        if response.status_code == 401 and self._login is not None:
            token = await self._new_token(token)
            ready()
            response = await self._call(method, self._url + path, body, token)
        return response

    async def _call(self, method: str, url: str, body: Mapping[str, Json] | None, token: str | None) -> httpx.Response:
        headers = {"Authorization": token} if token else {}
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._http.request(method, url, json=body, headers=headers)
        except (httpx.HTTPError, TimeoutError, ssl.SSLError) as error:
            raise self._no_answer(error) from error
        request_id = response.headers.get("x-tower-request-id", "without an id")
        level = logging.WARNING if response.status_code >= 400 else logging.DEBUG
        _log.log(level, "%s %s %s, request %s", self.name, urlsplit(url).path, response.status_code, request_id)
        return response

    def _no_answer(self, error: Exception) -> Unreachable:
        raw = self._clean(f"{type(error).__name__}: {error}")
        where = urlsplit(self._url).netloc
        if "CERTIFICATE_VERIFY_FAILED" in raw:
            return Unreachable(
                f"{self.name} ({where}) shows a certificate that is not trusted.",
                remedy="Set `ca_file` to the authority that signed it.",
                raw=raw,
            )
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            sentence = f"{self.name} ({where}) did not answer within {self._timeout:g} s."
        else:
            sentence = f"{self.name} ({where}) could not be reached."
        return Passing(sentence, remedy="Check the network and that CloudTower is up.", raw=raw)

    async def _new_token(self, refused: str | None) -> str | None:
        """Log in, unless somebody else did since `refused` was turned away."""
        async with self._logging_in:
            if self._login is None or (self._token is not None and self._token != refused):
                return self._token
            self._token = await self._log_in(self._login)
            return self._token

    async def _log_in(self, login: Credentials) -> str:
        body: dict[str, Json] = {"username": login.username, "password": login.password, "source": login.source}
        if login.source == "LDAP" and (strategy := await self._ldap_strategy()):
            body |= {"source": "AUTHN", "auth_config_id": strategy}
        response = await self._call("POST", f"{self._url}/login", body, None)
        remedy = "Check the user name and password; with a second factor switched on, use an API key."
        try:
            answer = self._answer(response)
        except Refused as no:
            if response.is_redirect:
                raise
            raise Refused(f"{self.name} does not let {login.username} log in.", remedy=remedy, raw=no.raw) from no
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(data, Mapping):
            raise self.stranger("/login", f"{translate.kind(answer)} without a token")
        token = data.get("token")
        if not isinstance(token, str) or not token:
            raise Refused(f"{self.name} gave {login.username} no token.", remedy=remedy)
        return token

    async def _ldap_strategy(self) -> str | None:
        """The id of the tower's LDAP strategy; since 3.0.0 an LDAP login needs it (SDK 2.23.0 utils.login).

        Raises:
            Refused, Unreachable: whether it has one could not be found out, and a login without it might lock the user.
        """
        parts = urlsplit(self._url)
        address = urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix("/v2/api") + "/api", "", ""))
        question: dict[str, Json] = {"query": "{authnStrategies{id type}}", "variables": {}}
        response = await self._call("POST", address, question, None)
        if response.status_code in _ABSENT:
            return None  # older towers do not know the question: plain LDAP it is
        answer = self._answer(response)
        if isinstance(answer, Mapping) and answer.get("errors"):
            return None  # the same in GraphQL's words
        try:
            return next((str(s["id"]) for s in answer["data"]["authnStrategies"] if s["type"] == "LDAP"), None)
        except (KeyError, TypeError) as error:
            raise self.stranger("/api", f"{translate.kind(answer)} without login strategies") from error

    def _answer(self, response: httpx.Response) -> Any:
        """The parsed body of a good answer, or the error that the answer is: the one place that classes them."""
        status, path = response.status_code, response.url.path.removeprefix(urlsplit(self._url).path)
        if 300 <= status < 400:
            raise Refused(
                f"{self.name} answered {status}: this address is a passive node of CloudTower, or a proxy.",
                remedy="Point `url` at the active node: there, `/api/healthz` answers 200.",
            )
        raw, after = self._words(response), seconds_in(response.headers.get("Retry-After"))
        if status in {401, 403}:
            raise Refused(
                f"{self.name} does not accept Muster's credentials ({status}).",
                remedy="Give it a valid token of a user who may manage hosts.",
                raw=raw,
            )
        if status in _BUSY:
            raise Passing(
                f"{self.name} is not taking requests just now ({status}).", raw=raw, after=after, is_put_off=True
            )
        if status >= 500 or status == 408:
            raise Passing(f"{self.name} could not answer ({status}).", raw=raw, after=after)
        if status >= 400:
            raise self._refusal(response, path, raw)
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise self.stranger(path, f"{_sort(response)} that is not JSON", raw=raw) from error

    def _refusal(self, response: httpx.Response, path: str, raw: str) -> Refused | Unreachable:
        """CloudTower's own no; without its words the no is somebody else's, and says nothing about the tower."""
        body = _object(response)
        if not isinstance(body.get("message"), str):
            return self.stranger(path, f"{_sort(response)} with status {response.status_code}", raw=raw)
        message = self._clean(body["message"])
        remedy = ""
        if body.get("code") == "ResourceLocked":
            remedy = "Something else is changing it: wait until that task has ended, then try again."
        if response.status_code == 404:
            remedy = "Check that the CloudTower is 4.0.0 or newer."
        return Refused(f"{self.name} refused: {message}", remedy=remedy, raw=raw)

    def _words(self, response: httpx.Response) -> str:
        """The tower's own words without its stack, with the id under which its log knows the request."""
        body = _object(response)
        said = (
            json.dumps({k: v for k, v in body.items() if k != "stack"}, ensure_ascii=False) if body else response.text
        )
        request_id = response.headers.get("x-tower-request-id")
        text = f"{response.status_code} {said}"
        return self._clean(text) + (f" (request {request_id})" if request_id else "")

    def _clean(self, text: str) -> str:
        """Cut to length, without what must not be told."""
        for secret in (self._token, self._login.password if self._login else None):
            if secret:
                text = text.replace(secret, "***")
        return text[:RAW_LENGTH]


def _trust(verify: bool | str) -> ssl.SSLContext | bool:  # noqa: FBT001 - the words of httpx
    return ssl.create_default_context(cafile=verify) if isinstance(verify, str) else verify


def _object(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, Mapping) else {}


def _sort(response: httpx.Response) -> str:
    """What an unparsed body is, for a sentence."""
    if not response.content:
        return "an empty body"
    return "a page" if "html" in response.headers.get("content-type", "") else "a text"
