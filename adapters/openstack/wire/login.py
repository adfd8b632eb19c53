"""A login that never waits for itself.

Where a question of versions is answered 401, keystoneauth asks again with a token (keystoneauth1/discover.py), also
while it is getting that very token; the lock of its plugin (keystoneauth1/identity/base.py) is then waited for by the
thread that holds it, and by every other thread, for ever. A proxy in front of Keystone is enough for that.
"""

import threading
from types import TracebackType

from keystoneauth1 import exceptions as keystone
from keystoneauth1.identity.base import BaseIdentityPlugin


class OneAtATime:
    """Stands where keystoneauth has a lock: others wait, but who holds it and asks again is told that it cannot be."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder = 0

    def __enter__(self) -> None:
        """Wait for the turn.

        Raises:
            Unauthorized: it is this thread's already.
        """
        if self._holder == threading.get_ident():
            raise keystone.Unauthorized("Keystone does not tell without a login how to log in.")
        self._lock.acquire()
        self._holder = threading.get_ident()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Let the next one in."""
        self._holder = 0
        self._lock.release()


def guard(auth: object) -> None:
    """Let a plugin's logins go one after the other, none of them within another; before its first one."""
    if isinstance(auth, BaseIdentityPlugin):
        vars(auth)["_lock"] = OneAtATime()
