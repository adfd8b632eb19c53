"""The demo's own folder: made with a mark, and emptied of the demo's own files only where that mark stands."""

from pathlib import Path

from bot.domain.errors import Refusal
from bot.domain.ports import StoreHeld
from bot.store.guard import Guard

MARK = "made-by-muster-demo"
_WORDS = "`muster demo` made this folder. Its next start deletes the demo's files in it, and no others.\n"
OWN_FILES = ("muster.toml", "clouds.yaml", "muster.db", "muster.db-wal", "muster.db-shm", "muster.db-journal")
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
    if folder.exists() and not mark.is_file():
        if not folder.is_dir():
            raise Refusal(f"{folder} is no folder, so nothing was written.", remedy="Name another with --folder.")
        if any(folder.iterdir()):
            raise Refusal(
                f"{folder} holds files and was not made by `muster demo`, so nothing in it was touched.",
                remedy="Name a new or an empty folder with --folder.",
            )
    folder.mkdir(parents=True, exist_ok=True)
    mark.write_text(_WORDS)
    guard = Guard(str(folder / "muster.db"))
    try:
        guard.take()
    except StoreHeld as held:
        raise Refusal(
            f"Another demo runs in {folder}.", remedy="Stop it, or name another folder with --folder."
        ) from held
    try:
        for name in OWN_FILES:
            (folder / name).unlink(missing_ok=True)
    finally:
        guard.let_go()
    return folder
