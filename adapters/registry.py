"""The only list of clouds: the kind named in muster.toml → what opens it. A new cloud is one line here."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from adapters.again import Again
from adapters.cloudtower.client import Login
from adapters.cloudtower.cloud import CloudTowerCloud
from adapters.openstack.cloud import OpenStackCloud
from adapters.openstack.rehome import Rehoming
from adapters.openstack.runner import Local, Runner, Ssh
from adapters.openstack.session import Session
from adapters.redfish.bmcs import Bmc, Bmcs
from bot.domain.cloud import AnyCloud
from bot.domain.plan import By

BMC_SECONDS = 10.0
"""How long a BMC may be silent: one that died with its host keeps nobody waiting longer."""


@dataclass(frozen=True, kw_only=True)
class Time:
    """How an adapter reads the time and waits for it."""

    now: Callable[[], datetime]  #: the date, aware UTC: to be held against dates of the cloud
    steady: Callable[[], datetime]  #: aware UTC, moved on by nothing but time: for spans
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
    rehoming, runner = _rehoming(options["cinder"])
    timeout: float = options["api_timeout"]
    session = Session.of(options["cloud"], clouds_yaml=clouds_file, timeout=timeout, again=Again(sleep=time.sleep))
    return OpenStackCloud(
        name=options["name"],
        session=session,
        concurrency=options["concurrency"],
        rate=options["rate"],
        poll=options["poll"],
        now=time.now,
        evacuated_vms=options["evacuated_vms"],
        bring_back=options["bring_back"],
        deadline=options["deadline"],
        late=options["late"],
        shared_storage=options["shared_storage"],
        minimum_version=options["minimum_version"],
        platform_version=options["platform_version"],
        lock_vms=options["lock_vms"],
        priority_metadata=options["priority_metadata"],
        bmcs=_bmcs(options["redfish"], time, timeout=timeout),
        fence=options["fence"],
        rehoming=rehoming,
        runner=runner,
    )


def _bmcs(entries: Mapping[str, Options], time: Time, *, timeout: float) -> Bmcs:
    known = {
        host: Bmc(url=entry["url"], username=entry["username"], password=entry["password"], verify=_verify(entry))
        for host, entry in entries.items()
    }
    return Bmcs(known, now=time.steady, timeout=min(timeout, BMC_SECONDS))


def _verify(options: Options) -> bool | str:
    """How a server's certificate is checked: by the system's authorities, by those in a file, or not at all."""
    ca_file: Path | None = options["ca_file"]
    return False if options["insecure"] else str(ca_file) if ca_file else True


def _rehoming(cinder: Options) -> tuple[Rehoming, Runner | None]:
    """Who runs `cinder-manage`, and how, by `[clouds.cinder]`."""
    match cinder["runner"]:
        case "ssh":
            where = {name: cinder[name] for name in ("host", "user", "port", "key_file", "known_hosts")}
            runner: Runner = Ssh(**where, command=cinder["command"])
        case "local":
            runner = Local(command=cinder["command"])
        case "manual":
            return Rehoming(by=By.PERSON, command=cinder["command"]), None
        case _:
            return Rehoming(), None
    return Rehoming(by=By.MUSTER, command=cinder["command"]), runner


def _cloudtower(options: Options, time: Time) -> AnyCloud:
    token: str = options["token"]
    login = (
        None if token else Login(username=options["username"], password=options["password"], source=options["source"])
    )
    return CloudTowerCloud(
        name=options["name"],
        url=options["url"],
        token=token or None,
        login=login,
        verify=_verify(options),
        concurrency=options["concurrency"],
        poll=options["poll"],
        now=time.now,
        steady=time.steady,
        sleep=time.sleep,
        timeout=options["api_timeout"],
    )


KINDS: Mapping[str, Callable[[Options, Time], AnyCloud]] = {"openstack": _openstack, "cloudtower": _cloudtower}
