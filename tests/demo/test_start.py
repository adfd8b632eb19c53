"""`muster demo` at its start: it takes only a folder and a database of its own, and says what is in its way."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.demo.folder import MARK, prepared, refuse_a_used
from bot.domain.errors import Refusal
from tests.store.databases import Postgresql

SECONDS = 120


def demo(*arguments: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "bot", "demo", "--no-browser", *arguments]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refused(*arguments: str) -> str:
    """What a demo says that does not start."""
    with demo(*arguments) as process:
        try:
            _, said = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 1
    return said


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """A demo that was started in the folder and has greeted."""
    process = demo("--port", "0", "--folder", str(folder))
    assert process.stdout is not None
    try:
        while not re.search(r"http://\S+", line := process.stdout.readline()):
            assert line or process.poll() is None
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0


def tree(folder: Path) -> Sequence[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_folder_that_no_demo_made_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter-1").write_text("years of work")
    (tmp_path / "muster.toml").write_text("mine")
    before = tree(tmp_path)
    said = refused("--port", "0", "--folder", str(tmp_path))
    assert "was not made by `muster demo`, so nothing in it was touched." in said
    assert "--folder" in said
    assert "Traceback" not in said
    assert tree(tmp_path) == before
    assert (tmp_path / "muster.toml").read_text() == "mine"


def test_a_second_start_begins_anew_and_leaves_what_is_not_the_demos(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo"
    with running(folder):
        assert "Another demo runs in" in refused("--port", "0", "--folder", str(folder))
    assert {MARK, "muster.toml", "muster.db"} <= set(tree(folder))
    (folder / "notes").write_text("mine")
    assert prepared(folder) == folder
    assert tree(folder) == [MARK, "muster.db.lock", "notes"]


def test_a_mark_alone_lets_nothing_but_the_demos_own_files_go(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("somebody's")
    folder = prepared(tmp_path / "demo")
    (folder / "muster.db").symlink_to(elsewhere)
    prepared(folder)
    assert elsewhere.read_text() == "somebody's"


def test_a_mark_that_points_elsewhere_is_none_and_is_not_written_through(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("somebody's")
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / MARK).symlink_to(elsewhere)
    (folder / "muster.toml").write_text("mine")
    with pytest.raises(Refusal, match="nothing in it was touched"):
        prepared(folder)
    assert elsewhere.read_text() == "somebody's"
    assert (folder / "muster.toml").read_text() == "mine"


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a script")
    with pytest.raises(Refusal, match="is no folder"):
        prepared(tmp_path / "demo")


def test_a_busy_port_is_said_in_a_sentence_before_anything_is_deleted(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "demo")
    (folder / "muster.toml").write_text("of the last time")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused("--port", str(port), "--folder", str(folder))
    assert said == (
        f"muster: Port {port} is in use by another program on this machine. "
        f"Name another with --port, or take a free one with --port 0.{os.linesep}"
    )
    assert (folder / "muster.toml").read_text() == "of the last time"


@pytest.mark.parametrize("word", ["65536", "-1", "http", "٣"])
def test_a_port_that_there_cannot_be_is_refused_by_the_name_of_its_option(tmp_path: Path, word: str) -> None:
    with demo("--port", word, "--folder", str(tmp_path / "demo")) as process:
        _, said = process.communicate(timeout=SECONDS)
    assert process.returncode == 2
    assert f"argument --port: {word} is no port: name one from 1 to 65535" in said
    assert not (tmp_path / "demo").exists()


async def test_a_database_that_has_been_used_is_refused_and_an_empty_one_is_not(server: Postgresql) -> None:
    async with server.database(migrated=False) as empty, server.database() as used:
        await refuse_a_used(empty)
        with pytest.raises(Refusal, match="has been used, so nothing in it was touched"):
            await refuse_a_used(used)


@pytest.mark.parametrize("url", ["sqlite:///muster.db", "mysql://host/muster"])
async def test_a_database_that_several_bots_could_not_share_is_refused_with_one_that_they_can(url: str) -> None:
    with pytest.raises(Refusal) as refused:
        await refuse_a_used(url)
    assert "--database postgresql://" in str(refused.value)
