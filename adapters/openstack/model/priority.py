"""In which order VMs are moved: by the priority that their owners wrote into their metadata."""

from adapters.openstack.model.resources import Server

RANGE = range(-1000, 1001)
BEFORE_ALL = RANGE.stop  #: a turn before that of any VM


def of(server: Server, key: str) -> int | None:
    """What a server's metadata say of its turn, higher first; None when that is no number within bounds."""
    try:
        found = int(server.metadata.get(key, "0"))
    except ValueError:
        return None
    return found if found in RANGE else None


def turn(server: Server, key: str) -> int:
    """When a server is moved, higher first: what its metadata say, and 0 where that is nothing or no number.

    Args:
        server: the VM.
        key: the metadata that tell it; empty: none do.
    """
    return (of(server, key) or 0) if key else 0
