"""Everything read to judge a request about one host of an OpenStack cloud."""

from dataclasses import dataclass, field

from adapters.openstack.model.computes import Computes
from adapters.openstack.model.resources import Storage, Unanswered
from adapters.openstack.model.rooms import Rooms
from adapters.openstack.model.servers import Servers
from adapters.openstack.wire.versions import Microversion
from bot.domain.cloud import NO_BOOKS, Books


@dataclass(frozen=True, kw_only=True)
class OpenStackSurvey:
    """What was read at one time. Who judges takes the part that the judgement is about."""

    computes: Computes
    highest: Microversion  #: that Nova offers
    servers: Servers = field(default_factory=Servers)
    rooms: Rooms = field(default_factory=Rooms)
    storage: Storage | None = None  #: None: the cloud has no Cinder
    books: Books = NO_BOOKS  #: what Muster itself knows
    unanswered: tuple[Unanswered, ...] = ()  #: questions that nothing depends on but accuracy
