"""What buttons and windows of ours carry, so that what comes back says what it is about: written and read here."""

import json
from collections.abc import Mapping
from typing import Any

from bot.domain.operation import Operation
from bot.domain.values import HostId, StepKey


def by_plan(operation: Operation, **more: str) -> str:
    """The operation and the plan of it that is shown, with whatever else belongs to it."""
    return _written({"op": operation.id, "digest": operation.digest or "", **more})


def by_step(operation: Operation, step: StepKey) -> str:
    """The step of an operation."""
    return _written({"op": operation.id, "step": step})


def by_page(operation: Operation, page: int) -> str:
    """A page of an operation's details."""
    return _written({"op": operation.id, "page": page})


def by_host(cloud: str, host: HostId) -> str:
    """The host of a cloud."""
    return _written({"cloud": cloud, "host": host})


def _written(carried: Mapping[str, str | int]) -> str:
    return json.dumps(carried, separators=(",", ":"))


def words_in(value: str) -> dict[str, str]:
    """The texts that are carried; nothing of a value that is not ours."""
    return {name: said for name, said in _read(value).items() if isinstance(said, str)}


def page_in(value: str) -> int:
    """The page that is asked for; the first where none is."""
    page = _read(value).get("page")
    return page if isinstance(page, int) else 0


def _read(value: str) -> dict[str, Any]:
    try:
        told = json.loads(value)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
