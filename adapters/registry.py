"""The only list of clouds: the kind named in muster.toml → its settings, and what opens it. A new cloud is one line."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from adapters.cloudtower.cloud import CloudTowerCloud
from adapters.cloudtower.settings import CloudTowerSettings
from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.settings import OpenStackSettings
from bot.domain.cloud import AnyCloud
from bot.domain.ports import Clock
from bot.domain.settings.cloud_settings import CloudSettings


class CloudKind(NamedTuple):
    """A kind of cloud."""

    settings: type[CloudSettings]
    open: Callable[[Any, Clock], AnyCloud]  #: makes one of such settings; nothing is asked of it yet


Kinds: TypeAlias = Mapping[str, CloudKind]

CLOUDS: Kinds = {
    "openstack": CloudKind(OpenStackSettings, OpenStackCloud.open),
    "cloudtower": CloudKind(CloudTowerSettings, CloudTowerCloud.open),
}
