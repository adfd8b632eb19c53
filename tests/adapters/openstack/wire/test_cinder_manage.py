"""Running `cinder-manage` over a real SSH connection and as a program here, and what is said when that does not work."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from adapters.openstack.wire.cinder_manage import Local
from adapters.simulated.cinder_manage import Ended
from bot.domain.cloud import Refused, Unreachable
from tests.adapters.openstack.controller import COMMAND, Controller, controller

DOING = "list the backups"


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Controller]:
    async with controller(tmp_path, lambda words: Ended(out=f"{words}\n")) as one:
        yield one


# ---------------------------------------------------------------------- over SSH


async def test_every_word_arrives_as_it_was_however_a_shell_would_read_it(there: Controller) -> None:
    words = (*COMMAND, "volume", "--newhost", "a@b#c; rm -rf /", "$(reboot)", "it's", "`id`", "", "x\ny")
    assert await there.runner().run(words, doing=DOING) == f"{list(words[1:])}\n"


async def test_an_unknown_host_key_is_not_accepted_and_nothing_is_run(there: Controller) -> None:
    (there.folder / "known_hosts").write_text("")
    with pytest.raises(Refused, match=r"host key of 127\.0\.0\.1") as refused:
        await there.runner().run(COMMAND, doing=DOING)
    assert "known_hosts" in refused.value.sentence
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    (there.folder / "known_hosts").write_text(f"[127.0.0.1]:{there.port} {other}\n")
    with pytest.raises(Refused, match=r"host key of 127\.0\.0\.1"):
        await there.runner().run(COMMAND, doing=DOING)
    assert there.ran == []


async def test_a_login_that_is_refused_says_whose(there: Controller) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(there.folder / "stranger")
    with pytest.raises(Refused, match=r"cinder@127\.0\.0\.1 refuses the login"):
        await there.runner(key_file=there.folder / "stranger").run(COMMAND, doing=DOING)


@pytest.mark.parametrize("name", ["no-such-file", "no-key", "locked"])
async def test_a_key_that_cannot_be_used_is_told_and_never_shown(there: Controller, name: str) -> None:
    (there.folder / "no-key").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nplanted-secret\n")
    locked = asyncssh.generate_private_key("ssh-ed25519")
    locked.write_private_key(there.folder / "locked", "pkcs8-pem", passphrase="planted-secret")
    with pytest.raises(Refused) as refused:
        await there.runner(key_file=there.folder / name).run(COMMAND, doing=DOING)
    assert "key_file" in refused.value.remedy
    assert "planted-secret" not in f"{refused.value} {refused.value.raw}"


async def test_nobody_at_the_port_leaves_the_question_open(there: Controller) -> None:
    with pytest.raises(Unreachable, match=r"Nobody answers at 127\.0\.0\.1 port 9"):
        await there.runner(port=9).run(COMMAND, doing=DOING)


async def test_a_connection_that_is_lost_leaves_the_fate_of_the_command_open(there: Controller) -> None:
    there.cut_after = True
    with pytest.raises(Unreachable, match=r"connection to 127\.0\.0\.1 was lost"):
        await there.runner().run(COMMAND, doing=DOING)


async def test_a_program_that_is_not_there_is_told(there: Controller) -> None:
    with pytest.raises(Refused, match=r"`cinder-mange` is not there on 127\.0\.0\.1") as refused:
        await there.runner().run(("cinder-mange", "version"), doing=DOING)
    assert "`command`" in refused.value.remedy


# ---------------------------------------------------------------------- here


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
