"""Speaks HTTP with the services, as one account: the lab's own eye on the cloud."""

import json
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any

from tests.openstack.lab.settings import PASSWORD, LabError, Port, Settings

TIMEOUT_SECONDS = 90.0  # longer than Nova waits for a cell
MICROVERSIONS = {
    Port.NOVA: "compute 2.90",  # services by id, flavors inside servers; a guest keeps running
    Port.PLACEMENT: "placement 1.39",
    Port.CINDER: "volume 3.70",
}


class NotYetError(LookupError):
    """The service answers, but with a failure of its own (5xx) or not in HTTP."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    body: Any
    token: str | None


class Client:
    """One account in one project; takes a token with the first call."""

    def __init__(self, settings: Settings, *, user: str = "admin", project: str = "admin") -> None:
        self._settings = settings
        self._user = user
        self._project = project
        self._token: str | None = None
        self.project_id = ""

    def call(self, method: str, service: Port, path: str, body: object = None) -> Any:
        """Send a request and return the decoded answer.

        Args:
            method: The HTTP verb.
            service: Whom to ask.
            path: Path and query; `{project}` becomes the project's id.
            body: JSON to send; bytes go out as they are.

        Raises:
            LabError: The service refused (4xx), with its words.
            NotYetError: The service failed (5xx) or is not there yet.
        """
        if self._token is None:
            self._authenticate()
        answer = self._send(method, service, path.replace("{project}", self.project_id), body)
        return answer.body

    def ask(self, method: str, path: str, body: object = None, *, at: str) -> Answer:
        """Send Nova a request at a microversion, and return whatever it answers, failures too."""
        if self._token is None:
            self._authenticate()
        return self._exchange(method, Port.NOVA, path, body, version=f"compute {at}")

    def get(self, service: Port, path: str) -> Any:
        """Read."""
        return self.call("GET", service, path)

    def answers(self, service: Port, path: str) -> bool:
        """Whether a service is there and well enough to answer without a token."""
        try:
            self._send("GET", service, path, None)
        except LabError:
            return True  # it refused, which takes a living service
        return True

    def act(self, server_id: str, action: str, argument: object = None) -> None:
        """Ask Nova for an action on a server."""
        self.call("POST", Port.NOVA, f"/v2.1/servers/{server_id}/action", {action: argument})

    def _authenticate(self) -> None:
        domain = {"name": "Default"}
        user = {"name": self._user, "password": PASSWORD, "domain": domain}
        scope = {"project": {"name": self._project, "domain": domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": scope}}
        answer = self._send("POST", Port.KEYSTONE, "/v3/auth/tokens", body)
        self._token = answer.token
        self.project_id = answer.body["token"]["project"]["id"]

    def _send(self, method: str, service: Port, path: str, body: object) -> Answer:
        answer = self._exchange(method, service, path, body, version=MICROVERSIONS.get(service, ""))
        if answer.status >= 500:
            raise NotYetError(f"{method} {path} at {service}: {answer.status} {str(answer.body)[:300]}")
        if answer.status >= 400:
            raise LabError(f"{method} {path} at {service}: {answer.status} {str(answer.body)[:500]}")
        return answer

    def _exchange(self, method: str, service: Port, path: str, body: object, *, version: str) -> Answer:
        headers = {"Accept": "application/json"}
        if version:
            headers["OpenStack-API-Version"] = version
        if self._token:
            headers["X-Auth-Token"] = self._token
        data: bytes | None = None
        if isinstance(body, bytes):
            data, headers["Content-Type"] = body, "application/octet-stream"
        elif body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        line = HTTPConnection("127.0.0.1", self._settings.port(service), timeout=TIMEOUT_SECONDS)
        try:
            line.request(method, path, data, headers)
            response = line.getresponse()
            text, status = response.read().decode(), response.status
            token = response.headers.get("X-Subject-Token")
        except HTTPException as error:
            raise NotYetError(f"{service} does not speak HTTP yet: {error!r}") from error
        finally:
            line.close()
        return Answer(status=status, body=_decoded(text), token=token)


def _decoded(text: str) -> Any:
    """JSON as what it says; anything else as it is."""
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
