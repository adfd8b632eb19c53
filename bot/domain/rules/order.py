"""What a person typed, understood but not yet judged: an order names a host that may not exist."""

from dataclasses import dataclass
from datetime import timedelta

from bot.domain.rules.calendar import When
from bot.domain.values import Action, Then


@dataclass(frozen=True, kw_only=True)
class Order:
    """A request in the person's own words."""

    action: Action
    host: str  #: as typed; must equal a host's name or id exactly
    cloud: str = ""  #: empty: the one cloud that has such a host
    check: bool = False  #: only show the plan
    to: str = ""
    vms: tuple[str, ...] = ()
    reason: str = ""
    then: Then = Then.NOTHING
    at: When | None = None  #: not to be started before; None: as soon as it is approved
    window: timedelta | None = None  #: how long from then on something may be started; None: open end
