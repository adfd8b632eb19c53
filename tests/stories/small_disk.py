"""A disk that can be full: a small one in memory, which only those see who are started on it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 4096


@dataclass(frozen=True)
class SmallDisk:
    """The disk, which lasts as long as the process that holds it."""

    holder: int
    folder: Path  #: where it is, for those on it

    @property
    def within(self) -> Sequence[str]:
        """The words of a command that starts a program on it."""
        return ("nsenter", "--target", str(self.holder), "--user", "--mount", "--preserve-credentials")

    @property
    def seen_from_here(self) -> Path:
        """The same folder, for everybody else."""
        return Path(f"/proc/{self.holder}/root{self.folder}")

    def fill(self) -> None:
        """Take all the room that is left."""
        with (self.seen_from_here / "ballast").open("wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(_BLOCK))
            except OSError:
                return

    def make_room(self) -> None:
        """Give it back."""
        (self.seen_from_here / "ballast").unlink()


@asynccontextmanager
async def small_disk(folder: Path, *, mebibytes: int) -> AsyncIterator[SmallDisk]:
    """A disk of that size at a folder, in a mount namespace, for which nobody need be root."""
    mount = 'mount -t tmpfs -o size="$1"m none "$0" && echo mounted && exec cat'
    holder = await asyncio.create_subprocess_exec(
        "unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(folder), str(mebibytes),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert await holder.stdout.readline() == b"mounted\n"
        yield SmallDisk(holder.pid, folder)
    finally:
        holder.stdin.close()
        await holder.wait()
