"""Where a demo keeps what it writes: a folder of its own, made with a mark, and a database that nobody has used.

The folder is emptied of the demo's own files only where that mark stands; a database is never emptied.
"""

from pathlib import Path

from bot.domain.errors import Refusal
from bot.domain.ports import StoreInUse
from bot.store.database import is_embedded, parse
from bot.store.process_lock import ProcessLock
from bot.store.schema import found

MARK = "made-by-muster-demo"
_WORDS = "`muster demo` made this folder. Its next start deletes the demo's files in it, and no others.\n"
OWN_FILES = (
    "muster.toml",
    "muster.env",
    "clouds.yaml",
    "muster.db",
    "muster.db-wal",
    "muster.db-shm",
    "muster.db-journal",
)
"""All that a demo writes, but for the mark and the lock of its database."""


def prepared(folder: Path) -> Path:
    """A folder without anything of an earlier demo: the pretend clouds begin anew, so must what the bot knows of them.

    Only a folder that a demo made, one that is empty, or one that is not there is taken; and of the first, only
    the files that a demo writes are deleted.

    Raises:
        Refusal: it is none of these, or another demo runs in it; nothing was changed.
        OSError: it cannot be written.
    """
    mark = folder / MARK
    is_marked = mark.is_file() and not mark.is_symlink()
    if folder.exists() and not is_marked:
        if not folder.is_dir():
            raise Refusal(f"{folder} is no folder, so nothing was written.", remedy="Name another with --folder.")
        if any(folder.iterdir()):
            raise Refusal(
                f"{folder} holds files and was not made by `muster demo`, so nothing in it was touched.",
                remedy="Name a new or an empty folder with --folder.",
            )
    folder.mkdir(parents=True, exist_ok=True)
    if not is_marked:
        mark.write_text(_WORDS)
    lock = ProcessLock(str(folder / "muster.db"))
    try:
        lock.take()
    except StoreInUse as held:
        raise Refusal(
            f"Another demo runs in {folder}.", remedy="Stop it, or name another folder with --folder."
        ) from held
    try:
        for name in OWN_FILES:
            (folder / name).unlink(missing_ok=True)
    finally:
        lock.let_go()
    return folder


async def refuse_a_used(database: str) -> None:
    """Look whether a server's database is a new one: the pretend clouds begin anew, so must what bots know of them.

    Raises:
        Refusal: it has been used, or several bots could not use it; nothing was changed.
        StoreFailed: it cannot be reached.
    """
    remedy = "Name a new, empty database of a PostgreSQL with --database postgresql://user@host/name."
    try:
        address = parse(database)
    except ValueError as error:
        raise Refusal(f"{error}", remedy=remedy) from error
    if is_embedded(address):
        raise Refusal("An embedded database serves one bot, so nothing was started.", remedy=remedy)
    if await found(address) is not None:
        raise Refusal(f"The database {address.database} has been used, so nothing in it was touched.", remedy=remedy)
