"""Whether whoever is about to change a cloud still may: one that was frozen on the way finds out before it sends.

Between the last look at a lease and the first byte of a call may lie a login, a wait for a thread or for a connection,
and in any of them a process can be stopped for minutes while another takes over what it was at.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bot.domain.cloud import Unreachable

_may_act: ContextVar[Callable[[], bool]] = ContextVar("may_act", default=lambda: True)


@contextmanager
def held_while(may_act: Callable[[], bool]) -> Iterator[None]:
    """Let calls that are made in this context begin only while that is so; it is asked on threads, too."""
    before = _may_act.set(may_act)
    try:
        yield
    finally:
        _may_act.reset(before)


def ensure() -> None:
    """For an adapter, right before it sends what changes something.

    Raises:
        Unreachable: somebody else may be at it by now; nothing was sent.
    """
    if not _may_act.get()():
        raise Unreachable(
            "Muster stood still for a while, so nothing was sent.",
            remedy="Whoever has taken over looks first.",
            is_over=True,
        )
