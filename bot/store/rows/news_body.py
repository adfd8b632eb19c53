"""News as stored text, and back. The form is that of the first release: a kind, and the facts that it carries.

So what an earlier release queued is told by this one, and what this one queues by a replica that is not upgraded yet.
"""

from collections.abc import Mapping
from typing import Any, get_args

from bot.domain.counting import counted
from bot.domain.messages.answered import Answered, OperationsListed
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience, Happened, News, Unheard
from bot.domain.values import OperationId, UserId
from bot.store.rows import codec

_HAPPENED: Mapping[Kind, type[Happened]] = {one.kind: one for one in get_args(Happened)}
_ANSWERED: Mapping[tuple[Kind, str], type[Answered]] = {(one.kind, one.shows): one for one in get_args(Answered)}
_SPELLED = {"of_host": "of host", "not_done": "not done", "stands_in": "stands in"}
"""Facts whose name is no Python name."""


def write(news: News) -> str:
    """The canonical text of news."""
    facts = {_SPELLED.get(name, name): value for name, value in codec.given(news.what).items()}
    if news.kind is Kind.CARD_MOVED:
        facts["from"] = facts.pop("channel")
    if isinstance(news.what, Answered) and news.what.shows:
        facts["shows"] = news.what.shows
    if news.ask:
        facts["ask"] = list(news.ask)
    if news.instead is not None:
        facts["instead"] = {"from": news.instead.channel, "why": news.instead.why}
    told = {name: getattr(news, name) for name in ("kind", "audience", "operation", "person", "channel", "answers")}
    return codec.canonical(told | {"facts": facts})


def read(text: str) -> News:
    """The news of a text, whichever release wrote it.

    Raises:
        ValueError: it is no news.
    """
    told: Mapping[str, Any] = codec.plain(text)
    kind, facts = Kind(told["kind"]), dict(told["facts"])
    instead, operation, person = facts.get("instead"), told.get("operation"), told.get("person")
    return News(
        what=what(kind, facts),
        audience=Audience(told.get("audience", Audience.THREAD)),
        ask=() if kind is Kind.REFUSED else tuple(facts.get("ask") or ()),
        operation=None if operation is None else OperationId(operation),
        person=None if person is None else UserId(person),
        channel=told.get("channel", ""),
        answers=told.get("answers", ""),
        instead=Unheard(channel=instead["from"], why=instead["why"]) if instead else None,
    )


def what(kind: Kind, facts: Mapping[str, Any]) -> Happened | Answered:
    """What news of a kind with these facts tells.

    Raises:
        ValueError: a fact is missing.
    """
    named = {**facts, **{name: facts[word] for name, word in _SPELLED.items() if word in facts}}
    if kind is Kind.CARD_MOVED and "from" in named:
        named["channel"] = named["from"]
    if kind in _HAPPENED:
        return codec.taken(_HAPPENED[kind], named | _counted(kind, named))
    shows = named.get("shows") or ("" if kind is Kind.REFUSED else OperationsListed.shows)
    return codec.taken(_ANSWERED[kind, shows], named)


def _counted(kind: Kind, facts: Mapping[str, Any]) -> dict[str, str]:
    """Before 0.2 these were numbers of steps."""
    name, number = {Kind.STOPPING: ("moving",) * 2, Kind.CLOSED: ("moving",) * 2, Kind.RETRIED: ("what", "count")}.get(
        kind, ("", "")
    )
    value = facts.get(number)
    return {name: counted(value, "step")} if isinstance(value, int) and not isinstance(facts.get(name), str) else {}
