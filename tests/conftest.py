"""What holds for every test: its tier, and a disk that is none."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store import databases

pytest_plugins = ["tests.tiers", "tests.bends.figures"]

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


@pytest.fixture(scope="session")
def server() -> Iterator[databases.Postgresql]:
    """One PostgreSQL for all workers, with a database of its own for each test."""
    with databases.postgresql_server() as url:
        server = databases.Postgresql(url)
        yield server
        asyncio.run(server.drop_template())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """How many `-n auto` are: three for each core, because a story waits most of its time; on large machines fewer."""
    cores = len(os.sched_getaffinity(0))
    return min(3 * cores, cores + 8)
