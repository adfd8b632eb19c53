"""The base of the image, made of Debian's packages and tagged as what the Dockerfile begins with.

It takes what the machine is set up with on its way to Debian's and Python's packages: the sources of apt and how they are
fetched, the certificates, an index of Python's packages. So the Dockerfile itself is built as it is.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.image.buildah import Buildah

CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
INDEXES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
SECONDS = 900
"""The base took 30 s alone and 90 s beside six others on two cores."""


def ensure(buildah: Buildah, dockerfile: Path) -> None:
    """Make the base if the store has none yet."""
    (name,) = re.findall(r"^FROM (debian:\S+)", dockerfile.read_text(), re.MULTILINE)
    image = f"docker.io/library/{name}"
    if buildah.has(image):
        return
    root = buildah.home / "base"
    shutil.rmtree(root, ignore_errors=True)
    suite = name.removeprefix("debian:").removesuffix("-slim")
    sources = _sources(suite)
    _run("debootstrap", "--variant=minbase", suite, root, sources[0].split()[0])
    _set_up(root, sources)
    container = buildah.call("from", "scratch")
    buildah.call("add", "--quiet", container, root, "/")
    env = {"SSL_CERT_FILE": "/etc/machine.crt", "PIP_CERT": "/etc/machine.crt"}
    env |= {index: os.environ[index] for index in INDEXES if index in os.environ}
    for key, value in env.items():
        buildah.call("config", "--env", f"{key}={value}", container)
    buildah.call("commit", "--quiet", "--rm", container, image)
    shutil.rmtree(root)


def _sources(suite: str) -> list[str]:
    """Where this machine has a suite of Debian and its updates from, as apt's own lines; the suite itself comes first."""
    asked = ("--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
    lines = {line for line in _run("apt-get", "indextargets", *asked).splitlines() if f" {suite}" in line}
    assert lines, f"apt has no source of {suite}, which the image begins with"
    return sorted(lines, key=lambda line: (line.split()[1], line))


def _set_up(root: Path, sources: list[str]) -> None:
    """Have the base fetch packages as the machine does, and lose what it fetched itself."""
    apt = root / "etc" / "apt"
    (apt / "sources.list").write_text("".join(f"deb {line}\n" for line in sources))
    way = [line for line in _run("apt-config", "dump").splitlines() if line.startswith("Acquire::")]
    (apt / "apt.conf.d" / "99machine").write_text("\n".join(way) + "\n")
    shutil.copy(CERTIFICATES, root / "etc" / "machine.crt")
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(root / folder)
        (root / folder).mkdir()


def _run(*words: object) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"{words[0]}: {(done.stdout + done.stderr)[-4000:]}"
    return done.stdout
