"""What holds for every test: its tier, and a disk that is none."""

import os
import shutil
import tempfile
from pathlib import Path

pytest_plugins = ["tests.tiers"]

IN_MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes; a run was seen to take 0.3 GiB."""


def pytest_configure() -> None:
    """Keep what tests write in memory where there is room for it.

    Muster has each commit flushed to the disk before it goes on, and a test is not about a disk that others use too.
    """
    if "TMPDIR" in os.environ or not IN_MEMORY.is_dir() or not os.access(IN_MEMORY, os.W_OK):
        return
    allows_programs = not os.statvfs(IN_MEMORY).f_flag & os.ST_NOEXEC
    if allows_programs and shutil.disk_usage(IN_MEMORY).free > ROOM:
        os.environ["TMPDIR"] = str(IN_MEMORY)  # for the workers and all that tests start
        tempfile.tempdir = None
