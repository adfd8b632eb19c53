"""News by its kind and the facts that are stored of it."""

import json
from collections.abc import Mapping
from typing import Any

from bot.domain.messages.kind import Kind
from bot.domain.messages.news import News
from bot.store.rows import news_body

NOON = "2026-03-01T02:14:00+00:00"


def news_of(kind: Kind, facts: Mapping[str, Any] | None = None, **where: Any) -> News:
    """News of a kind with these facts, told there."""
    carried = facts or {}
    ask = () if kind is Kind.REFUSED else tuple(carried.get("ask", ()))
    return News(what=news_body.what(kind, carried), ask=ask, **where)


def facts_of(news: News) -> dict[str, Any]:
    """The facts that are stored of it."""
    found: dict[str, Any] = json.loads(news_body.write(news))["facts"]
    return found


def every_fact(words: str) -> dict[str, Any]:
    """Every fact that any kind of news carries."""
    return {
        "by": "U0BOB",
        "count": 1,
        "quorum": 2,
        "reason": words,
        "requester": "U0ALICE",
        "lines": [f"+ {words}", "- web-9 is not on the host any more"],
        "ask": ["S0LEADS"],
        "phase": words,
        "vm": "id-1",
        "title": f"evacuate {words}",
        "place": words,
        "seconds": 41.4,
        "from": "C0OLD",
        "why": "is_archived",
        "alarm": words,
        "sentence": words,
        "remedy": words,
        "raw": words,
        "moving": "3 VMs",
        "what": "1 step of the host and 2 VMs",
        "of": "23 VMs",
        "of host": [words],
        "done": 18,
        "failed": 2,
        "unknown": 1,
        "not done": 0,
        "left": [words, words],
        "chosen": 2,
        "state": words,
        "still": words,
        "sentences": [words, "compute-2 is dead"],
        "targets": [words, "compute-3"],
        "needed": 2,
        "starts_at": NOON,
        "at": NOON,
        "since": NOON,
        "command": words,
        "vms": [words, words],
        "aside": 2,
        "same": False,
        "is_approved": False,
        "may_vouch": False,
        "may_take_all": True,
        "is_made_again": True,
        "is_paused": False,
        "digest": "d1",
    }
