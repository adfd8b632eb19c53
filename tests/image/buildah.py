"""Debian's buildah, so used that it needs neither a daemon nor a kernel's favours: isolation by chroot, whole copies (vfs).

It asks for root with CAP_SYS_ADMIN (for bind mounts) and CAP_SYS_CHROOT, as in the default of a virtual machine or of
`docker run --privileged`; no cgroups, no overlay, no network of its own. Its store is a folder of its own, so that what
the machine's containers have is left alone.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUILD_SECONDS = 900
"""A build took 45 s alone and 130 s beside six others on two cores."""


@dataclass(frozen=True, kw_only=True)
class Buildah:
    """One store of images."""

    home: Path

    def call(self, *words: object, seconds: float = 120) -> str:
        """Run a verb; what it printed.

        Raises:
            AssertionError: It failed; with the end of what it said.
        """
        done = subprocess.run(self.line(*words), capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, f"buildah {words[0]}: {(done.stdout + done.stderr)[-4000:]}"
        return done.stdout.strip()

    def line(self, *words: object) -> list[str]:
        """The command line of a verb."""
        store = ["--storage-driver", "vfs", "--root", self.home / "store", "--runroot", self.home / "run"]
        return [str(word) for word in ("buildah", *store, *words)]

    def has(self, image: str) -> bool:
        """Whether an image of this name is in the store."""
        words = self.line("images", "--quiet", "--filter", f"reference={image}")
        return bool(subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout.strip())

    def build(self, context: Path, *, image: str, arguments: Mapping[str, str], volumes: Mapping[Path, str]) -> None:
        """Build a folder's Dockerfile, from what is in the store and nothing else."""
        given = [word for name, value in arguments.items() for word in ("--build-arg", f"{name}={value}")]
        mounts = [word for source, target in volumes.items() for word in ("--volume", f"{source}:{target}")]
        words = ("build", "--isolation", "chroot", "--pull-never", "--format", "docker", "--tag", image)
        self.call(*words, *given, *mounts, context, seconds=BUILD_SECONDS)

    def config(self, image: str) -> dict[str, Any]:
        """What the Dockerfile says of how the image is run."""
        config: dict[str, Any] = json.loads(self.call("inspect", "--type", "image", image))["Docker"]["config"]
        return config

    def line_in(
        self, container: str, words: Sequence[str], *, user: str, env: Mapping[str, str], volumes: Mapping[Path, str]
    ) -> list[str]:
        """The command line that runs a program as a user without capabilities, where only volumes can be written.

        `buildah run` has no --read-only, so root makes the root read-only in there, and then gives up being root.
        """
        given = [word for name, value in env.items() for word in ("--env", f"{name}={value}")]
        mounts = [word for source, target in volumes.items() for word in ("--volume", f"{source}:{target}:ro")]
        as_root = ("--user", "0:0", "--cap-add", "CAP_SYS_ADMIN")
        without_rights = f"setpriv --reuid {user} --regid {user} --init-groups --bounding-set=-all --inh-caps=-all"
        shell = ("sh", "-c", f'mount -o remount,bind,ro / && exec {without_rights} -- "$@"', "sh")
        run = ("run", "--isolation", "chroot", *as_root, *given, *mounts, container, "--")
        return self.line(*run, *shell, *words)
