"""Takes secrets out of a text: where something from outside enters, and where something of ours leaves."""

import re
from collections.abc import Iterable

HIDDEN = "•••"

_SHAPES = (
    # Slack's tokens: xoxb-, xoxp-, xoxe.xoxp-, xapp-, xwfp-
    re.compile(r"\bx(?:ox[a-z]|app|wfp)[-.][A-Za-z0-9.-]{4,}"),
    # addresses that are secrets themselves: response_url, webhooks, upload URLs, one-use tickets of Socket Mode
    re.compile(r"(?<=hooks\.slack\.com/)[^\s\"'\\]+"),
    re.compile(r"(?<=[?&]ticket=)[^&\s\"'\\]+"),
    # user:password@ in an address
    re.compile(r"(?<=://)[^/\s:@\"']*:[^/\s@\"']+(?=@)"),
    # Keystone's Fernet tokens
    re.compile(r"\bgAAAAA[A-Za-z0-9_=-]{20,}"),
    # JSON Web Tokens
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.?[A-Za-z0-9_-]*"),
)

_TELLTALE = r"""
    (?:proxy-)?authorization | x-(?:auth|subject|service|storage)-token | x-slack-signature | set-cookie | cookie
  | (?:[a-z0-9]+[_-])*(?:password|passwd|passcode|admin_?pass|secret|token|api_?key|response_url|trigger_id)
"""
_IS_TELLTALE = re.compile(_TELLTALE, re.IGNORECASE | re.VERBOSE)
_NAMED = re.compile(
    rf"""
    (?P<name> \b(?:{_TELLTALE})\b )
    (?P<between> \\?["']? \s* [:=] \s* (?:[bB]?\\?["'])? )
    (?:(?:bearer|basic|digest|token) \s+)?
    [^\s"'\\,;&(){{}}\[\]]+
    """,
    re.IGNORECASE | re.VERBOSE,
)


def redact(text: str, *, secrets: Iterable[str] = ()) -> str:
    """A text without secrets: neither the known ones nor anything shaped or named like one."""
    return _NAMED.sub(lambda found: f"{found['name']}{found['between']}{HIDDEN}", without_shapes(text, secrets))


def without_shapes(text: str, secrets: Iterable[str] = ()) -> str:
    """A text without known secrets and without anything shaped like one; words stay, whatever stands before them."""
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    for shape in _SHAPES:
        text = shape.sub(HIDDEN, text)
    return text


def is_telltale(name: str) -> bool:
    """Whether what stands under this name is a secret."""
    return _IS_TELLTALE.fullmatch(name) is not None
