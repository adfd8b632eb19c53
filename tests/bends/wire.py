"""A wire that bends answers: what a cell, a proxy or a tired service makes of one kind of read of a simulated face.

    wire = Wire()
    app.middlewares.insert(0, wire.middleware)
    ...                                          # a healthy while: the wire learns which reads there are
    wire.bend("GET /compute/v2.1/servers/detail", BENDS["half the list"])
    wire.straighten()

A kind of read is its method, its path without ids, and which parameters it carries: two questions of one endpoint are
two kinds when they are asked in another way.
"""

import asyncio
import inspect
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Handler

_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+$|(?<=/)c[0-9a-z]{24}")
_NAMED = re.compile(r"(?<=/Systems/)[^/]+|(?<=/os-hypervisors/)[^/]+")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a face answered, or what is made of it."""

    status: int = 200
    text: str
    headers: Mapping[str, str]

    @property
    def body(self) -> Any:
        """Parsed; None when it is no JSON."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    def saying(self, body: Any) -> "Answer":
        return Answer(status=self.status, text=json.dumps(body), headers=self.headers)


@dataclass(frozen=True, kw_only=True)
class Question:
    """One read on its way."""

    kind: str
    key: str  #: the same for the same question, pages aside
    url: str
    before: Mapping[str, Answer]  #: the first answer to each question since the wire was made
    page: Answer  #: the first answer to this question since the bend began


Bend: TypeAlias = Callable[[Question, Answer], Answer | Awaitable[Answer | None] | None]
"""What becomes of an answer; None where this bend has no meaning for it."""


class Wire:
    """Knows every read that went through, and bends those of one kind while it is told to."""

    def __init__(self) -> None:
        self.phase = ""  #: a word for the moment, by which reads are counted
        self.asked: dict[str, Counter[str]] = {}  #: by moment and kind
        self.bent = 0  #: answers bent since the last `bend`
        self._first: dict[str, Answer] = {}
        self._pages: dict[str, Answer] = {}
        self._kind = ""
        self._bend: Bend = _as_it_is

    def bend(self, kind: str, bend: Bend) -> None:
        """From now on, answers to this kind of read are bent."""
        self._kind, self._bend, self.bent, self._pages = kind, bend, 0, {}

    def straighten(self) -> None:
        """From now on, every answer is what the face says."""
        self._kind = ""

    @property
    def middleware(self) -> Any:
        """To be put in front of a face."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            raw = await request.read()
            kind = kind_of(request, raw)
            response = await handler(request)
            if not kind or not isinstance(response, web.Response):
                return response
            self.asked.setdefault(self.phase, Counter())[kind] += 1
            key = _key(request, raw)
            answer = Answer(status=response.status, text=response.text or "", headers=_kept(response))
            if kind == self._kind:
                page = self._pages.setdefault(key, answer)
                question = Question(kind=kind, key=key, url=str(request.url), before=self._first, page=page)
                made = self._bend(question, answer)
                bent = await made if inspect.isawaitable(made) else made
                if bent is not None:
                    self.bent += 1
                    return web.Response(status=bent.status, text=bent.text, headers=bent.headers)
            elif response.status < 300:
                self._first.setdefault(key, answer)
            return response

        return middleware


def kind_of(request: web.Request, raw: bytes) -> str:
    """The kind of a read; empty for what changes something."""
    path = _NAMED.sub("{name}", _ID.sub("{id}", request.path))
    if request.method == "GET":
        names = ",".join(sorted(set(request.query)))
        return f"GET {path}?{names}" if names else f"GET {path}"
    if "/v2/api/get-" in path or path.endswith("precheck-result"):
        where = (json.loads(raw or b"{}") or {}).get("where") or {}
        return f"POST {path} {','.join(sorted(where))}".strip()
    return f"POST {path}" if path.endswith(("/auth/tokens", "/login")) else ""


def _key(request: web.Request, raw: bytes) -> str:
    query = "&".join(f"{k}={v}" for k, v in sorted(request.query.items()) if k not in {"marker", "limit"})
    body = json.loads(raw) if raw.startswith(b"{") else {}
    return f"{request.method} {request.path}?{query} {json.dumps(body.get('where'), sort_keys=True)}"


def _kept(response: web.Response) -> Mapping[str, str]:
    return {k: v for k, v in response.headers.items() if k.lower() not in {"content-length", "date", "server"}}


# ---------------------------------------------------------------------- the bends


def _as_it_is(_: Question, __: Answer) -> None:
    return None


def _shortened(keep: Callable[[int], int]) -> Bend:
    """Of every collection in the answer, only so many of its items."""

    def some(value: Any) -> Any:
        if isinstance(value, list | str):
            return value[: keep(len(value))]
        return dict(list(value.items())[: keep(len(value))]) if isinstance(value, Mapping) else value

    def bend(_: Question, answer: Answer) -> Answer | None:
        body = answer.body
        if isinstance(body, Mapping):
            return answer.saying({k: some(v) if isinstance(v, list | Mapping) else v for k, v in body.items()})
        return answer.saying(some(body)) if body else None

    return bend


def _nulled(_: Question, answer: Answer) -> Answer | None:
    body = answer.body
    return answer.saying(dict.fromkeys(body)) if isinstance(body, Mapping) else answer.saying(None)


def _page(_: Question, answer: Answer) -> Answer:
    text = "<!doctype html><html><title>Sign in</title><body><form>Please sign in</form></body></html>"
    return Answer(text=text, headers={**answer.headers, "Content-Type": "text/html"})


def _repeated(question: Question, answer: Answer) -> Answer | None:
    """The same page again and again, each with a word that there is more."""
    body = question.page.body
    if isinstance(body, list):
        return answer.saying(body)
    lists = list(body) if isinstance(body, Mapping) and all(isinstance(v, list) for v in body.values()) else []
    if not lists:
        return None  # no page: a page holds nothing but lists
    next_page = [{"rel": "next", "href": question.url}]
    return answer.saying({**body, **{f"{name}_links": next_page for name in lists if not name.endswith("_links")}})


def _no_route(question: Question, answer: Answer) -> Answer:
    """A gateway's word that quotes what was asked for, as a service's word about a thing does."""
    said = {"error": {"code": 404, "message": f"no route for {question.url.partition('?')[0]}"}}
    return Answer(status=404, text=json.dumps(said), headers=answer.headers)


def _old(question: Question, _: Answer) -> Answer | None:
    return question.before.get(question.key)


def _status(status: int) -> Bend:
    def bend(_: Question, answer: Answer) -> Answer:
        headers = {**answer.headers, "Content-Type": "text/plain", "Retry-After": "1"}
        return Answer(status=status, text="upstream trouble", headers=headers)

    return bend


def slow(seconds: float) -> Bend:
    """Whole and true, later than anybody waits."""

    async def bend(_: Question, answer: Answer) -> Answer:
        await asyncio.sleep(seconds)
        return answer

    return bend


BENDS: Mapping[str, Bend] = {
    "empty": _shortened(lambda _: 0),
    "half": _shortened(lambda length: length // 2),
    "another shape": lambda _, answer: answer.saying({"status": "ok", "gateway": "healthy"}),
    "a list instead": lambda _, answer: answer.saying([]) if answer.body != [] else None,
    "nulls": _nulled,
    "null": lambda _, answer: answer.saying(None),
    "a login page": _page,
    "an empty body": lambda _, answer: Answer(text="", headers=answer.headers),
    "half a document": lambda _, answer: Answer(text=answer.text[: len(answer.text) // 2], headers=answer.headers),
    "lists in lists": lambda _, answer: Answer(text="[" * 100_000, headers=answer.headers),
    "a gateway's 404": _no_route,
    "a repeated page": _repeated,
    "an old answer": _old,
    **{str(status): _status(status) for status in (404, 413, 429, 500, 503)},
}
