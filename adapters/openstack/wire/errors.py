"""What went wrong at the wall: answers and exceptions of OpenStack become the three errors of the port.

An answer counts as the API's only when it is worded as one of its services words it: a portal, a proxy and a gateway
answer too, with any status. Nothing else in the house sees an exception of keystoneauth or openstacksdk. Texts that
reach people are cut and cleaned of tokens and passwords here.
"""

import json
import re
from collections.abc import Collection, Mapping
from math import inf
from typing import Any

import requests
import urllib3
from keystoneauth1 import exceptions as keystone
from openstack import exceptions as sdk

from adapters.openstack.wire.explanations import explain
from adapters.retries import Passing, seconds_in
from bot.domain.cloud import CloudError, Refused, Unreachable
from bot.domain.redaction import redact

_RAW_LIMIT = 600
_BEGINNING = 120  #: characters of what somebody else than the API has answered, in a sentence
_CREDENTIALS = "Renew the credentials of this cloud in clouds.yaml, then run `muster check`."
_RIGHTS = "Give Muster's account the admin role on this cloud (or these rights by policy), then run `muster check`."
_NETWORK = "Check the network and whether the API is up; nothing is repeated before Muster has looked."
_WAIT = "Muster asks again later; nothing is repeated before it has looked."
_NOT_THE_API = (
    "See who answers at this address: a portal, a proxy, or a service that is just being restarted. Muster asks again."
)
_CONFIGURATION = "Correct this cloud's entry in clouds.yaml, then run `muster check`."
_SERVICES = {
    "compute": "Nova",
    "placement": "Placement",
    "block-storage": "Cinder",
    "identity": "Keystone",
    "network": "Neutron",
}
_MISSING = {"compute": "itemNotFound", "block-storage": "itemNotFound", "placement": "errors"}
"""Under what these services word a 404. A gateway's "no route for …" names the thing that was asked for as well."""
_NOT_TAKEN = frozenset({408, 425})
"""4xx answers that are about the moment, not about the request."""
_BUSY = frozenset({429})
"""Nova 34 says it nowhere itself: who limits its rate stands before it, and hands nothing on that it refuses so."""
_ENDED = frozenset({500, 503})
"""The service itself gave up, or a proxy found none to hand it to. Some proxies say 503 also of a service that fell
over in the middle of a call: so it proves only that nothing is to come."""
_AT_ONCE = 2.0
"""Seconds within which a proxy that says 502 has not waited: it found nobody, or the service hung up on it. Later it
may be Apache's word for an answer that did not come, and the service still at work; a 504 says that at any time."""


_NO_DOCUMENT = ValueError | KeyError | TypeError | AttributeError | IndexError | OverflowError | RecursionError
"""What reading raises that is not what was to be read."""


class Missing(Refused):
    """The cloud knows no such thing: 404, in a service's own words about a thing, not about a path."""


def clean(text: str) -> str:
    """Text of the cloud fit to be shown: no tokens, no passwords, not endless."""
    text = redact(text)
    return text if len(text) <= _RAW_LIMIT else f"{text[:_RAW_LIMIT]} …"


def message_in(body: str) -> str:
    """The message inside an error body of any OpenStack service, or the body itself when it has none."""
    found = _parsed(body)
    plain = str(found.get("message") or "") if isinstance(found, Mapping) else ""
    return clean(_message(found) or plain or re.sub(r"<[^>]+>", " ", body).strip())


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _message(body: Any) -> str:
    """As the services word it.

    Nova and Cinder: {"badRequest": {"message"}}; Keystone: {"error": {"message"}}; Placement: {"errors": [...]};
    Neutron: {"NeutronError": {"message"}}; Octavia: {"faultstring"}.
    """
    if not isinstance(body, Mapping):
        return ""
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        return str(errors[0].get("detail") or errors[0].get("title") or "")
    for value in body.values():
        if isinstance(value, Mapping) and value.get("message"):
            return str(value["message"])
    return str(body.get("faultstring") or "")


def of_answer(
    status: int, body: str, *, service: str, doing: str, retry_after: str = "", after: float = inf
) -> CloudError:
    """The error that an HTTP answer of 300 or more means.

    Args:
        status: the HTTP status.
        body: what came with it.
        service: the service type asked, e.g. "compute".
        doing: what was asked, as a phrase: "evacuate web-1".
        retry_after: what the header of that name says; empty when there is none.
        after: seconds from the call to its answer; infinite: nobody measured it.
    """
    message, worded = message_in(body), _message(_parsed(body))
    name = _SERVICES.get(service, service)
    raw = f"HTTP {status} from {name}: {message}"
    if status in _BUSY or (status == 413 and retry_after):  # WSGI limits of old clouds answer 413 (RFC 9110, 15.5.14)
        sentence = f"{name} answered {status} when asked to {doing}: it is asked too often."
        return Passing(sentence, remedy=_WAIT, raw=raw, after=seconds_in(retry_after), is_put_off=True)
    if status >= 500 or status in _NOT_TAKEN or status < 400:
        sentence = f"{name} answered {status} when asked to {doing}."
        if status < 400:
            return Unreachable(sentence, remedy=_NETWORK, raw=raw)
        is_over = status in _ENDED or (status == 502 and after <= _AT_ONCE)
        return Passing(sentence, remedy=_NETWORK, raw=raw, is_over=is_over, after=seconds_in(retry_after))
    if status == 401 and (worded or "<" not in body):  # keystonemiddleware of old said it in plain text
        return Refused(f"The cloud does not accept Muster's credentials (to {doing}).", remedy=_CREDENTIALS, raw=raw)
    if not worded or (status == 404 and not _is_missing(body, service)):
        return not_the_api(body, service=service, doing=doing, why=f"HTTP {status}")
    sentence, remedy = explain(message)
    if status == 403 and not sentence:  # a quota that is used up is 403 too
        right = re.search(r"Policy doesn't allow (\S+)", message)
        missing = f": the right {right[1]} is missing" if right else ""
        return Refused(f"The cloud does not let Muster {doing}{missing}.", remedy=_RIGHTS, raw=raw)
    kind = Missing if status == 404 else Refused
    return kind(
        f"{name} refused to {doing}: {sentence or message.rstrip('.') + '.'}",
        remedy=remedy or "Nothing was changed. Correct what it says, then retry.",
        raw=raw,
    )


def _is_missing(body: str, service: str) -> bool:
    found = _parsed(body)
    return service not in _MISSING or (isinstance(found, Mapping) and _MISSING[service] in found)


def not_the_api(body: str, *, service: str, doing: str, why: str) -> Unreachable:
    """The error that somebody answered, but not the API.

    Args:
        body: what was answered.
        service: the service type asked.
        doing: what was asked, as a phrase.
        why: what shows that it is not the API, as a clause.
    """
    name, said = _SERVICES.get(service, service), " ".join(clean(re.sub(r"<[^>]+>", " ", body)).split())
    begins = f"{said[:_BEGINNING]} …" if len(said) > _BEGINNING else said or "nothing"
    return Unreachable(
        f"Something answered when {name} was asked to {doing}, but it was not the API: {begins}",
        remedy=_NOT_THE_API,
        raw=f"From {name}: {why}; answered was: {clean(body).strip() or 'nothing'}",
    )


def elsewhere(places: Collection[str], wanted: str, *, service: str, doing: str) -> Refused:
    """The error that the catalog has a service, but not where clouds.yaml looks for it.

    Args:
        places: where it has it: "public in RegionOne".
        wanted: where it was looked for.
        service: the service type asked.
        doing: what was asked, as a phrase.
    """
    name = _SERVICES.get(service, service)
    return Refused(
        f"The cloud's catalog has {name} at {', '.join(sorted(places))}, not at {wanted}, so Muster cannot {doing}.",
        remedy="Such names are compared letter by letter: make `region_name` and `interface` in clouds.yaml and those"
        " of the endpoint (`openstack endpoint list`) the same.",
    )


def of_exception(error: Exception, *, service: str, doing: str) -> CloudError:
    """The error that an exception of keystoneauth, openstacksdk, the network or of reading an answer means."""
    if isinstance(error, keystone.DiscoveryFailure) and isinstance(error.__context__, keystone.ClientException):
        # before it logs in, the library asks Keystone for its versions, and hides what became of that
        error, service = error.__context__, "identity" if "identity endpoints" in str(error) else service
    name = _SERVICES.get(service, service)
    raw = clean(f"{type(error).__name__}: {error}")
    if isinstance(error, keystone.InvalidResponse | keystone.HttpError):
        return _of_response(error, service=service, doing=doing)
    if isinstance(error, keystone.EmptyCatalog | keystone.EndpointNotFound):
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
    if isinstance(error, keystone.DiscoveryFailure | _NO_DOCUMENT):
        return not_the_api(str(error), service=service, doing=doing, why=type(error).__name__)
    return _silence(error, name, doing=doing, raw=raw)


def _silence(error: Exception, name: str, *, doing: str, raw: str) -> Passing:
    """That no answer came: none in time, or nobody is there."""
    is_over = _was_never_made(error)
    if isinstance(error, keystone.ConnectTimeout | TimeoutError):
        sentence = f"{name} did not answer in time when asked to {doing}."
        return Passing(sentence, remedy=_NETWORK, raw=raw, is_over=is_over)
    address = re.search(r"https?://[^/\s'\"]+", raw)
    whom = f" at {address[0]}" if address else ""
    return Passing(f"Nobody answers{whom}, so Muster cannot {doing}.", remedy=_NETWORK, raw=raw, is_over=is_over)


def _was_never_made(error: Exception) -> bool:
    """Whether no connection was made for a call, so that it went to nobody: only urllib3's own reason says so."""
    match error.__context__:
        case requests.RequestException(args=(urllib3.exceptions.MaxRetryError(reason=reason), *_)):
            return isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
    return False


def _of_response(error: keystone.InvalidResponse | keystone.HttpError, *, service: str, doing: str) -> CloudError:
    """What the library made an exception of: an answer with a bad status, or one that it did not understand."""
    answer = error.response
    if isinstance(error, keystone.InvalidResponse):
        text = str(answer.text) if answer is not None else str(error)
        return not_the_api(text, service=service, doing=doing, why="it is no token")
    told = str(answer.headers.get("Retry-After") or "") if answer is not None else ""
    after = answer.elapsed.total_seconds() if answer is not None else inf
    return of_answer(
        error.http_status or 500, _body_of(error), service=service, doing=doing, retry_after=told, after=after
    )


def _body_of(error: keystone.HttpError) -> str:
    if error.response is not None:
        return str(error.response.text)
    return str(error.message or error.details or "")
