"""Names of hosts: the order in which people expect them, and which of them are those of one host. Pure.

Nova, Cinder and the settings may call one host differently: by its full name, by its first label, in another case.
(Placement is joined by uuids, and where a port is bound Nova itself writes into Neutron.)
"""

import re
from collections.abc import Collection


def natural(name: str) -> tuple[tuple[str, int], ...]:
    """Sorts web-2 before web-10."""
    return tuple((text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name))


def may_be_one(name: str, other: str) -> bool:
    """Whether two names may be those of one host: in any case, and by the first label where one has no domain."""
    mine, its = name.casefold(), other.casefold()
    if "." not in mine or "." not in its:
        mine, its = mine.partition(".")[0], its.partition(".")[0]
    return mine == its


def meant(name: str, hosts: Collection[str]) -> tuple[str, ...]:
    """The hosts that a name may mean: that very one where there is one, else all whose name may be the same.

    Args:
        name: as another service writes it.
        hosts: as Nova does.
    """
    return (name,) if name in hosts else tuple(sorted(host for host in hosts if may_be_one(name, host)))
