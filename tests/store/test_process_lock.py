"""The lock beside a database file: what bears its name and is none is left alone."""

import os
from pathlib import Path

import pytest

from bot.domain.ports import StoreFailed
from bot.store.process_lock import ProcessLock


def test_a_file_that_only_has_the_name_of_the_lock_is_neither_emptied_nor_written_through(tmp_path: Path) -> None:
    notes = tmp_path / "muster.db.lock"
    for words in ("the key is under the mat", "4711 is the code of the door, and more of it", "1 2"):
        notes.write_text(words)
        with pytest.raises(StoreFailed, match="is not a lock that Muster made"):
            ProcessLock(str(tmp_path / "muster.db")).take()
        assert notes.read_text() == words
    notes.rename(tmp_path / "notes")
    notes.symlink_to(tmp_path / "notes")
    with pytest.raises(StoreFailed, match="cannot be opened"):
        ProcessLock(str(tmp_path / "muster.db")).take()
    assert (tmp_path / "notes").read_text() == "1 2"
    notes.unlink()
    for _ in range(2):
        lock = ProcessLock(str(tmp_path / "muster.db"))
        lock.take()
        lock.let_go()
        assert notes.read_text() == f"{os.getpid()}\n"
