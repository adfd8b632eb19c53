"""Whether VMs can be locked while they are moved. Pure."""

from collections.abc import Iterator

from adapters.openstack.settings import OpenStackSettings
from adapters.openstack.wire import versions
from adapters.openstack.wire.versions import Microversion
from bot.domain.plans.plan import Finding, Topic, Verdict


def findings(highest: Microversion, settings: OpenStackSettings) -> Iterator[Finding]:
    """Whether VMs can be locked so that Muster knows its own locks again."""
    if settings.lock_vms and highest < versions.LOCK_REASON:
        yield Finding(
            code="cannot-lock",
            verdict=Verdict.WARNING,
            topic=Topic.VERSION,
            sentence=f"VMs are not locked meanwhile: this Nova ({versions.spoken(highest)}) keeps no reason with"
            " a lock, so Muster could not tell its own from others'.",
            remedy="Tell their owners to leave them alone until this has ended.",
        )
