"""A login that never waits for itself, and that nothing else takes the place of.

Where a question of versions is answered 401, keystoneauth asks again with a token (keystoneauth1/discover.py), also
while it is getting that very token; the lock of its plugin (keystoneauth1/identity/base.py) is then waited for by the
thread that holds it, and by every other thread, for ever. A proxy in front of Keystone is enough for that.

Where several calls are answered 401 at once, since their token was revoked, keystoneauth (keystoneauth1/session.py)
lets the first have a new one and gives the others up, for the token that they would forget is forgotten already.

Where requests is given no credentials it looks for some in the user's `.netrc` before each call
(requests/sessions.py), and would send them beside the token, to whichever service's host is named there.
"""

import threading
from functools import partial
from types import TracebackType

from keystoneauth1 import exceptions as keystone
from keystoneauth1.identity.base import BaseIdentityPlugin
from keystoneauth1.session import Session
from requests import PreparedRequest


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


def guard(session: Session) -> None:
    """Let logins go one after the other, none within another, and no credentials but theirs; before the first one."""
    if isinstance(session.auth, BaseIdentityPlugin):
        vars(session.auth)["_lock"] = OneAtATime()
        vars(session.auth)["invalidate"] = partial(_forget, session.auth)
    session.session.auth = _as_it_is


def _forget(auth: BaseIdentityPlugin) -> bool:
    """Forget the token; whether there may be another: there may, whoever has forgotten this one before."""
    auth.auth_ref = None
    return True


def _as_it_is(request: PreparedRequest) -> PreparedRequest:
    """The token stands in a call already."""
    return request
