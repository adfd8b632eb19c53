"""What went wrong at the wall: answers and exceptions of OpenStack become the three errors of the port.

Nothing else in the house sees an exception of keystoneauth or openstacksdk. Texts that reach people are cut and cleaned
of tokens and passwords here.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions as keystone
from openstack import exceptions as sdk

from adapters.openstack.explain import explain
from bot.domain.cloud import CloudError, Refused, Unreachable

_RAW_LIMIT = 600
_CREDENTIALS = "Renew the credentials of this cloud in clouds.yaml, then run `muster check`."
_RIGHTS = "Give Muster's account the admin role on this cloud (or these rights by policy), then run `muster check`."
_NETWORK = "Check the network and whether the API is up; nothing is repeated before Muster has looked."
_CONFIGURATION = "Correct this cloud's entry in clouds.yaml, then run `muster check`."
_SECRETS = (
    (re.compile(r"gAAAA[\w=-]{20,}"), "***"),  # a Fernet token
    (re.compile(r"\beyJ[\w-]{10,}\.[\w-]+\.[\w-]+"), "***"),  # a JWS token
    (re.compile(r"(?i)(x-(?:auth|subject|service)-token['\"]?\s*[:=]\s*)['\"]?[^\s'\",}]+"), r"\1***"),
    (
        re.compile(
            r"(?i)(['\"]?(?:admin_?pass|password|secret|passcode)['\"]?\s*[:=]\s*)('[^']*'|\"[^\"]*\"|[^\s,}]+)"
        ),
        r"\1***",
    ),
    (re.compile(r"://[^/\s:@]+:[^/\s@]+@"), "://***@"),
)
_SERVICES = {
    "compute": "Nova",
    "placement": "Placement",
    "block-storage": "Cinder",
    "identity": "Keystone",
    "network": "Neutron",
}
_NOT_TAKEN = frozenset({408, 425, 429})
"""4xx answers that are about the moment, not about the request."""


class Missing(Refused):
    """The cloud knows no such thing (404)."""


def clean(text: str) -> str:
    """Text of the cloud fit to be shown: no tokens, no passwords, not endless."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text if len(text) <= _RAW_LIMIT else f"{text[:_RAW_LIMIT]} …"


def message_in(body: str) -> str:
    """The message inside an error body of any OpenStack service, or the body itself when it has none."""
    try:
        found = _message(json.loads(body))
    except ValueError:
        found = ""
    return clean(found or re.sub(r"<[^>]+>", " ", body).strip())


def _message(body: Any) -> str:
    """Nova and Cinder: {"badRequest": {"message"}}; Keystone: {"error": {"message"}}; Placement: {"errors": [...]}."""
    if not isinstance(body, Mapping):
        return ""
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        return str(errors[0].get("detail") or errors[0].get("title") or "")
    for value in body.values():
        if isinstance(value, Mapping) and value.get("message"):
            return str(value["message"])
    return str(body.get("message", ""))


def of_answer(status: int, body: str, *, service: str, doing: str) -> CloudError:
    """The error that an HTTP answer of 300 or more means.

    Args:
        status: the HTTP status.
        body: what came with it.
        service: the service type asked, e.g. "compute".
        doing: what was asked, as a phrase: "evacuate web-1".
    """
    message = message_in(body)
    name = _SERVICES.get(service, service)
    raw = f"HTTP {status} from {name}: {message}"
    if status == 401:
        return Refused(f"The cloud does not accept Muster's credentials (to {doing}).", remedy=_CREDENTIALS, raw=raw)
    sentence, remedy = explain(message)
    if status == 403 and not sentence:  # a quota that is used up is 403 too
        right = re.search(r"Policy doesn't allow (\S+)", message)
        missing = f": the right {right[1]} is missing" if right else ""
        return Refused(f"The cloud does not let Muster {doing}{missing}.", remedy=_RIGHTS, raw=raw)
    if status >= 500 or status in _NOT_TAKEN or status < 400:
        return Unreachable(f"{name} answered {status} when asked to {doing}.", remedy=_NETWORK, raw=raw)
    kind = Missing if status == 404 else Refused
    return kind(
        f"{name} refused to {doing}: {sentence or message.rstrip('.') + '.'}",
        remedy=remedy or "Nothing was changed. Correct what it says, then retry.",
        raw=raw,
    )


def of_exception(error: Exception, *, service: str, doing: str) -> CloudError:
    """The error that an exception of keystoneauth, openstacksdk or the network means."""
    name = _SERVICES.get(service, service)
    raw = clean(f"{type(error).__name__}: {error}")
    if isinstance(error, keystone.HttpError):
        return of_answer(error.http_status or 500, _body_of(error), service=service, doing=doing)
    if isinstance(error, keystone.EndpointNotFound):
        return Refused(
            f"The cloud's catalog has no {name} in this region, so Muster cannot {doing}.",
            remedy=_CONFIGURATION,
            raw=raw,
        )
    if isinstance(error, keystone.AuthPluginException | keystone.AuthorizationFailure | keystone.MissingAuthMethods):
        return Refused("Muster cannot log in with what clouds.yaml says.", remedy=_CONFIGURATION, raw=raw)
    if isinstance(error, sdk.ConfigException):
        return Refused("This cloud's entry in clouds.yaml is missing or wrong.", remedy=_CONFIGURATION, raw=raw)
    if isinstance(error, keystone.SSLError):
        return Unreachable(
            f"The certificate of {name} is not trusted, so Muster did not {doing}.",
            remedy="Set `cacert` of this cloud in clouds.yaml to the authority that signed it.",
            raw=raw,
        )
    if isinstance(error, keystone.ConnectTimeout | TimeoutError):
        return Unreachable(f"{name} did not answer in time when asked to {doing}.", remedy=_NETWORK, raw=raw)
    address = re.search(r"https?://[^/\s'\"]+", raw)
    whom = f" at {address[0]}" if address else ""
    return Unreachable(f"Nobody answers{whom}, so Muster cannot {doing}.", remedy=_NETWORK, raw=raw)


def _body_of(error: keystone.HttpError) -> str:
    if error.response is not None:
        return str(error.response.text)
    return str(error.message or error.details or "")
