"""The only list of clouds: the kind named in muster.toml → what opens it. A new cloud is one line here."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from adapters.cloudtower.client import Login
from adapters.cloudtower.cloud import CloudTowerCloud
from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.session import Session
from bot.domain.cloud import AnyCloud


@dataclass(frozen=True, kw_only=True)
class Time:
    """How an adapter reads the time and waits for it."""

    now: Callable[[], datetime]  #: aware UTC
    sleep: Callable[[float], Awaitable[None]]  #: seconds


Options: TypeAlias = Mapping[str, Any]
"""The settings of one cloud by name; each kind says below which it takes."""


def open_cloud(kind: str, options: Options, time: Time) -> AnyCloud:
    """A cloud of that kind. Nothing is asked of it yet.

    Args:
        kind: one of `KINDS`.
        options: its settings; secrets in the clear.
        time: the clock.
    """
    return KINDS[kind](options, time)


def _openstack(options: Options, time: Time) -> AnyCloud:
    clouds_file: Path | None = options["clouds_file"]
    return OpenStackCloud(
        name=options["name"],
        session=Session.of(options["cloud"], clouds_yaml=clouds_file, timeout=options["api_timeout"]),
        concurrency=options["concurrency"],
        poll=options["poll"],
        now=time.now,
        evacuated_vms=options["evacuated_vms"],
        shared_storage=options["shared_storage"],
        minimum_version=options["minimum_version"],
        platform_version=options["platform_version"],
        priority_metadata=options["priority_metadata"],
    )


def _cloudtower(options: Options, time: Time) -> AnyCloud:
    token: str = options["token"]
    ca_file: Path | None = options["ca_file"]
    login = (
        None if token else Login(username=options["username"], password=options["password"], source=options["source"])
    )
    verify: bool | str = False if options["insecure"] else str(ca_file) if ca_file else True
    return CloudTowerCloud(
        name=options["name"],
        url=options["url"],
        token=token or None,
        login=login,
        verify=verify,
        concurrency=options["concurrency"],
        poll=options["poll"],
        now=time.now,
        sleep=time.sleep,
        timeout=options["api_timeout"],
    )


KINDS: Mapping[str, Callable[[Options, Time], AnyCloud]] = {"openstack": _openstack, "cloudtower": _cloudtower}
