"""Waiting for the truth with a deadline, and telling what goes on meanwhile."""

import sys
import time
from collections.abc import Callable
from typing import TypeVar

from tests.openstack.lab.settings import LabError

Found = TypeVar("Found")
STARTED = time.monotonic()


def say(text: str) -> None:
    """Write one line about the lab, with the seconds since the program began."""
    print(f"[lab {time.monotonic() - STARTED:6.1f} s] {text}", file=sys.stderr, flush=True)


def until(what: str, probe: Callable[[], Found | None], *, seconds: float, pause: float = 0.3) -> Found:
    """Ask `probe` until it answers with something true.

    Args:
        what: What is waited for, in words for the error.
        probe: Answers a false value, or raises OSError or LookupError, while it is not so yet.
        seconds: The deadline.
        pause: Seconds between two questions.

    Raises:
        LabError: The deadline passed; the last reason is in the text.
    """
    end = time.monotonic() + seconds
    reason: object = "it never became so"
    while True:
        try:
            if found := probe():
                return found
        except (OSError, LookupError) as error:
            reason = repr(error)
        if time.monotonic() > end:
            raise LabError(f"waited {seconds:.0f} s in vain for {what}: {reason}")
        time.sleep(pause)
