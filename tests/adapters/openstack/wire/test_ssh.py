"""Running `cinder-manage` over a real SSH connection, and what is said when that does not work."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from adapters.simulated.cinder_manage import Ended
from bot.domain.cloud import Refused, Unreachable
from bot.domain.progress import right_to_act
from tests.adapters.openstack.controller import COMMAND, Controller, controller

DOING = "list the backups"


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Controller]:
    async with controller(tmp_path, lambda words: Ended(out=f"{words}\n")) as one:
        yield one


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


async def test_whoever_lost_the_right_to_act_while_it_logged_in_runs_nothing(there: Controller) -> None:
    with right_to_act.held_while(lambda: False), pytest.raises(Unreachable, match="nothing was sent"):
        await there.runner().run(COMMAND, doing=DOING)
    assert there.ran == []


async def test_a_program_that_is_not_there_is_told(there: Controller) -> None:
    with pytest.raises(Refused, match=r"`cinder-mange` is not there on 127\.0\.0\.1") as refused:
        await there.runner().run(("cinder-mange", "version"), doing=DOING)
    assert "`command`" in refused.value.remedy


def test_a_bot_that_needs_no_ssh_does_not_load_it() -> None:
    loaded = "import sys, bot.main; print('adapters.openstack.cloud' in sys.modules, 'asyncssh' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, check=True)
    assert shown.stdout.split() == ["True", "False"]
