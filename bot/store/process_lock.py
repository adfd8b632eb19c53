"""One process per embedded database: a lock of the operating system beside its file.

The lock ends with the process, however it ends, so nothing is ever left to clean up.
"""

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path

from bot.domain.ports import StoreFailed, StoreInUse

_LONGEST = 32
"""Characters: no process has a longer number."""


class ProcessLock:
    """The right to use one database file.

    Args:
        database: path of the database file; the lock stands beside it, with `.lock` behind its name. None for a
            database that needs none.
    """

    def __init__(self, database: str | None) -> None:
        self._path = Path(f"{database}.lock") if database else None
        self._file: int | None = None

    def take(self) -> None:
        """Take it; a second time changes nothing.

        Raises:
            StoreInUse: another process has it.
            StoreFailed: the lock cannot be made there, or something else of that name is there.
        """
        if self._path is None or self._file is not None:
            return
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StoreFailed(f"{self._path} cannot be opened: {error.strerror}.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(file, _LONGEST).decode(errors="replace").strip()
            os.close(file)
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise StoreInUse(
                f"{self._path.name.removesuffix('.lock')} is in use by {who}. Stop it first; for several processes, "
                "use PostgreSQL."
            ) from error
        if not re.fullmatch(rb"[0-9]*\s*", os.read(file, _LONGEST)):
            os.close(file)
            raise StoreFailed(f"{self._path} is not a lock that Muster made, so it was left as it is. Move it away.")
        os.ftruncate(file, 0)
        os.lseek(file, 0, os.SEEK_SET)
        os.write(file, f"{os.getpid()}\n".encode())
        self._file = file

    def keep_private(self) -> None:
        """Let nobody else read the database: what people said and what clouds answered stands in it."""
        if self._path is None:
            return
        database = str(self._path).removesuffix(".lock")
        for file in (Path(database), Path(f"{database}-wal"), Path(f"{database}-shm")):
            with suppress(OSError):  # it is not there, or it is another user's to decide
                file.chmod(0o600)

    def let_go(self) -> None:
        """Give it back, if it was taken."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
