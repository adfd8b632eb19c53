"""What Nova refuses to do to a VM for what it is made of: its own rules, in one table for all ways of moving one. Pure.

Read in Nova 34 (2026.2), nova/compute/api.py: the decorators `block_…` and `reject_…` of `evacuate`, `live_migrate` and
`resize`, which is what a cold migration is. Where a newer release allows it, the highest microversion tells that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.openstack.model.resources import Server
from adapters.openstack.steps.moves import ways
from adapters.openstack.steps.moves.cold import COLD
from adapters.openstack.steps.moves.evacuate import EVACUATE
from adapters.openstack.steps.moves.live import LIVE
from adapters.openstack.wire.versions import Microversion

_NEVER = Microversion((9, 9))
_WALLABY, _ZED, _GAZPACHO = Microversion((2, 88)), Microversion((2, 93)), Microversion((2, 103))
_ACCELERATED = frozenset({"accelerator-direct", "accelerator-direct-physical"})
_DONE = {EVACUATE: "evacuate", LIVE: "live-migrate", COLD: "migrate"}


@dataclass(frozen=True, kw_only=True)
class NovaRule:
    """One thing that Nova does not move."""

    what: str  #: as the end of "it has"
    has: Callable[[Server], bool]
    allowed: Mapping[str, Microversion]  #: by verb, from which highest microversion on; a verb that is missing: always
    way: str  #: how people get it moved all the same


RULES = (
    NovaRule(
        what="a Manila share attached",
        has=lambda s: bool(s.shares),
        allowed={EVACUATE: _NEVER, LIVE: _NEVER, COLD: _NEVER},
        way="Have its owner stop it and detach the share",
    ),
    NovaRule(
        what="a port with an accelerator",
        has=lambda s: bool(s.ports & _ACCELERATED),
        allowed={EVACUATE: _NEVER, LIVE: _NEVER, COLD: _NEVER},
        way="Have its owner detach that port",
    ),
    NovaRule(
        what="an accelerator",
        has=lambda s: s.has_accelerator,
        allowed={EVACUATE: _WALLABY, LIVE: _NEVER, COLD: _NEVER},
        way="Have its owner shelve and unshelve it, or make it anew elsewhere",
    ),
    NovaRule(
        what="a vTPM",
        has=lambda s: s.has_vtpm and not s.has_portable_vtpm,
        allowed={EVACUATE: _NEVER, LIVE: _NEVER},
        way="Once it is stopped, it can be migrated",
    ),
    NovaRule(
        what="a vTPM",
        has=lambda s: s.has_vtpm and s.has_portable_vtpm,
        allowed={EVACUATE: _NEVER, LIVE: _GAZPACHO},
        way="Once it is stopped, it can be migrated",
    ),
    NovaRule(
        what="encrypted memory",
        has=lambda s: s.has_encrypted_memory,
        allowed={LIVE: _NEVER},
        way="Once it is stopped, it can be migrated",
    ),
    NovaRule(
        what="a vDPA port",
        has=lambda s: "vdpa" in s.ports,
        allowed={LIVE: _ZED},
        way="Once it is stopped, it can be migrated",
    ),
)


def against(server: Server, verb: str, highest: Microversion) -> str:
    """Why Nova refuses this way of moving a server, as the end of "it …"; empty when it does not.

    Args:
        server: the VM.
        verb: one of `MOVES`.
        highest: the microversion that Nova offers.
    """
    rules = [r for r in RULES if highest < r.allowed.get(verb, highest) and r.has(server)]
    if not rules:
        return ""
    what = " and ".join(rule.what for rule in rules)
    way = "It comes back when its host does." if verb == EVACUATE else rules[0].way
    return f"has {what}: Nova does not {_DONE[verb]} that. {way}"


def against_moving(server: Server, highest: Microversion) -> str:
    """The same of moving it off a living host: live when it runs, else cold."""
    return against(server, ways.between_living(server), highest)
