"""The one place that talks to OpenStack: a blocking library, on an own small pool of threads.

openstacksdk reads clouds.yaml and logs in; the calls themselves are made on its adapters with an explicit microversion,
because its resource layer negotiates one (4.22 would evacuate at 2.95 and above, which leaves VMs stopped) and filters
some lists on the client. No call is ever repeated here, except once after a 401, which proves that nothing happened.
"""

import asyncio
import threading
import warnings
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import requests
from keystoneauth1 import exceptions as keystone
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack import exceptions as sdk
from openstack.config import OpenStackConfig
from openstack.config.cloud_region import CloudRegion
from openstack.warnings import RemovedInSDK60Warning

from adapters.openstack import errors
from adapters.openstack.versions import Microversion
from bot.domain.cloud import Refused, Unreachable

T = TypeVar("T")
PAGE = 1000  #: the largest page that Nova and Cinder give by default
_WORST = (keystone.ClientException, sdk.SDKException, requests.RequestException, OSError, ValueError)
_VERSIONS = {
    "compute": ("2.1", "2.latest"),
    "block-storage": ("3.0", "3.latest"),
    "identity": ("3", "3.latest"),
    "network": ("2", "2.latest"),
}


class Offer(NamedTuple):
    """The microversions a service offers."""

    lowest: Microversion
    highest: Microversion


class Session:
    """Calls to one cloud.

    Args:
        region: reads the configuration; called once, on a thread, at the first call. Its `api_timeout` must be
            `timeout`.
        timeout: seconds that a socket may be silent. A call as a whole, with its turn on a thread and a login that
            may come first, is given up after three times as long.
        workers: calls in flight at most.
    """

    def __init__(self, region: Callable[[], CloudRegion], *, timeout: float = 30.0, workers: int = 8) -> None:
        self.timeout = timeout
        self._region = region
        self._workers = workers
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="openstack")
        self._lock = threading.Lock()
        self._known: CloudRegion | None = None
        self._adapters: dict[str, Adapter] = {}
        self._offers: dict[str, Offer | None] = {}

    @classmethod
    def of(cls, cloud: str, *, clouds_yaml: Path | None = None, timeout: float = 30.0, workers: int = 8) -> "Session":
        """The session of an entry of clouds.yaml.

        Args:
            cloud: the entry's name.
            clouds_yaml: the file; None: where every OpenStack tool looks for it. A secure.yaml beside it is read too.
            timeout: as above, in seconds.
            workers: as above.
        """

        def region() -> CloudRegion:
            if clouds_yaml is None:
                config = OpenStackConfig(app_name="muster")
            else:
                secure = clouds_yaml.with_name("secure.yaml")
                config = OpenStackConfig(
                    config_files=[str(clouds_yaml)], secure_files=[str(secure)], load_envvars=False, app_name="muster"
                )
            with warnings.catch_warnings():  # openstacksdk 4.22 warns of InfluxDB even where nobody configured it
                warnings.simplefilter("ignore", category=RemovedInSDK60Warning)
                return config.get_one(cloud=cloud, api_timeout=timeout)

        return cls(region, timeout=timeout, workers=workers)

    @property
    def longest(self) -> float:
        """Seconds after which a call has ended, whatever came of it."""
        return 3 * self.timeout

    async def offer(self, service: str) -> Offer | None:
        """The microversions of a service; None when the cloud has no such service.

        Raises:
            Refused, Unreachable: could not ask.
        """
        if service not in self._offers:
            doing = f"tell which versions of {service} there are"
            self._offers[service] = await self._run(lambda _: self._ask_offer(service), service, doing)
        return self._offers[service]

    async def get(
        self, service: str, path: str, *, microversion: str = "", params: Mapping[str, Any] | None = None, doing: str
    ) -> Mapping[str, Any]:
        """Read one document.

        Args:
            service: its type, e.g. "compute".
            path: below the service's endpoint.
            microversion: sent when not empty.
            params: the query.
            doing: what is read, as a phrase that follows "to": "list compute services".

        Raises:
            Refused, Unreachable: no document came.
        """

        def call(_: threading.Event) -> Mapping[str, Any]:
            answer = self._send(service, "GET", path, microversion, params=dict(params or {}))
            if answer.status_code >= 300:
                raise errors.of_answer(answer.status_code, answer.text, service=service, doing=doing)
            found = answer.json()
            if not isinstance(found, Mapping):
                raise ValueError("the answer is not a JSON object")  # noqa: TRY004  # told like other bad answers
            return found

        return await self._run(call, service, doing)

    async def pages(
        self,
        service: str,
        path: str,
        key: str,
        *,
        microversion: str = "",
        params: Mapping[str, str] | None = None,
        marker: str = "id",
        doing: str,
    ) -> Sequence[Mapping[str, Any]]:
        """Read a list to its end, page by page.

        Args:
            service: as in `get`.
            path: as in `get`.
            key: under which the document holds the list; `<key>_links` tells of a next page.
            microversion: as in `get`.
            params: as in `get`.
            marker: the field of an item that the next page is asked by; empty: the list has no pages.
            doing: as in `get`.

        Raises:
            Refused, Unreachable: the list could not be read whole.
        """
        query = dict(params or {}) | ({"limit": str(PAGE)} if marker else {})
        found: list[Mapping[str, Any]] = []
        while True:
            page = await self.get(service, path, microversion=microversion, params=query, doing=doing)
            items = page.get(key, [])
            found += items
            links = page.get(f"{key}_links", [])
            if not marker or not items or not any(link.get("rel") == "next" for link in links):
                return found
            query = query | {"marker": str(items[-1][marker])}

    async def act(
        self, service: str, method: str, path: str, body: Mapping[str, Any] | None, *, microversion: str, doing: str
    ) -> str:
        """Make one call that changes something, once, and answer its request id.

        Raises:
            Refused: nothing took effect.
            Unreachable: its fate is unknown.
        """

        def call(abandoned: threading.Event) -> str:
            adapter = self._adapter(service)
            adapter.get_token()
            if abandoned.is_set():  # the login took so long that nobody waits any more: do not start it late
                raise TimeoutError("given up before it was sent")
            content = {} if body is None else {"json": dict(body)}
            answer = self._send(service, method, path, microversion, redirect=False, **content)
            if answer.status_code >= 300:
                raise errors.of_answer(answer.status_code, answer.text, service=service, doing=doing)
            return str(answer.headers.get("x-openstack-request-id") or answer.headers.get("x-compute-request-id") or "")

        return await self._run(call, service, doing)

    @staticmethod
    async def together(*readings: Coroutine[Any, Any, Any]) -> list[Any]:
        """Read several things side by side.

        Raises:
            Refused, Unreachable: one of them could not be read; the others are given up.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(reading) for reading in readings]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
        return [task.result() for task in tasks]

    async def roles(self) -> frozenset[str]:
        """Names of the roles that the account has.

        Raises:
            Refused, Unreachable: could not log in.
        """

        def call(_: threading.Event) -> frozenset[str]:
            session = self._adapter("identity").session
            if not isinstance(session.auth, BaseIdentityPlugin):
                return frozenset()
            return frozenset(session.auth.get_access(session).role_names or ())

        return await self._run(call, "identity", "log in")

    async def aclose(self) -> None:
        """Let go of connections; calls that wait for a thread are never made."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for adapter in self._adapters.values():
            adapter.session.close()

    async def _run(self, call: Callable[[threading.Event], T], service: str, doing: str) -> T:
        """The one way onto a thread: with a deadline, and with errors translated."""
        abandoned = threading.Event()
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.longest):
                return await loop.run_in_executor(self._pool, call, abandoned)
        except (Refused, Unreachable):
            raise
        except _WORST as error:
            raise errors.of_exception(error, service=service, doing=doing) from error
        finally:
            abandoned.set()

    def _send(self, service: str, method: str, path: str, microversion: str, **more: Any) -> requests.Response:
        answer: requests.Response = self._adapter(service).request(
            path,
            method,
            raise_exc=False,
            microversion=microversion or None,
            connect_retries=0,
            status_code_retries=0,
            headers={"Accept": "application/json"},
            **more,
        )
        return answer

    def _adapter(self, service: str) -> Adapter:
        with self._lock:
            if self._known is None:
                self._known = self._region()
            if service not in self._adapters:
                lowest, highest = _VERSIONS.get(service, (None, None))
                self._adapters[service] = Adapter(
                    session=self._known.get_session(),
                    service_type=self._known.get_service_type(service),
                    service_name=self._known.get_service_name(service),
                    interface=self._known.get_interface(service),
                    region_name=self._known.get_region_name(service),
                    endpoint_override=self._known.get_endpoint(service),
                    min_version=lowest,
                    max_version=highest,
                )
            return self._adapters[service]

    def _ask_offer(self, service: str) -> Offer | None:
        try:
            found = self._adapter(service).get_endpoint_data()
        except keystone.EndpointNotFound:
            return None
        if found is None:
            return None
        if found.min_microversion is None or found.max_microversion is None:
            return Offer(Microversion((0, 0)), Microversion((0, 0)))
        return Offer(_microversion(found.min_microversion), _microversion(found.max_microversion))


def _microversion(found: Sequence[float]) -> Microversion:
    """Keystoneauth writes "latest" as infinity; a document never says so."""
    return Microversion(tuple(int(part) for part in found))
