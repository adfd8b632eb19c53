"""Running `cinder-manage` as a program here, and what is said when that does not work."""

import sys
from pathlib import Path

import pytest

from adapters.openstack.wire.cinder_manage import Local
from bot.domain.cloud import Refused, Unreachable

DOING = "list the backups"


async def run_here(program: str) -> str:
    words = (sys.executable, "-c", program)
    return await Local(command=words).run(words, doing=DOING)


async def test_a_program_here_is_run_without_a_shell_and_its_warnings_are_no_failure() -> None:
    words = (
        sys.executable,
        "-c",
        "import sys; print(sys.argv[1:]); print('warning', file=sys.stderr)",
        "; id",
        "$HOME",
    )
    assert await Local(command=words).run(words, doing=DOING) == "['; id', '$HOME']\n"


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("Failed to read configuration file(s): ['/x']", "no configuration file"),
        ('DBConnectionError: (2003, \\"Can\'t connect to MySQL server\\")', "does not reach Cinder's database"),
        ("sudo: a password is required", "sudo asks for a password"),
        ("PermissionError: [Errno 13] Permission denied: 'cinder.conf'", "may not read a file"),
        ("something else", r"exit code 1\)\."),
    ],
)
async def test_a_failure_is_explained_with_its_own_words_one_click_away(printed: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as refused:
        await run_here(f'import sys; sys.exit("{printed}")')
    assert "exit code 1" in refused.value.raw
    assert refused.value.remedy


async def test_a_password_that_a_traceback_shows_is_taken_out() -> None:
    with pytest.raises(Refused) as refused:
        await run_here('import sys; sys.exit("mysql+pymysql://cinder:planted-secret@db/cinder is gone")')
    assert "planted-secret" not in refused.value.raw


async def test_a_program_that_is_killed_leaves_its_fate_open() -> None:
    with pytest.raises(Unreachable, match="was killed"):
        await run_here("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")


@pytest.mark.parametrize(("name", "said"), [("no-such-program", "is not there"), ("plain.txt", "may not be run")])
async def test_a_program_that_cannot_be_started_is_told(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "plain.txt").write_text("")
    words = (str(tmp_path / name),)
    with pytest.raises(Refused, match=said):
        await Local(command=words).run(words, doing=DOING)
