"""Puts on the machine what the lab needs: Debian's daemons and OpenStack from PyPI."""

import hashlib
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.openstack.lab.infrastructure import RABBIT_PROGRAM
from tests.openstack.lab.processes import command
from tests.openstack.lab.progress import say
from tests.openstack.lab.settings import LOCK_FILE, LabError, Settings

DEBIAN = {
    "rabbitmq-server": RABBIT_PROGRAM,
    "mariadb-server": "mariadbd",
    "memcached": "memcached",
    "openssh-server": "sshd",
}


def install(settings: Settings) -> None:
    """Install what is missing; a second call finds nothing to do.

    Raises:
        LabError: Packages are missing and cannot be installed, with what to do about it.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    missing = _missing(settings)
    if missing:
        _refuse_without_means(missing)
    with ThreadPoolExecutor(2) as pool:  # one waits for the disk while the other compiles
        jobs = [pool.submit(_install_debian, settings, missing), pool.submit(_install_openstack, settings)]
        for job in jobs:
            job.result()


def _missing(settings: Settings) -> list[str]:
    path = settings.environment()["PATH"]
    return [package for package, program in DEBIAN.items() if not shutil.which(program, path=path)]


def _refuse_without_means(packages: list[str]) -> None:
    wanted = " ".join(packages)
    if os.geteuid() != 0:
        raise LabError(
            f"the real OpenStack needs {wanted}, which only root can install. "
            f"Either run this as root or ask for: apt-get install --no-install-recommends {wanted}"
        )
    if shutil.which("apt-get") is None:
        raise LabError(
            f"the real OpenStack needs {wanted} and there is no apt-get here: install MariaDB, "
            "RabbitMQ and memcached by hand, or use Debian 12"
        )


def _install_debian(settings: Settings, packages: list[str]) -> None:
    if not packages:
        return
    say(f"apt-get install {' '.join(packages)}")
    environment = settings.environment(DEBIAN_FRONTEND="noninteractive")
    apt = ["apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=300"]
    for words in ([*apt, "update"], [*apt, "install", "--no-install-recommends", *packages]):
        command(words, environment=environment, log=settings.run / "install.log")
    if still := _missing(settings):
        raise LabError(f"apt-get brought no {' '.join(still)}: see {settings.run / 'install.log'}")


def _install_openstack(settings: Settings) -> None:
    marker = settings.venv / "installed-from"
    fingerprint = hashlib.sha256(LOCK_FILE.read_bytes() + sys.version.encode()).hexdigest()
    if marker.exists() and marker.read_text() == fingerprint:
        return
    uv = Path(sys.prefix) / "bin" / "uv"
    if not uv.exists():
        raise LabError(f"{uv} is missing: run `make dev` and use .venv/bin/python")
    say("installing OpenStack from PyPI")
    shutil.rmtree(settings.venv, ignore_errors=True)
    environment = dict(os.environ, UV_PYTHON_DOWNLOADS="never")
    python = str(settings.venv / "bin" / "python")
    log = settings.run / "install.log"
    command([sys.executable, "-m", "venv", "--without-pip", settings.venv], environment=environment, log=log)
    command(
        [
            uv,
            "pip",
            "install",
            "--python",
            python,
            "--require-hashes",
            "--compile-bytecode",
            "--no-deps",
            "-r",
            LOCK_FILE,
        ],
        environment=environment,
        log=log,
    )
    marker.write_text(fingerprint)
