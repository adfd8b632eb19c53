"""The HTTP door: whoever holds connections and says nothing, or little, keeps nobody else out."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bot.desk.desk import Desk
from bot.runtime import http_server
from bot.runtime.clock import SystemClock
from bot.slack import app as slack_app
from bot.slack.people import SlackPeople
from bot.store.archive import SqlArchive

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SECRET = "signing-secret"


@asynccontextmanager
async def opened() -> AsyncIterator[int]:
    """A door with a page, one that takes its time, and one that reads what comes."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    async def slow(_request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("never")

    async def reads(request: web.Request) -> web.Response:
        return web.Response(text=str(len(await http_server.body(request))))

    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get("/slow", slow)
    app.router.add_get("/bulk", slow)
    app.router.add_post("/", reads)
    app[http_server.MAY_BE_PUT_OFF] = {"/bulk"}
    async with http_server.serve(app, "127.0.0.1", 0) as port:
        yield port


@asynccontextmanager
async def wires(port: int, number: int, says: bytes) -> AsyncIterator[Sequence[Wire]]:
    """Connections over which the beginning of a request was sent."""
    async with AsyncExitStack() as stack:
        held = []
        for _ in range(number):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            writer.write(says)
            held.append((reader, writer))
        yield held


async def end_of(wire: Wire) -> bytes:
    """What came over a wire before the other side ended it."""
    try:
        return await asyncio.wait_for(wire[0].read(), 20)
    except ConnectionError:
        return b""


async def answered(port: int) -> str:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://127.0.0.1:{port}/", timeout=20)).text


async def test_a_head_that_never_ends_ends_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.2)
    async with opened() as port, wires(port, 3, b"GET / HTTP/1.1\r\nX-Slow: ") as held:
        assert [await end_of(wire) for wire in held] == [b"", b"", b""]
        assert await answered(port) == "here"


async def test_nor_does_one_that_comes_after_a_whole_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "IDLE_SECONDS", 0.2)
    async with opened() as port, wires(port, 1, b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP") as (wire,):
        assert (await end_of(wire)).count(b"HTTP/1.1 200 OK") == 1


async def test_a_body_that_never_ends_is_answered_408(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "BODY_SECONDS", 0.2)
    begun = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc"
    async with opened() as port, wires(port, 1, begun) as (wire,):
        assert (await asyncio.wait_for(wire[0].readline(), 20)).startswith(b"HTTP/1.1 408 ")


def let_the_silent_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but a lack of room ends a connection."""
    for name in ("HEAD_SECONDS", "IDLE_SECONDS"):
        monkeypatch.setattr(http_server, name, 3_600.0)


async def test_the_silent_make_room_for_those_who_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    let_the_silent_stay(monkeypatch)
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 5)
    async with opened() as port, wires(port, 40, b"GET / HT") as held:
        assert await answered(port) == "here"
        gone = [wire for wire in held[:35] if await end_of(wire) == b""]
        assert len(gone) == 35


async def test_connections_take_a_share_of_the_files_that_a_process_may_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest is for the clouds, Slack and the database."""
    let_the_silent_stay(monkeypatch)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (5 * http_server.SHARE, resource.RLIM_INFINITY))
    async with opened() as port, wires(port, 40, b"GET / HT") as held:
        assert await answered(port) == "here"
        assert len([wire for wire in held[:35] if await end_of(wire) == b""]) == 35


@pytest.mark.parametrize(
    "says",
    [
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", id="kept alive"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{", id="a body that nobody reads"),
    ],
)
async def test_who_was_answered_and_asks_nothing_more_makes_room_too(
    monkeypatch: pytest.MonkeyPatch, says: bytes
) -> None:
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 5)
    monkeypatch.setattr(http_server, "ANSWER_SECONDS", 0.1)
    async with opened() as port, wires(port, 5, says) as held:
        for reader, _ in held:
            assert await reader.readuntil(b"here")
        await asyncio.sleep(0.1)
        async with wires(port, 3, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"):
            assert [await end_of(gone) for gone in held[:3]] == [b""] * 3
            assert await answered(port) == "here"


async def test_however_many_wait_who_could_come_again_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 6)
    monkeypatch.setattr(http_server, "RESERVED", 2)
    async with opened() as port, wires(port, 4, b"GET /bulk HTTP/1.1\r\nHost: x\r\n\r\n") as busy:
        await asyncio.sleep(0.1)  # all four are being served
        for _ in range(9):
            async with wires(port, 1, b"GET /bulk HTTP/1.1\r\nHost: x\r\n\r\n") as (late,):
                assert (await late[0].readuntil(b"\r\n")).startswith(b"HTTP/1.1 503 ")
        assert await answered(port) == "here"
        assert not any(wire[0].at_eof() for wire in busy)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_burst_of_connections_takes_few_files_at_a_time_and_all_of_it_is_served() -> None:
    async with opened() as port:
        with ExitStack() as stack:
            held = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(100)]
            before = open_files()
            for _ in range(2):
                await asyncio.sleep(0)
            assert before < open_files() <= before + 40
            for one in held:
                one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            for one in held:
                assert b"here" in await asyncio.to_thread(one.makefile("rb").read)


async def test_who_is_being_served_is_not_thrown_out_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MOST_CONNECTIONS", 2)
    async with opened() as port, wires(port, 2, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") as busy:
        await asyncio.sleep(0.1)  # both are being served
        async with wires(port, 1, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n") as (late,):
            assert await end_of(late) == b""
        assert not any(wire[0].at_eof() for wire in busy)


@pytest.mark.parametrize("stamp", ["", "noon", "-1", "1.5", "١٢٣", "9" * 5000])
async def test_a_timestamp_that_is_no_number_is_not_let_in(stamp: str) -> None:
    async with slack_over_http() as url, httpx.AsyncClient() as client:
        headers = [(b"X-Slack-Request-Timestamp", stamp.encode()), (b"X-Slack-Signature", b"v0=0")]
        answer = await client.post(url, content=b"{}", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"error": "invalid request"})


async def test_what_slack_signed_is_let_in() -> None:
    body, now = "ssl_check=0&command=%2Fmuster&text=help&user_id=U&channel_id=C&trigger_id=1", SystemClock().now()
    stamp = str(int(now.timestamp()))
    async with slack_over_http() as url, httpx.AsyncClient() as client:
        signature = str(SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=body))
        headers = {
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded",
        }
        answer = await client.post(url, content=body, headers=headers)
        assert answer.status_code == 200
        assert "/muster list" in answer.text


@asynccontextmanager
async def slack_over_http() -> AsyncIterator[str]:
    """Muster's app in http mode; it has no Slack to ask."""
    clock = SystemClock()
    client = AsyncWebClient(token="xoxb-1", base_url="http://127.0.0.1:9/api/")
    people = SlackPeople(client, clock, {})

    class NoBell:
        def ring(self) -> None: ...

        async def wait(self, seconds: float) -> None: ...

    desk = Desk(archive=SqlArchive("sqlite://", clock=clock, bell=NoBell()), clock=clock, clouds={}, rules={})
    app = slack_app.build(desk, people, client, signing_secret=SECRET)
    site = web.Application()

    async def take(request: web.Request) -> web.Response:
        return await slack_app.take_over_http(app, request)

    site.router.add_post("/slack/events", take)
    async with http_server.serve(site, "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}/slack/events"
