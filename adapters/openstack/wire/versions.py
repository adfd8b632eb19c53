"""Microversions and platform versions: which are needed, which is chosen. Pure."""

from typing import NewType

Microversion = NewType("Microversion", tuple[int, ...])

OLDEST = Microversion((2, 25))
"""The oldest that Muster works with (Mitaka): records say their type, and Nova finds out itself where disks are."""
SERVICES = Microversion((2, 53))  #: services have uuids, and hypervisors those of their providers
FORCED_DOWN = Microversion((2, 11))  #: services are forced down, by host and binary up to 2.52
PAGES = Microversion((2, 33))  #: hypervisors come in pages
FLAVORS = Microversion((2, 47))  #: servers say what is in their flavor
GROUPS = Microversion((2, 64))  #: server groups say their one policy
MIGRATIONS = Microversion((2, 59))  #: migrations have uuids and pages
SHARES = Microversion((2, 97))  #: Manila shares are attached to servers, and listed by server
SERVERS = Microversion((2, 98))  #: servers say the zone that they are pinned to (2.96) and their image's properties
CHANGES = Microversion((2, 66))  #: servers can be listed by when they were changed last
NAMES = Microversion((2, 75))  #: a hypervisor that is asked for its servers always says so, also that it has none
SHADOWS = Microversion((2, 69))  #: servers of a cell that does not answer are listed, with next to nothing in them
LOCK_REASON = Microversion((2, 73))  #: a lock keeps a reason, and servers can be listed by whether they are locked
EVENTS = Microversion((2, 84))  #: events of a VM's action log say in words what went wrong
COLD_TARGET = Microversion((2, 56))  #: a cold migration can be told its target
VALIDATED = Microversion((2, 30))  #: a host named for a move goes past the scheduler no more (evacuation: 2.29)
UNFORCED = Microversion((2, 68))  #: nobody can force a live migration past the scheduler any more
COMES_UP_STOPPED = Microversion((2, 95))  #: from here on an evacuated VM is left stopped
BACKEND_STATES = Microversion((3, 49))  #: Cinder's services say whether their driver is up
VOLUMES = Microversion((3, 61))  #: volumes say which service (from 3.48) and which cluster they belong to
TRAITS = Microversion((1, 6))  #: Placement's providers tell what they can do
SUMMARIES = Microversion((1, 27))  #: Placement's summaries tell of all resource classes
TREES = Microversion((1, 29))  #: Placement's summaries tell to which host a nested provider belongs


def spoken(version: Microversion) -> str:
    """As it stands in a header: "2.53"."""
    return ".".join(str(part) for part in version)


def up_to(wanted: Microversion, highest: Microversion) -> str:
    """The wanted one, or the highest that the cloud offers below it."""
    return spoken(min(wanted, highest))


def for_evacuation(highest: Microversion, *, stopped: bool) -> str:
    """The microversion to evacuate with.

    Args:
        highest: the highest that the cloud offers.
        stopped: whether VMs shall be left stopped, which only 2.95 and later can do.
    """
    if stopped and highest >= COMES_UP_STOPPED:
        return spoken(COMES_UP_STOPPED)
    return up_to(Microversion((2, 94)), highest)


def leaves_stopped(microversion: str) -> bool:
    """Whether an evacuation at this microversion leaves a running VM stopped."""
    return dotted(microversion) >= COMES_UP_STOPPED


def dotted(version: str) -> tuple[int, ...]:
    """A dotted version as numbers: "6.4.3.0.0.0".

    Raises:
        ValueError: it has a part that is no number.
    """
    return tuple(int(part) for part in version.strip().removeprefix("v").split("."))


def is_below(version: str, minimum: str) -> bool:
    """Whether one dotted version is lower than another; missing parts count as 0.

    Raises:
        ValueError: one of them is no dotted version.
    """
    mine, least = dotted(version), dotted(minimum)
    length = max(len(mine), len(least))
    return mine + (0,) * (length - len(mine)) < least + (0,) * (length - len(least))
