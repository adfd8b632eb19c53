"""The archive: everything that is stored, over SQLite or PostgreSQL."""

from bot.store.archive import SqlArchive
from bot.store.schema import ForeignSchema, upgrade

__all__ = ["ForeignSchema", "SqlArchive", "upgrade"]
