"""What the settings of every cloud have, and of every server whose certificate is checked."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from bot.domain.settings import kinds
from bot.domain.settings.table import Complaint, Said, Table, wrong


class CloudSettings(Table):
    """An entry of `[[clouds]]`. Each kind of cloud adds its own keys, in its own folder."""

    name: kinds.CloudName  #: what people type before the host
    kind: kinds.Text  #: its line in the registry
    poll: kinds.Poll = timedelta(seconds=2)  #: between two looks
    api_timeout: kinds.Timeout = timedelta(seconds=30)  #: of one call

    @property
    def advice(self) -> Sequence[str]:
        """What is set and costs more than people may know, a sentence each."""
        return ()


class Certified(Table):
    """A server that is reached over TLS."""

    ca_file: kinds.Certificate | None = None  #: of a private certificate authority
    insecure: bool = False  #: whether its certificate is not checked

    @classmethod
    def complaints(cls, said: Said) -> Iterator[Complaint]:
        """See `Table.complaints`."""
        yield from super().complaints(said)
        if said.get("insecure") is True and "ca_file" in said:
            yield "insecure", wrong("makes ca_file meaningless.", "Remove one of them.")

    @property
    def verify(self) -> bool | str:
        """How its certificate is checked: by the system's authorities, by those in a file, or not at all."""
        return False if self.insecure else str(self.ca_file) if self.ca_file else True
