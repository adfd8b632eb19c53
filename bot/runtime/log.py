"""Structured logs that carry the operation id and never a secret.

Our own lines and those of the libraries go through the same processors to one stream. Values are cleaned while their
names are known, and the finished line once more, so that no way of writing a value goes around it.
"""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, TextIO
from urllib.parse import quote, quote_plus

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.domain.ports import StoreFailed
from bot.domain.redaction import HIDDEN, is_telltale, redact, without_shapes
from bot.domain.values import OperationId

SHORTEST_SECRET = 6
"""A known secret shorter than this is hidden by its shape only: hiding it everywhere would black out ordinary words."""

MOST_CHARACTERS = 4_000
"""A longer value is cut: clouds answer with whole pages."""

OURS = ("bot", "adapters")
"""Whose lines are written from the level on that is set; those of libraries from "warning" on at the least.

Below it many log each request, some with headers and bodies; also when we debug. Some take the root's level for theirs.
"""
QUIETER = {"apscheduler": logging.ERROR}  # it warns of each turn that a tick misses because its last one lasts
"""Libraries that have less to say than that."""


def configure(
    *,
    level: Literal["debug", "info", "warning", "error"] = "info",
    format: Literal["json", "console"] = "json",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Send every log line of the process to one stream, in one shape.

    Args:
        level: the least that is written of what we log.
        format: "json" for machines, "console" for eyes.
        secrets: texts that must never appear.
        stream: standard error when left out.
    """
    out = stream or sys.stderr
    hide = _Hide(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                hide.in_values,
                _ending(format, colors=out.isatty()),
                hide.in_line,
            ],
        ),
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    ours = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(ours, logging.WARNING))
    logging.captureWarnings(capture=True)
    for name, least in {**dict.fromkeys(OURS, ours), **QUIETER}.items():
        logging.getLogger(name).setLevel(max(least, ours))


@contextmanager
def about(operation: OperationId, **more: str) -> Iterator[None]:
    """Let every line inside, of libraries too, carry the operation's id."""
    with structlog.contextvars.bound_contextvars(operation=operation, **more):
        yield


def stumbled(log: structlog.stdlib.BoundLogger, event: str, error: BaseException, **about: object) -> None:
    """A line with the traceback; of the database's failures, which the archive tells once, only when we debug."""
    if isinstance(error, StoreFailed):
        log.debug(event, why=str(error), **about)
    else:
        log.error(event, exc_info=error, **about)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for one room; its lines are an event in plain words and key-values."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound


def _ending(format: str, *, colors: bool) -> Processor:
    if format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


class _Hide:
    """Two processors that know the secrets, also as JSON, Python and addresses would spell them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {spelling for secret in secrets if len(secret) >= SHORTEST_SECRET for spelling in _spellings(secret)}
        self._known = sorted(known, key=len, reverse=True)

    def in_values(self, _logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        """Clean each value by its name and its text."""
        return {key: self._clean(key, value) for key, value in line.items()}

    def in_line(self, _logger: WrappedLogger, _method: str, line: EventDict | str) -> str:
        """Clean the finished line of what is known or shaped like a secret."""
        return without_shapes(str(line), self._known)

    def _clean(self, name: object, value: object) -> object:
        if isinstance(name, str) and value and is_telltale(name):
            return HIDDEN
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping):
            return {str(key): self._clean(key, inner) for key, inner in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._clean(None, inner) for inner in value]
        text = redact(str(value), secrets=self._known)
        return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}… cut, {len(text)} characters"


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
    }
