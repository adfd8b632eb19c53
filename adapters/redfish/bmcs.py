"""The one place that talks to baseboard controllers: `sushy`, a blocking library, on threads with a deadline.

Each question opens its own connection and logs in by basic authentication: nothing is left behind on a BMC, which has
few sessions to give. Sushy repeats calls whose answer is lost, even those that change something (5.14: three times
unless told otherwise, and once more when an iDRAC or iLO says that it is not ready); here each is made once, and a
reading that failed in passing is made again as a whole, as reads of a cloud are.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import requests
from sushy import Sushy
from sushy import exceptions as sushy
from sushy.auth import BasicAuth
from sushy.connector import Connector
from sushy.resources.constants import ResetType
from sushy.resources.system.system import System

from adapters.redfish.power import PowerReading
from adapters.retries import Passing
from adapters.threads import Wanted, on_thread
from bot.domain.cloud import CloudError, Refused, Unreachable
from bot.domain.counting import counted, listed
from bot.retry_policy import RetryPolicy

T = TypeVar("T")
_RAW_LIMIT = 600
_APART = timedelta(seconds=3)  #: between two readings that count as two; less may be one and the same of the BMC
_NO_REDFISH = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,  # lists in lists without an end
    sushy.MissingAttributeError,
    sushy.MalformedAttributeError,
)
_NOT_TAKEN = frozenset({408, 413, 425, 429})  #: 4xx answers that are about the moment, not about the request
_SETTINGS = "[clouds.fencing.redfish]"


@dataclass(frozen=True, kw_only=True)
class Bmc:
    """How to reach one machine's."""

    url: str  #: of its ComputerSystem: https://bmc-89/redfish/v1/Systems/1
    username: str
    password: str = field(repr=False)
    verify: bool | str = True  #: whether its certificate is checked, or the file of the authority that signed it

    @property
    def origin(self) -> str:
        """Scheme and authority."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{rest.partition('/')[0]}"

    @property
    def path(self) -> str:
        """Of the ComputerSystem."""
        return self.url.removeprefix(self.origin)

    @property
    def root(self) -> str:
        """Of the Redfish service."""
        return self.path.partition("Systems/")[0]


class _Once(Connector):  # type: ignore[misc]  # sushy has no types
    """Makes each call once."""

    def get(self, path: str = "", data: Any = None, **more: Any) -> requests.Response:
        answer: requests.Response = super().get(path, data=data, server_side_retries_left=0, **more)
        return answer

    def post(self, path: str = "", data: Any = None, **more: Any) -> requests.Response:
        answer: requests.Response = super().post(path, data=data, server_side_retries_left=0, **more)
        return answer


class Bmcs:
    """The BMCs of a cloud's hosts.

    Args:
        known: by the exact name of the host.
        now: aware UTC; only spans between two of its moments count, so nothing but time may move it on.
        again: how readings are repeated; None: not at all.
        timeout: seconds that a socket may be silent, and after which no reading is repeated. A question as a whole is
            given up after three times as long.
    """

    def __init__(
        self,
        known: Mapping[str, Bmc],
        *,
        now: Callable[[], datetime],
        again: RetryPolicy | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._known = dict(known)
        self._again = again
        self._steady = now
        self._timeout = timeout
        self._off: dict[str, tuple[int, datetime]] = {}  #: readings in a row, and when the last that counted was
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="redfish")
        self._crowd = ThreadPoolExecutor(
            max_workers=8, thread_name_prefix="redfish-many"
        )  #: silent ones hold up no other

    def __len__(self) -> int:
        return len(self._known)

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of the hosts that have one."""
        return tuple(self._known)

    def __contains__(self, host: str) -> bool:
        return host in self._known

    async def read(self, host: str) -> PowerReading:
        """What the BMC of a host that has one says of its power, and for how many readings it has been off.

        The count lives in memory only: after a restart, and after a reading that failed, it begins anew, which costs a
        few seconds.

        Raises:
            Refused, Unreachable: it says nothing, or what is no power state.
        """
        return await self._read(host, self._pool)

    async def read_each(self, hosts: Collection[str], *, within: float) -> Mapping[str, PowerReading]:
        """What the BMCs of several hosts say, asked side by side; why, where one says nothing.

        Args:
            hosts: each has one.
            within: seconds that all of them have together.
        """

        async def one(host: str) -> PowerReading:
            try:
                async with asyncio.timeout(within):
                    return await self._read(host, self._crowd)
            except CloudError as error:
                return PowerReading(silence=error.sentence)
            except TimeoutError:
                return PowerReading(silence=f"The BMC of {host} did not answer within {within:g} s.")

        return dict(zip(hosts, await asyncio.gather(*map(one, hosts)), strict=True))

    async def _read(self, host: str, pool: ThreadPoolExecutor) -> PowerReading:
        def call(system: System, _: Wanted) -> PowerReading:
            state = system.power_state
            if state is None:
                raise Unreachable(f"The BMC of {host} does not report its power.", remedy="Look at its own console.")
            return PowerReading(state=state.value, host_name=str(system.hostname or ""))

        async def ask() -> PowerReading:
            return await self._ask(host, call, doing="read its power", pool=pool)

        try:
            reading = await (self._again.of(ask, seconds=self._timeout) if self._again else ask())
        except BaseException:
            self._off.pop(host, None)
            raise
        return replace(reading, times=self._count(host, is_off=reading.is_off))

    def _count(self, host: str, *, is_off: bool) -> int:
        if not is_off:
            self._off.pop(host, None)
            return 0
        read_at = self._steady()
        times, last = self._off.get(host, (0, read_at - _APART))
        if read_at - last >= _APART:
            times, last = times + 1, read_at
        self._off[host] = (times, last)
        return times

    async def force_off(self, host: str) -> None:
        """Take the power from a host that has a BMC: `ComputerSystem.Reset` with `ForceOff`. Made once.

        Raises:
            Refused: nothing took effect.
            Unreachable: its fate is unknown.
        """

        def call(system: System, wanted: Wanted) -> None:
            wanted.ensure()  # the login may have taken too long
            system.reset_system(ResetType.FORCE_OFF)

        await self._ask(host, call, doing="power it off", pool=self._pool)

    async def complaints(self) -> Sequence[str]:
        """What is wrong with them, each cause once, with remedies; empty when all answer."""
        asked = await asyncio.gather(*(self.read(host) for host in self._known), return_exceptions=True)
        alike: dict[str, list[str]] = {}  # hosts, by what is said of each without its name
        found: dict[str, str] = {}
        for host, answer in zip(self._known, asked, strict=True):
            if isinstance(answer, CloudError):
                said = str(answer)
            elif isinstance(answer, BaseException):
                raise answer
            elif answer.contradicts(host):
                said = f"The BMC configured for {host} belongs to {answer.host_name}. Correct {_SETTINGS}."
            else:
                continue
            cause = said.replace(host, _ITS_HOST)
            found.setdefault(cause, said)
            alike.setdefault(cause, []).append(host)
        return [_of_all(found[cause], hosts) for cause, hosts in alike.items()]

    async def aclose(self) -> None:
        """Questions that wait for a thread are never asked."""
        for pool in (self._pool, self._crowd):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, host: str, call: Callable[[System, Wanted], T], *, doing: str, pool: ThreadPoolExecutor) -> T:
        """The one way onto a thread, with errors translated."""
        bmc = self._known[host]
        try:
            return await on_thread(pool, partial(self._with_system, bmc, call), seconds=3 * self._timeout)
        except (sushy.SushyError, OSError, *_NO_REDFISH) as error:
            raise _translated(error, host=host, doing=doing) from error

    def _with_system(self, bmc: Bmc, call: Callable[[System, Wanted], T], wanted: Wanted) -> T:
        connector = _Once(bmc.origin, verify=bmc.verify, server_side_retries=1, default_request_timeout=self._timeout)
        try:
            auth = BasicAuth(username=bmc.username, password=bmc.password)
            service = Sushy(bmc.origin, root_prefix=bmc.root, auth=auth, connector=connector)
            return call(_known(service.get_system(bmc.path), bmc), wanted)
        finally:
            connector.close()


def _of_all(said: str, hosts: Sequence[str]) -> str:
    """What is said of one host, and of which others the same is to be said."""
    others = hosts[1:]
    if not others:
        return said
    return f"{said} The same of {counted(len(others), 'other host')}: {listed(others, most=_MOST_NAMED)}."


_ITS_HOST = "\0"
_MOST_NAMED = 50


class _Stranger(ValueError):
    """What answered is not the machine that was asked for: its text says what it is."""


def _known(system: System, bmc: Bmc) -> System:
    """The system, when it says itself that it is the one that was asked for (DSP0266 requires both properties).

    Raises:
        _Stranger: it is something else, or another machine, as a proxy or a chassis may answer.
    """
    kind, path = system.json.get("@odata.type"), system.json.get("@odata.id")
    if not isinstance(kind, str) or not kind.startswith("#ComputerSystem."):
        raise _Stranger(f"{kind or 'something without a type'} instead of a ComputerSystem")
    if not isinstance(path, str) or path.rstrip("/") != bmc.path.rstrip("/"):
        raise _Stranger(f"the system {path} instead of {bmc.path}")
    return system


def _translated(error: Exception, *, host: str, doing: str) -> CloudError:
    """What an exception of sushy, requests or the network means, or an answer that is no Redfish."""
    raw = f"{type(error).__name__}: {error}"[:_RAW_LIMIT]
    whose = f"The BMC of {host}"
    match error:
        case sushy.AccessError(status_code=403):
            remedy = f"Give the user of {host} in {_SETTINGS} the right to read and switch power (Operator)."
            return Refused(f"{whose} does not let Muster {doing}.", remedy=remedy, raw=raw)
        case sushy.AccessError():
            remedy = f"Correct `username` and the password of {host} in {_SETTINGS}, then run `muster check`."
            return Refused(f"{whose} does not accept Muster's credentials.", remedy=remedy, raw=raw)
        case sushy.ResourceNotFoundError():
            remedy = f"Correct `url` of {host} in {_SETTINGS}: it ends with /redfish/v1/Systems/ and the system's id."
            return Refused(f"{whose} knows no such system.", remedy=remedy, raw=raw)
        case sushy.HTTPError(status_code=status) if status >= 500 or status in _NOT_TAKEN:
            return _silent(raw, host=host, doing=doing)
        case sushy.HTTPError() | sushy.InvalidParameterValueError() | sushy.MissingActionError():
            why = str(getattr(error, "detail", None) or "it does not offer that").rstrip(".")
            return Refused(f"{whose} refused to {doing}: {why}.", remedy="Use its own console.", raw=raw)
        case (
            ValueError()
            | LookupError()
            | TypeError()
            | AttributeError()
            | RecursionError()
            | sushy.MissingAttributeError()
            | sushy.MalformedAttributeError()
        ):
            remedy = f"Check that `url` of {host} in {_SETTINGS} is the system's own address (its `@odata.id`)."
            why = f": it shows {error}"[:_RAW_LIMIT] if isinstance(error, _Stranger) else ""
            return Unreachable(f"{whose} does not answer as Redfish does{why}.", remedy=remedy, raw=raw)
    return _silent(raw, host=host, doing=doing)


def _silent(raw: str, *, host: str, doing: str) -> Unreachable:
    if "SSL" in raw and "certificate" in raw.casefold():
        remedy = f"Set `ca_file` of {host} in {_SETTINGS} to the authority that signed it."
        return Unreachable(f"The certificate of the BMC of {host} is not trusted.", remedy=remedy, raw=raw)
    remedy = "Check that it has power and that Muster reaches its network."
    return Passing(f"The BMC of {host} did not answer when asked to {doing}.", remedy=remedy, raw=raw)
