"""Where a cloud's services are and which microversions they speak; only what is proven is remembered, with an age.

openstacksdk reads clouds.yaml, keystoneauth logs in and finds endpoints. Both remember for good what they heard, also
in a moment in which a service answered 503 or half a document: so whenever a question about endpoints is not answered
whole, all that was learned is thrown away, and the next call asks as a fresh process would. Blocking; for threads.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import requests
from keystoneauth1 import exceptions as keystone
from keystoneauth1.adapter import Adapter
from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack.config.cloud_region import CloudRegion

from adapters.openstack.wire import errors, login
from adapters.openstack.wire.versions import Microversion
from bot.domain.cloud import CloudError

AGE = 600.0  #: seconds after which what was learned is asked for anew: clouds are upgraded while Muster runs
_VERSIONS = {
    "compute": ("2.1", "2.latest"),
    "block-storage": ("3.0", "3.latest"),
    "identity": ("3", "3.latest"),
    "network": ("2", "2.latest"),
}
_WITH_MICROVERSIONS = frozenset({"compute", "placement", "block-storage"})
"""Services of which every release that Muster works with speaks some: an answer without them is none."""
_JSON = {"Accept": "application/json"}


class Microversions(NamedTuple):
    """The microversions a service offers."""

    lowest: Microversion
    highest: Microversion


_NOTHING_SAID = Microversions(Microversion((0, 0)), Microversion((0, 0)))


class _Proven(NamedTuple):
    """What a service told of itself, and when."""

    offer: Microversions
    url: str
    since: float


class Endpoints:
    """The endpoints of one cloud.

    Args:
        region: reads the configuration; called at the first call, and after anything was not proven.
        monotonic: seconds by a clock that nobody sets.
    """

    def __init__(self, region: Callable[[], CloudRegion], *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._region = region
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: CloudRegion | None = None
        self._adapters: dict[str, Adapter] = {}
        self._proven: dict[str, _Proven] = {}

    def known(self, service: str) -> Microversions | None:
        """What is remembered of a service's microversions; None: nothing, or it is too old."""
        proven = self._known_of(service)
        return proven.offer if proven else None

    def _known_of(self, service: str) -> _Proven | None:
        with self._lock:
            proven = self._proven.get(service)
        return proven if proven and self._monotonic() - proven.since < AGE else None

    def forget(self) -> None:
        """Ask for everything anew, the login too."""
        with self._lock:
            self._proven.clear()
        self._log_in_anew()

    def _log_in_anew(self) -> None:
        with self._lock:
            self._known, let_go = None, list(self._adapters.values())
            self._adapters.clear()
        for adapter in let_go:
            adapter.session.close()

    def adapter(self, service: str) -> Adapter:
        """How to call a service."""
        with self._lock:
            if self._known is None:
                self._known = self._region()
                login.guard(self._known.get_session())
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

    def offer(self, service: str, *, doing: str) -> Microversions | None:
        """The microversions of a service; None when the cloud has no such service, which is asked anew each time.

        Raises:
            CloudError: could not ask; or the cloud has it elsewhere.
        """
        known = self.known(service)
        if known is not None:
            return known
        if service in self._proven:  # too old
            self.forget()
        try:
            told = self._asked(service, doing)
        except Exception:
            self.forget()
            raise
        if told is None:
            self._log_in_anew()  # the catalog came with the login, and may be older than the service
            return None
        if told.offer != _NOTHING_SAID:
            with self._lock:
                self._proven[service] = told
        return told.offer

    def request(self, service: str, path: str, method: str, *, doing: str, **how: object) -> requests.Response:
        """Make one call.

        Args:
            service: its type.
            path: below its endpoint.
            method: of HTTP.
            doing: what is asked, as a phrase.
            how: as `Adapter.request` takes it.

        Raises:
            CloudError: the cloud does not say where the service is.
        """
        adapter, proven = self.adapter(service), self._known_of(service)
        if proven:  # keystoneauth copies and reads its whole catalog for each call
            path = f"{proven.url.rstrip('/')}/{path.lstrip('/')}"
        try:
            answer: requests.Response = adapter.request(path, method, raise_exc=False, **how)
        except (keystone.EndpointNotFound, ValueError) as error:  # ValueError: it has the service, but not for us
            self._must_be_listed(service, doing)
            reason = self._why_silent(service, doing)
            self.forget()
            raise reason from error
        return answer

    def roles(self) -> frozenset[str]:
        """Names of the roles that the account has, as a login tells them now."""
        self.forget()
        session = self.adapter("identity").session
        if not isinstance(session.auth, BaseIdentityPlugin):
            return frozenset()
        return frozenset(session.auth.get_access(session).role_names or ())

    def close(self) -> None:
        """Let go of connections."""
        self._log_in_anew()

    def _asked(self, service: str, doing: str) -> _Proven | None:
        if not self._is_listed(service, doing):
            return None
        found = self.adapter(service).get_endpoint_data()
        if found is None or not found.url:
            raise self._why_silent(service, doing)
        if found.min_microversion is None or found.max_microversion is None:
            if service in _WITH_MICROVERSIONS:
                raise self._why_silent(service, doing)
            return _Proven(_NOTHING_SAID, found.url, self._monotonic())
        offer = Microversions(_microversion(found.min_microversion), _microversion(found.max_microversion))
        return _Proven(offer, found.url, self._monotonic())

    def _must_be_listed(self, service: str, doing: str) -> None:
        if not self._is_listed(service, doing):
            raise errors.of_exception(keystone.EndpointNotFound(), service=service, doing=doing)

    def _is_listed(self, service: str, doing: str) -> bool:
        """Whether the catalog has a service for us.

        Raises:
            Refused: it has it, but in another region or at another interface than clouds.yaml names.
            Unreachable: it has nothing at all.
        """
        adapter = self.adapter(service)
        auth = adapter.session.auth
        if adapter.endpoint_override or not isinstance(auth, BaseIdentityPlugin):
            return True
        catalog = auth.get_access(adapter.session).service_catalog
        if not catalog.catalog:
            raise errors.not_the_api("", service="identity", doing=doing, why="a token without a catalog")
        try:
            found = catalog.get_endpoint_data_list(service_type=adapter.service_type, interface=None)
        except ValueError:  # it has only types that are said to be the same, without an endpoint
            found = []
        asked = adapter.interface or "public"
        interfaces = [one.removesuffix("URL") for one in ([asked] if isinstance(asked, str) else asked)]
        region = adapter.region_name
        for_us = [one for one in found if one.interface in interfaces and region in {None, one.region_name}]
        if found and not for_us:
            places = {f"{one.interface} in {one.region_name}" for one in found}
            raise errors.elsewhere(places, f"{' or '.join(interfaces)} in {region}", service=service, doing=doing)
        return bool(for_us)

    def _why_silent(self, service: str, doing: str) -> CloudError:
        """Why a service does not tell its versions, by asking at its address once more."""
        adapter = self.adapter(service)
        found = adapter.session.get_endpoint_data(
            skip_discovery=True,
            service_type=adapter.service_type,
            interface=adapter.interface,
            region_name=adapter.region_name,
        )
        url = adapter.endpoint_override or (found.catalog_url if found else None) or ""
        try:
            answer = adapter.session.get(url, raise_exc=False, authenticated=False, headers=_JSON, connect_retries=0)
        except (keystone.ClientException, requests.RequestException, OSError) as error:
            return errors.of_exception(error, service=service, doing=doing)
        if answer.status_code > 300:  # 300 lists versions
            return errors.of_answer(answer.status_code, answer.text, service=service, doing=doing)
        return errors.not_the_api(answer.text, service=service, doing=doing, why="it tells no versions")


def _microversion(found: Sequence[float]) -> Microversion:
    """Keystoneauth writes "latest" as infinity; a document never says so."""
    return Microversion(tuple(int(part) for part in found))
