"""What an operator says about the baseboard controller of one host."""

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator

from bot.domain.settings import kinds
from bot.domain.settings.cloud_settings import Certified
from bot.domain.settings.secret import Secret
from bot.domain.settings.table import Complaint, Said, missing, wrong


def _system_address(value: str) -> str:
    address = kinds.web_address(value).rstrip("/")
    if not re.search(r"/Systems/[^/?#]+$", address):
        raise wrong("names no system.", 'Redfish has one for each machine: "https://bmc-89/redfish/v1/Systems/1".')
    return address


class BmcSettings(Certified):
    """One entry of `[clouds.fencing.redfish]`."""

    url: Annotated[str, AfterValidator(_system_address)]  #: of its ComputerSystem, without a slash behind it
    username: kinds.Text = "root"
    password_env: kinds.SecretOfVariable | None = None
    password_file: kinds.SecretOfFile | None = None

    @classmethod
    def complaints(cls, said: Said) -> Iterator[Complaint]:
        """See `Table.complaints`."""
        yield from super().complaints(said)
        yield from missing(said, "password")

    @property
    def password(self) -> Secret:
        """Of that user."""
        return self.password_env or self.password_file or Secret("")
