"""What the law needs of the rooms around it: a clock, a bell, an archive, and somebody who knows the people."""

from bot.domain.audit import AuditEvent, Entry, Recorded
from bot.domain.ports.clock import Bell, Clock
from bot.domain.ports.failures import LeaseLost, Stale, StoreFailed, StoreInUse
from bot.domain.ports.leases import LEFT_TO_OTHERS
from bot.domain.ports.people import People
from bot.domain.ports.records import ANSWER_AT, Card, Copy, Delivery, Lead, Lease, Outgoing
from bot.domain.ports.unit import Archive, Rank, Unit

__all__ = [
    "ANSWER_AT",
    "LEFT_TO_OTHERS",
    "Archive",
    "AuditEvent",
    "Bell",
    "Card",
    "Clock",
    "Copy",
    "Delivery",
    "Entry",
    "Lead",
    "Lease",
    "LeaseLost",
    "Outgoing",
    "People",
    "Rank",
    "Recorded",
    "Stale",
    "StoreFailed",
    "StoreInUse",
    "Unit",
]
