"""What Cinder's managers hand over: the volumes of a pool, or the backups of a host, from an old one to a new one."""

from dataclasses import dataclass

from adapters.openstack.model.resources import Backup, Volume


@dataclass(frozen=True, kw_only=True)
class Handover:
    """What is given from one manager to another."""

    old: str
    new: str = ""  #: empty: it stays
    volumes: tuple[Volume, ...] = ()
    backups: tuple[Backup, ...] | None = None  #: of a move of backups: None too when nobody could tell which
    others: tuple[str, ...] = ()  #: names that would have done as well
    why: str = ""  #: it stays, as the end of "they stay where they are: "

    @property
    def is_of_backups(self) -> bool:
        """Whether it is the backups of a host, not the volumes of a pool."""
        return not self.volumes
