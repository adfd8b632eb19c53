"""How the Web API says no."""

from collections.abc import Sequence
from typing import Any

COMMON_ERRORS = frozenset(
    {
        "access_denied",
        "account_inactive",
        "fatal_error",
        "internal_error",
        "invalid_arguments",
        "invalid_auth",
        "invalid_form_data",
        "invalid_json",
        "json_not_object",
        "missing_scope",
        "not_allowed_token_type",
        "not_authed",
        "ratelimited",
        "service_unavailable",
        "token_revoked",
        "unknown_method",
    }
)
"""Errors that every method may answer (docs.slack.dev, "Common errors" of each method)."""


class ApiRefusal(Exception):
    """`{"ok": false, "error": code}` with what Slack adds to it."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.code = code
        self.extra = extra

    @classmethod
    def with_messages(cls, code: str, messages: Sequence[str], **extra: Any) -> "ApiRefusal":
        """An error whose reasons stand in response_metadata, as Slack writes them."""
        return cls(code, response_metadata={"messages": [f"[ERROR] {message}" for message in messages]}, **extra)


class RateLimited(Exception):
    """HTTP 429."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after
