"""The one place that talks to OpenStack: a blocking library, on an own small pool of threads.

The calls are made on keystoneauth's adapters with an explicit microversion, because openstacksdk's resource layer
negotiates one (4.22 would evacuate at 2.95 and above, which leaves VMs stopped) and filters some lists on the client.
A call that changes something is never repeated here, except once after a 401, which proves that nothing happened; a
read that failed in passing is, as `again` says.
"""

import asyncio
import json
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import requests
from keystoneauth1 import exceptions as keystone
from openstack import exceptions as sdk
from openstack.config import OpenStackConfig
from openstack.config.cloud_region import CloudRegion
from openstack.warnings import RemovedInSDK60Warning

from adapters.openstack.settings import TIMEOUTS_OF_A_CALL
from adapters.openstack.wire import errors
from adapters.openstack.wire.documents import SHAPES, Document, once
from adapters.openstack.wire.endpoints import Endpoints, Microversions
from adapters.threads import Wanted, on_thread
from bot.domain.cloud import CloudError, Unreachable
from bot.retry_policy import RetryPolicy

T = TypeVar("T")
PAGE = 1000  #: the largest page that Nova and Cinder give by default
OFFSET = "offset"  #: a list that is paged by how many entries were read; it ends with an empty page
_LOGIN_IS_OVER = 401
MOST_PAGES = 500  #: of one list; whoever has more of anything is not asked for all of it
_WORST = (keystone.ClientException, sdk.SDKException, requests.RequestException, OSError, RecursionError, *SHAPES)


class _Page(NamedTuple, Generic[T]):
    """One page of a list."""

    new: list[T]  #: what was made of the entries that were on no page before
    known: set[Hashable]  #: what tells the entries apart that were read so far
    rows: int
    goes_on: bool
    last: str  #: by what the next page is asked


class Session:
    """Calls to one cloud.

    Args:
        region: reads the configuration; called once, on a thread, at the first call. Its `api_timeout` must be
            `timeout`.
        timeout: seconds that a socket may be silent. A call as a whole, with its turn on a thread and a login that
            may come first, is given up after three times as long.
        workers: calls in flight at most.
        monotonic: seconds by a clock that nobody sets.
        again: how reads are repeated that failed in passing; none is begun once `timeout` is over. None: each
            is made once.
    """

    def __init__(
        self,
        region: Callable[[], CloudRegion],
        *,
        timeout: float = 30.0,
        workers: int = 8,
        monotonic: Callable[[], float] = time.monotonic,
        again: RetryPolicy | None = None,
    ) -> None:
        self.timeout = timeout
        self._again = again
        self._region = region
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="openstack")
        self._endpoints = Endpoints(region, monotonic=monotonic)
        self._monotonic = monotonic
        self._told: tuple[datetime, float] | None = None  # the date of an answer, and when it came
        self._parsing = threading.Lock()  # a large answer takes much memory while it is read

    @classmethod
    def of(
        cls,
        cloud: str,
        *,
        clouds_yaml: Path | None = None,
        timeout: float = 30.0,
        workers: int = 8,
        again: RetryPolicy | None = None,
    ) -> "Session":
        """The session of an entry of clouds.yaml.

        Args:
            cloud: the entry's name.
            clouds_yaml: the file; None: where every OpenStack tool looks for it. A secure.yaml beside it is read too.
            timeout: as above, in seconds.
            workers: as above.
            again: as above.
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

        return cls(region, timeout=timeout, workers=workers, again=again)

    def time_there(self, here: datetime) -> datetime:
        """The time by the cloud's own clock, as its last answer told it: its records bear dates of that one.

        Args:
            here: ours, for as long as it told none.
        """
        if self._told is None:
            return here
        date, came_at = self._told
        return date + timedelta(seconds=self._monotonic() - came_at)

    @property
    def longest(self) -> float:
        """Seconds after which a call has ended, whatever came of it."""
        return TIMEOUTS_OF_A_CALL * self.timeout

    async def offer(self, service: str) -> Microversions | None:
        """The microversions of a service; None when the cloud has no such service.

        Raises:
            Refused, Unreachable: could not ask.
        """
        if known := self._endpoints.known(service):
            return known
        doing = f"tell which versions of {service} there are"
        # a login may come first, each time anew
        again = self._again and replace(self._again, most=2 * self._again.most)
        return await self._read(lambda _: self._endpoints.offer(service, doing=doing), service, doing, again=again)

    async def get(
        self, service: str, path: str, *, microversion: str = "", params: Mapping[str, Any] | None = None, doing: str
    ) -> Document:
        """Read one document.

        Args:
            service: its type, e.g. "compute".
            path: below the service's endpoint.
            microversion: sent when not empty.
            params: the query.
            doing: what is read, as a phrase that follows "to": "list compute services".

        Raises:
            Refused, Unreachable: no document of the API came.
        """
        return await self._get(service, path, dict(params or {}), lambda document: document, microversion, doing)

    async def _get(
        self,
        service: str,
        path: str,
        params: Mapping[str, Any],
        made: Callable[[Document], T],
        microversion: str,
        doing: str,
    ) -> T:
        """What is made of a document on the thread that read it, of one at a time: that may take long."""

        def call(_: Wanted) -> T:
            text = self._send(service, "GET", path, microversion, doing, params=dict(params)).text
            with self._parsing:
                try:
                    body = json.loads(text)
                except (ValueError, RecursionError):
                    raise errors.not_the_api(text, service=service, doing=doing, why="no JSON") from None
                return made(Document(body, service=service, doing=doing, text=text))

        return await self._read(call, service, doing)

    async def pages(
        self,
        service: str,
        path: str,
        key: str,
        *,
        made: Callable[[Mapping[str, Any]], T],
        microversion: str = "",
        params: Mapping[str, Any] | None = None,
        marker: str = "id",
        size: int | None = None,
        until: Callable[[Sequence[T]], bool] | None = None,
        doing: str,
    ) -> list[T]:
        """Read a list to its end, page by page, each entry once. Nothing is kept of a page but what is made of it.

        Args:
            service: as in `get`.
            path: as in `get`.
            key: under which the document holds the list; `<key>_links` tells of a next page.
            made: what an entry is turned into, on a thread.
            microversion: as in `get`.
            params: as in `get`.
            marker: the field of an item that the next page is asked by, or `OFFSET`; empty: the list has no pages.
            size: entries on a page; None: as many as the cloud gives.
            until: whether what is wanted ends on a page, by its entries; None: all of the list is wanted.
            doing: as in `get`.

        Raises:
            Refused, Unreachable: the list could not be read whole.
        """
        query = dict(params or {}) | ({"limit": str(size or PAGE)} if marker else {})
        found: list[T] = []
        known: set[Hashable] = set()
        read = 0

        def taken(page: Document) -> _Page[T]:
            """What is on a page. Nothing outside is touched: whoever asked may have given this answer up meanwhile."""
            rows, seen = page.rows(key), set(known)
            new = once(rows, "id" if marker in {"", OFFSET} else marker, known=seen)
            goes_on = bool(rows) if marker == OFFSET else bool(marker) and _goes_on(page, key)
            last = (
                page.told(key, rows[-1], lambda row: str(row[marker])) if goes_on and new and marker != OFFSET else ""
            )
            return _Page([page.told(key, row, made) for row in new], seen, len(rows), goes_on, last)

        for _ in range(MOST_PAGES):
            page = await self._get(service, path, query, taken, microversion, doing)
            found.extend(page.new)
            known, read = page.known, read + page.rows
            if not page.goes_on or (until is not None and page.new and until(page.new)):
                return found
            if not page.new:
                raise _endless(doing, "the next page holds nothing that was not on those before")
            query |= {"offset": str(read)} if marker == OFFSET else {"marker": page.last}
        raise _endless(doing, f"after {MOST_PAGES} pages there are more")

    async def act(
        self, service: str, method: str, path: str, body: Mapping[str, Any] | None, *, microversion: str, doing: str
    ) -> str:
        """Make one call that changes something, once, and answer its request id.

        Raises:
            Refused: nothing took effect.
            Unreachable: its fate is unknown.
        """

        def call(wanted: Wanted) -> str:
            adapter = self._endpoints.adapter(service)
            content = {} if body is None else {"json": dict(body)}
            how = {"redirect": False, "allow_reauth": False, **content}
            for _ in range(2):
                adapter.get_token()
                wanted.ensure()  # the login may have taken too long
                answer = self._ask(service, method, path, microversion, doing, **how)
                if answer.status_code != _LOGIN_IS_OVER or not adapter.invalidate():
                    break
            answer = _good(answer, service, doing)
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
        return await self._read(lambda _: self._endpoints.roles(), "identity", "log in")

    async def aclose(self) -> None:
        """Let go of connections; calls that wait for a thread are never made."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._endpoints.close()

    async def _read(
        self, call: Callable[[Wanted], T], service: str, doing: str, *, again: RetryPolicy | None = None
    ) -> T:
        again = again or self._again
        if again is None:
            return await self._run(call, service, doing)
        return await again.of(lambda: self._run(call, service, doing), seconds=self.timeout)

    async def _run(self, call: Callable[[Wanted], T], service: str, doing: str) -> T:
        """The one way onto a thread, with errors translated."""
        try:
            return await on_thread(self._pool, call, seconds=self.longest)
        except CloudError:
            raise
        except _WORST as error:
            raise errors.of_exception(error, service=service, doing=doing) from error

    def _send(
        self, service: str, method: str, path: str, microversion: str, doing: str, **more: Any
    ) -> requests.Response:
        return _good(self._ask(service, method, path, microversion, doing, **more), service, doing)

    def _ask(
        self, service: str, method: str, path: str, microversion: str, doing: str, **more: Any
    ) -> requests.Response:
        answer = self._endpoints.request(
            service,
            path,
            method,
            doing=doing,
            microversion=microversion or None,
            connect_retries=0,
            status_code_retries=0,
            headers={"Accept": "application/json"},
            **more,
        )
        self._note_date(answer)
        return answer

    def _note_date(self, answer: requests.Response) -> None:
        """Only a service's own answer, which bears a request id, tells its time; a proxy's page may be of any age."""
        if "x-openstack-request-id" not in answer.headers:
            return
        with suppress(ValueError, TypeError):  # no date, or none that can be read
            date = parsedate_to_datetime(str(answer.headers.get("Date")))
            if date.tzinfo is not None:
                self._told = date, self._monotonic()


def _good(answer: requests.Response, service: str, doing: str) -> requests.Response:
    """The same answer, where the service did as it was asked."""
    if answer.status_code >= 300:
        told = str(answer.headers.get("Retry-After") or "")
        after = answer.elapsed.total_seconds()
        raise errors.of_answer(
            answer.status_code, answer.text, service=service, doing=doing, retry_after=told, after=after
        )
    return answer


def _goes_on(page: Document, key: str) -> bool:
    """Whether a page says that there is a next one."""
    links = page.told(f"{key}_links", page.get(f"{key}_links") or [], list)
    return any(isinstance(link, Mapping) and link.get("rel") == "next" for link in links)


def _endless(doing: str, why: str) -> Unreachable:
    return Unreachable(
        f"The list that was asked for to {doing} has no end: {why}. So it is not known to be whole.",
        remedy="A proxy may drop the query, or the service's paging is broken: compare with the `openstack` client.",
    )
