"""The console script: its commands, its exit codes, and how it ends."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
from datetime import timedelta
from importlib import metadata
from pathlib import Path

import pytest

from bot.domain.audit import AuditEvent, Entry
from bot.domain.values import UserId
from bot.runtime.clock import SystemClock, WakeUp
from bot.store.archive import SqlArchive

SETTINGS = """
[slack]
incident_channel = "C0INCIDENT"
[store]
url = "sqlite:///{database}"
[[clouds]]
name = "prod"
kind = "openstack"
"""


def muster(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **(env or {})},
    )


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "muster.toml"
    path.write_text(SETTINGS.format(database=tmp_path / "muster.db"))
    return path


def test_the_manifest_of_the_app_is_printed_before_there_is_an_app_and_its_tokens(config: Path) -> None:
    config.write_text(config.read_text().replace("[slack]\n", '[slack]\nmode = "http"\ncommand_prefix = "ops-"\n'))
    done = muster("manifest", "--address", "https://muster.example", "--config", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    assert "/ops-evacuate" in done.stdout
    assert "https://muster.example/slack/events" in done.stdout
    config.write_text(config.read_text().replace("command_prefix", "comand_prefix"))
    wrong = muster("manifest", "--config", str(config))
    assert wrong.returncode == 2
    assert "slack.comand_prefix" in wrong.stderr


async def with_three_lines(config: Path) -> Path:
    """A database whose audit has three lines."""
    events = (AuditEvent.REQUESTED, AuditEvent.VOTE, AuditEvent.REFUSED)
    entries = [Entry(event=event, actor=UserId("U0ALICE"), facts={"why": "“no”"}) for event in events]
    return await with_lines(config, *entries)


async def with_lines(config: Path, *entries: Entry) -> Path:
    """A database whose audit has these lines."""
    database = config.parent / "muster.db"
    clock = SystemClock()
    archive = SqlArchive(f"sqlite:///{database}", clock=clock, bell=WakeUp(clock))
    await archive.open()
    for entry in entries:
        async with archive.unit() as unit:
            await unit.audit.record(None, entry)
            await unit.commit()
    await archive.close()
    return database


def test_the_release_is_printed() -> None:
    done = muster("version")
    assert (done.returncode, done.stdout) == (0, f"muster {metadata.version('muster')}\n")


@pytest.mark.parametrize("arguments", [[], ["fly"], ["audit"], ["run", "--fast"]])
def test_a_command_line_that_cannot_be_read_shows_how_to_write_it(arguments: list[str]) -> None:
    done = muster(*arguments)
    assert done.returncode == 2
    assert "usage: muster" in done.stderr


def test_help_names_every_command() -> None:
    done = muster("--help")
    assert done.returncode == 0
    for command in ("run", "demo", "check", "migrate", "audit", "version"):
        assert f"\n    {command}" in done.stdout


@pytest.mark.parametrize("command", ["run", "check"])
def test_settings_that_cannot_be_used_end_with_2_and_all_reasons(command: str, config: Path) -> None:
    config.write_text(config.read_text() + "concurency = 3\n[slak]\n")
    done = muster(command, "--config", str(config), env={"SLACK_BOT_TOKEN": "xapp-planted"})
    assert done.returncode == 2
    assert "✗ slak: is not a key known here." in done.stderr
    assert '✗ clouds.prod.concurency: is not a key known here.\n    → Did you mean "concurrency"?' in done.stderr
    assert "✗ SLACK_BOT_TOKEN: does not begin with" in done.stderr
    assert "✗ SLACK_APP_TOKEN: is not set." in done.stderr
    assert "planted" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_settings_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = muster("migrate", "--config", str(tmp_path / "absent.toml"))
    assert done.returncode == 2
    assert "absent.toml: cannot be read: No such file or directory." in done.stderr


def test_the_database_is_made_and_migrated_without_any_token(config: Path) -> None:
    for _ in range(2):
        done = muster("migrate", "--config", str(config))
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("The database has the schema ")
    with sqlite3.connect(config.parent / "muster.db") as database:
        assert database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
    database.close()


def test_a_database_that_others_could_read_is_for_nobody_else_once_it_is_migrated(config: Path) -> None:
    database = config.parent / "muster.db"
    database.touch(mode=0o644)
    database.chmod(0o644)
    assert muster("migrate", "--config", str(config)).returncode == 0
    assert database.stat().st_mode & 0o777 == 0o600


async def test_a_whole_audit_is_verified_and_exported_beside_the_bot(config: Path) -> None:
    await with_three_lines(config)
    done = muster("audit", "verify", "--config", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("✓ 3 lines are as they were written; the last one's hash is ")
    written = config.parent / "audit.jsonl"
    exported = muster("audit", "export", "--config", str(config), "--output", str(written))
    assert exported.returncode == 0, exported.stderr
    assert written.stat().st_mode & 0o777 == 0o600  # for nobody else, as the database is
    lines = [json.loads(line) for line in written.read_text().splitlines()]
    assert [line["event"] for line in lines[:-1]] == ["requested", "vote", "refused"]
    assert lines[0]["actor"] == "U0ALICE"
    assert lines[-1]["head"] == {"seq": 3, "hash": lines[-2]["hash"]}
    assert lines[-1]["head"]["hash"] in done.stdout
    again = muster("audit", "export", "--config", str(config), "--output", str(written))
    assert again.returncode == 1
    assert again.stderr == (
        f"muster: {written} exists already, and nothing is overwritten. Name another file, or move that one away.\n"
    )
    assert len(written.read_text().splitlines()) == 4
    nowhere = muster("audit", "export", "--config", str(config), "--output", str(config.parent / "no" / "audit.jsonl"))
    assert nowhere.returncode == 1
    assert "cannot be written: no such file or directory. Name a file in a folder that exists" in nowhere.stderr
    assert "Errno" not in nowhere.stderr + again.stderr


def test_an_export_that_breaks_off_leaves_no_file_that_a_second_try_would_stumble_over(config: Path) -> None:
    config.write_text(config.read_text().replace("sqlite:///", "sqlite:////nowhere"))
    written = config.parent / "audit.jsonl"
    for _ in range(2):
        done = muster("audit", "export", "--config", str(config), "--output", str(written))
        assert done.returncode == 1
        assert "exists already" not in done.stderr
        assert not written.exists()


async def test_an_audit_whose_beginning_was_let_go_is_verified_from_there_on_and_counted_so(config: Path) -> None:
    database = await with_three_lines(config)
    clock = SystemClock()
    archive = SqlArchive(f"sqlite:///{database}", clock=clock, bell=WakeUp(clock))
    await archive.open()
    async with archive.unit() as unit:
        assert await unit.audit.cut(clock.now() + timedelta(hours=1), most=2) == 2
        await unit.commit()
    await archive.close()
    done = muster("audit", "verify", "--config", str(config))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "✓ 2 lines are as they were written (2 earlier ones were let go); the last one's hash"
    )


async def test_the_audit_goes_into_a_spreadsheet_where_nothing_is_calculated(config: Path) -> None:
    formula = '=HYPERLINK("http://evil.example")'
    actors = (formula, "+1", "-1", "@SUM(A1)", "\tx", "two\nlines, and more")
    told = {"reason": formula}
    await with_lines(config, *(Entry(event=AuditEvent.VOTE, actor=UserId(actor), facts=told) for actor in actors))
    written = config.parent / "audit.csv"
    done = muster("audit", "export", "--config", str(config), "--format", "csv", "--output", str(written))
    assert done.returncode == 0, done.stderr
    with written.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["seq", "at", "actor", "operation", "event", "facts", "prev_hash", "hash"]
    assert [row["seq"] for row in rows] == ["1", "2", "3", "4", "5", "6"]
    assert [row["actor"] for row in rows] == [
        f"'{formula}",
        "'+1",
        "'-1",
        "'@SUM(A1)",
        "'\tx",
        "two\nlines, and more",
    ]
    assert {row["operation"] for row in rows} == {""}
    assert json.loads(rows[0]["facts"]) == {"reason": formula}
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for row in rows for cell in row.values())
    assert rows[1]["prev_hash"] == rows[0]["hash"]


async def test_an_audit_that_was_changed_is_found_and_ends_with_1(config: Path) -> None:
    database = await with_three_lines(config)
    connection = sqlite3.connect(database)
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f'DROP TRIGGER "{name}"')
    connection.execute("UPDATE audit SET event = 'approved' WHERE seq = 2")
    connection.commit()
    connection.close()
    done = muster("audit", "verify", "--config", str(config))
    assert done.returncode == 1
    assert done.stdout.startswith("✗ changed, missing or out of place: line 2 of 3")


def test_the_audit_of_a_database_that_is_not_there_does_not_make_one(config: Path) -> None:
    done = muster("audit", "verify", "--config", str(config))
    assert done.returncode == 1
    assert "There is no database" in done.stderr
    assert not (config.parent / "muster.db").exists()


# the process -------------------------------------------------------------------------------------------------------

WAITER = """
import asyncio, sys, time
from bot.runtime import log
from bot.cli.process import run_until_signalled

async def work():
    print("ready", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("put away", flush=True)
        {ending}

log.configure()
run_until_signalled(work(), stop_seconds={seconds})
print("over", flush=True)
"""


def started(*, ending: str = "pass", seconds: float = 10.0) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITER.format(ending=ending, seconds=seconds)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("one", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_work_gracefully(one: signal.Signals) -> None:
    with started() as process:
        process.send_signal(one)
        out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "put away\nover\n"), error


def test_a_stop_that_hangs_is_cut_off() -> None:
    with started(ending="await asyncio.Event().wait()", seconds=0.3) as process:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out.startswith("put away\n")
    assert "over" not in out.splitlines()


def test_a_second_signal_ends_the_process_at_once() -> None:
    with started(ending="await asyncio.Event().wait()", seconds=60) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None
        while process.stdout.readline() != "put away\n":
            pass
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGTERM


def test_work_that_fails_says_so() -> None:
    code = "import asyncio\nfrom bot.cli.process import run_until_signalled\nasync def work(): raise OSError('taken')\nrun_until_signalled(work())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "OSError: taken" in done.stderr


def test_a_surprise_before_the_settings_are_read_shows_no_value(config: Path) -> None:
    """A traceback with the values of its variables would show what the environment holds."""
    config.unlink()
    config.mkdir()
    (config.parent / "sitecustomize.py").write_text(
        "import os, bot.settings\n"
        "def load(*arguments):\n"
        "    token = os.environ['SLACK_BOT_TOKEN']\n"
        "    raise RuntimeError(f'surprise of {len(token)} characters')\n"
        "bot.settings.load = load\n"
    )
    env = {"SLACK_BOT_TOKEN": "word-of-no-shape", "PYTHONPATH": str(config.parent)}
    done = muster("run", "--config", str(config), env=env)
    assert done.returncode == 1
    assert "RuntimeError: surprise of 16 characters" in done.stderr
    assert "word-of-no-shape" not in done.stderr
