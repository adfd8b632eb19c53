"""What an operator says about a CloudTower: every key of its entry in muster.toml."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from bot.domain.settings import kinds
from bot.domain.settings.cloud_settings import Certified, CloudSettings
from bot.domain.settings.secret import Secret
from bot.domain.settings.table import Complaint, Said, missing, wrong


def _tower_address(value: str) -> str:
    address = kinds.web_address(value).rstrip("/")
    if not address.endswith("/v2/api"):
        raise wrong("does not end with /v2/api.", f'The API of CloudTower lives there: "{address}/v2/api".')
    return address


class CloudTowerSettings(CloudSettings, Certified):
    """A cloud of kind "cloudtower": either a token or a user name with a password."""

    url: Annotated[str, AfterValidator(_tower_address)]  #: ends with /v2/api, without a slash behind it
    token_env: kinds.SecretOfVariable | None = None
    token_file: kinds.SecretOfFile | None = None
    username: kinds.Text = ""
    password_env: kinds.SecretOfVariable | None = None
    password_file: kinds.SecretOfFile | None = None
    source: Literal["LOCAL", "LDAP"] = "LOCAL"  #: where that user is known
    concurrency: Annotated[int, Field(ge=1, le=100)] = 10  #: steps in flight at most; CloudTower itself paces the VMs

    @classmethod
    def complaints(cls, said: Said) -> Iterator[Complaint]:
        """See `Table.complaints`."""
        yield from super().complaints(said)
        with_token = "token_env" in said or "token_file" in said
        with_name = any(key in said for key in ("username", "password_env", "password_file"))
        if with_token and with_name:
            yield "username", wrong("is set, and so is a token.", "Keep only one way to log in.")
        if with_name and "username" not in said:
            yield "username", wrong("is missing.", "Add the user whose password this is.")
        yield from missing(said, "password" if with_name else "token")

    @property
    def token(self) -> Secret:
        """A token or an API key; empty: there is a user with a password."""
        return self.token_env or self.token_file or Secret("")

    @property
    def password(self) -> Secret:
        """Of the user; empty: there is a token."""
        return self.password_env or self.password_file or Secret("")
