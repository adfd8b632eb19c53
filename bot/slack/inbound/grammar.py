"""Reads slash commands. Pure, and never guesses: what is not exactly understood becomes a BadCommand."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TypeAlias

from bot.domain.counting import counted
from bot.domain.errors import BadCommand
from bot.domain.rules import calendar
from bot.domain.rules.calendar import When
from bot.domain.rules.order import Order
from bot.domain.values import Action, OperationId, Then
from bot.slack.command_names import COMMANDS, EVACUATE, MAINTENANCE, MUSTER
from bot.slack.inbound.words import TypedWord, as_meant, split

MAX_NAME = 255
MAX_REASON = 500
MAX_VMS = 100
SHORTEST_WINDOW, LONGEST_WINDOW = timedelta(minutes=1), timedelta(days=7)

USAGE = {
    EVACUATE: "Usage: `/evacuate [check] [cloud/]host [--to host] [--vm name-or-id …] [--reason text]`",
    MAINTENANCE: (
        "Usage: `/maintenance enter|exit [check] [cloud/]host [--at time] [--window 2h]"
        " [--then poweroff|reboot] [--reason text]`"
    ),
    MUSTER: (
        "Usage: `/muster hosts [cloud] [text] | list | show ID"
        " | history [cloud/]host | audit ID | policy [cloud] | help`"
    ),
}
_TIMES = ("--at", "--window")
_FLAGS = {EVACUATE: ("--to", "--vm", "--reason"), MAINTENANCE: (*_TIMES, "--then", "--reason")}
_ONE_VALUE = ("--to", "--then", *_TIMES)
_CHECK = "check"
_HELP = ("--help", "--h")
_ID = re.compile(r"^[A-Za-z0-9-]{1,64}$")


class Verb(StrEnum):
    """What `/muster` can be asked."""

    HELP = "help"
    LIST = "list"
    SHOW = "show"
    HOSTS = "hosts"
    HISTORY = "history"
    AUDIT = "audit"
    POLICY = "policy"


@dataclass(frozen=True, kw_only=True)
class Query:
    """Something a person wants to see."""

    verb: Verb
    operation: OperationId | None = None
    cloud: str = ""
    name: str = ""  #: of a host; for HOSTS a part of it, or the name of a cloud


Command: TypeAlias = Order | Query


def parse(command: str, text: str) -> Command:
    """What a slash command means.

    Args:
        command: with its slash, e.g. "/evacuate".
        text: what was typed behind it.

    Raises:
        BadCommand: with the sentence that says why and what to type.
    """
    if command not in USAGE:
        raise BadCommand(f"Muster has no command {command}.", remedy=f"It has {', '.join(COMMANDS)}.")
    words = split(text)
    if _asks_for_help(words):
        return Query(verb=Verb.HELP)
    if command == MUSTER:
        return _question(words)
    if not words:
        raise BadCommand("No host was named.")
    if command == EVACUATE:
        return _order(command, Action.EVACUATE, words)
    action = _keyword(words[0], ("enter", "exit"), "Say first whether to enter or exit maintenance; that is neither")
    return _order(command, Action(action), words[1:])


def _asks_for_help(words: Sequence[TypedWord]) -> bool:
    """Whether help is asked for, wherever it stands; a value of a flag, such as a reason, asks for nothing."""
    is_loose = True
    for word in words:
        if word.flag in _HELP:
            return True
        is_loose = is_loose and not word.flag
        if is_loose and not word.quoted and word.text.lower() == Verb.HELP:
            return True
    return False


def usage(command: str) -> str:
    """The line that shows how a command is typed."""
    return USAGE.get(command, USAGE[MUSTER])


def _question(words: Sequence[TypedWord]) -> Query:
    if not words:
        return Query(verb=Verb.HELP)
    verb = Verb(_keyword(words[0], tuple(Verb), "Muster does not know that word"))
    rest = words[1:]
    match verb:
        case Verb.HELP | Verb.LIST:
            _check_nothing_left(rest)
            return Query(verb=verb)
        case Verb.SHOW | Verb.AUDIT:
            return Query(verb=verb, operation=_id(verb, rest))
        case Verb.POLICY:
            _check_nothing_left(rest[1:])
            return Query(verb=verb, cloud=_name(rest[0].text, "cloud") if rest else "")
        case Verb.HISTORY:
            if not rest:
                raise BadCommand("Say which host's history: cloud/host.")
            _check_nothing_left(rest[1:])
            cloud, host = _place(rest[0].text)
            return Query(verb=verb, cloud=cloud, name=host)
        case Verb.HOSTS:
            return _hosts(rest)


def _hosts(words: Sequence[TypedWord]) -> Query:
    """Nothing; a cloud or a part of a name (whoever knows the clouds can tell); or both."""
    _check_nothing_left(words[2:])
    if len(words) == 2:
        return Query(verb=Verb.HOSTS, cloud=_name(words[0].text, "cloud"), name=_name(words[1].text, "host"))
    if not words:
        return Query(verb=Verb.HOSTS)
    cloud, name = _place(words[0].text)
    return Query(verb=Verb.HOSTS, cloud=cloud, name=name)


def _id(verb: Verb, words: Sequence[TypedWord]) -> OperationId:
    if not words:
        raise BadCommand(f"Say which operation to {verb}.", remedy="`/muster list` shows their ids.")
    _check_nothing_left(words[1:])
    if not _ID.match(words[0].text):
        raise BadCommand(f"{words[0].text} is not the id of an operation.", remedy="`/muster list` shows the ids.")
    return OperationId(words[0].text.upper())


def _keyword(word: TypedWord, known: Sequence[str], otherwise: str) -> str:
    typed = word.text.lower()
    if typed in known and not word.quoted:
        return typed
    near = difflib.get_close_matches(typed, known, n=1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise BadCommand(f"{otherwise}: {word.text}.{meant}")


def _check_nothing_left(words: Sequence[TypedWord]) -> None:
    if words:
        raise BadCommand(f"Muster does not understand the rest: {' '.join(w.text for w in words)}.")


def _order(command: str, action: Action, words: Sequence[TypedWord]) -> Order:
    loose, flags = _sorted(words, _FLAGS[command])
    check = bool(loose) and not loose[0].quoted and loose[0].text.lower() == _CHECK
    names = loose[1:] if check else loose
    if not names:
        raise BadCommand("No host was named." if not flags else "No host was named; put it before the flags.")
    if len(names) > 1:
        raise BadCommand(_too_many(names))
    cloud, host = _place(names[0].text)
    then = _then(flags, action)
    return Order(
        action=action,
        host=host,
        cloud=cloud,
        check=check,
        to=_target(flags, cloud),
        vms=_vms(flags),
        reason=_reason(flags),
        then=then,
        at=_at(flags),
        window=_window(flags),
    )


def _too_many(names: Sequence[TypedWord]) -> str:
    first = names[0].text
    if names[-1].text.lower() == _CHECK and not names[-1].quoted:
        return f"One host at a time: write {_CHECK} before the host."
    if difflib.get_close_matches(first.lower(), (_CHECK,), n=1, cutoff=0.7):
        return f"One host at a time, but there are {len(names)} words. Did you mean {_CHECK} instead of {first}?"
    return f"One host at a time, but there are {len(names)} words: {' '.join(n.text for n in names)}."


def _sorted(words: Sequence[TypedWord], known: Sequence[str]) -> tuple[list[TypedWord], dict[str, list[str]]]:
    """Loose words, and the values of each flag: all that follow for --vm and --reason, one for the others."""
    loose: list[TypedWord] = []
    flags: dict[str, list[str]] = {}
    open_flag = ""
    for word in words:
        if word.flag:
            name, equals, _ = word.flag.partition("=")
            open_flag = _known(name, known)
            if open_flag in flags and open_flag != "--vm":
                raise BadCommand(f"{open_flag} was given twice.")
            flags.setdefault(open_flag, [])
            if equals:
                flags[open_flag].append(_as_typed(word.text))
                open_flag = "" if open_flag in _ONE_VALUE else open_flag
        elif open_flag:
            flags[open_flag].append(word.text)
            open_flag = "" if open_flag in _ONE_VALUE else open_flag
        else:
            loose.append(word)
    for name, values in flags.items():
        if not any(values):
            raise BadCommand(f"{name} needs a value.")
    return loose, flags


def _as_typed(word: str) -> str:
    return as_meant(word.partition("=")[2])


def _known(name: str, known: Sequence[str]) -> str:
    if name in known:
        return name
    if name == f"--{_CHECK}":
        raise BadCommand(f"{_CHECK} is a word, not a flag: write it before the host.")
    if name in _TIMES:
        raise BadCommand("A dead host does not wait: an evacuation begins when it is approved.", remedy="Leave it out.")
    near = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {near[0]}?" if near else f" There {'are' if len(known) > 1 else 'is'} {', '.join(known)}."
    raise BadCommand(f"There is no flag {name} here.{meant}")


def _place(typed: str) -> tuple[str, str]:
    """Cloud (may be empty) and host."""
    cloud, slash, host = typed.partition("/")
    if not slash:
        return "", _name(typed, "host")
    if not cloud or not host:
        raise BadCommand(f"{typed} is not a cloud and a host.", remedy="Write cloud/host.")
    return _name(as_meant(cloud), "cloud"), _name(as_meant(host), "host")


def _name(typed: str, what: str) -> str:
    name = typed.strip()
    if not name:
        raise BadCommand(f"The name of the {what} is empty.")
    if len(name) > MAX_NAME:
        raise BadCommand(f"The name of the {what} has {len(name)} characters; the limit is {MAX_NAME}.")
    if any(mark in name for mark in "<>|`*?"):
        raise BadCommand(f"{name} is not the name of a {what}.", remedy="Type the name in full, without any marks.")
    return name


def _target(flags: dict[str, list[str]], cloud: str) -> str:
    if "--to" not in flags:
        return ""
    target_cloud, name = _place(flags["--to"][0])
    if target_cloud and target_cloud != cloud:
        raise BadCommand("The target host must be in the same cloud as the host.")
    return name


def _then(flags: dict[str, list[str]], action: Action) -> Then:
    """What becomes of the power of a host that is in maintenance."""
    if "--then" not in flags:
        return Then.NOTHING
    if action is not Action.ENTER:
        raise BadCommand("--then is for a host that enters maintenance.", remedy="Leave it out.")
    known = [then.value for then in Then if then]
    if flags["--then"][0].lower() not in known:
        raise BadCommand(
            f"{flags['--then'][0]} is not something --then can do.", remedy=f"It can do {' and '.join(known)}."
        )
    return Then(flags["--then"][0].lower())


def _at(flags: dict[str, list[str]]) -> When | None:
    if "--at" not in flags:
        return None
    at = calendar.when(flags["--at"][0])
    if at is None:
        raise BadCommand(
            f"{flags['--at'][0]} is not a time.",
            remedy="Write 02:00, 2026-11-22T02:00 (your time zone, or with an offset such as +01:00), or +2h.",
        )
    return at


def _window(flags: dict[str, list[str]]) -> timedelta | None:
    if "--window" not in flags:
        return None
    window = calendar.span(flags["--window"][0])
    if window is None:
        raise BadCommand(f"{flags['--window'][0]} is not a duration.", remedy="Write 2h, 90m or 1h30m.")
    if not SHORTEST_WINDOW <= window <= LONGEST_WINDOW:
        raise BadCommand("A window lasts from 1 minute to 7 days.", remedy="Leave it out for an open end.")
    return window


def _vms(flags: dict[str, list[str]]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(_name(v, "VM") for v in flags.get("--vm", ())))
    if len(names) > MAX_VMS:
        raise BadCommand(f"{counted(len(names), 'VM was', 'VMs were')} named; the limit is {MAX_VMS}.")
    return names


def _reason(flags: dict[str, list[str]]) -> str:
    reason = " ".join(flags.get("--reason", ())).strip()
    if len(reason) > MAX_REASON:
        raise BadCommand(f"The reason has {len(reason)} characters; the limit is {MAX_REASON}.")
    return reason
