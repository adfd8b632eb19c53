"""Harmless questions to put to two OpenStack clouds, and how their answers differ: the simulated one must not.

They read, or ask for something that must be refused; none can change anything. The tier with a real OpenStack puts
them to both; see `differences`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

NOBODY = "00000000-0000-4000-8000-000000000000"
_NEW = "2.96"
_TYPES = {
    "compute": ("compute",),
    "placement": ("placement",),
    "volume": ("block-storage", "volumev3", "volume"),
}


@dataclass(frozen=True, kw_only=True)
class Question:
    service: str
    method: str
    path: str
    body: Any = None
    version: str = ""
    alike: tuple[str, ...] = ()  #: keys that have the same values in both clouds, one after the other

    def __str__(self) -> str:
        body = "" if self.body is None else f" {json.dumps(self.body)}"
        return f"{self.service} {self.version} {self.method} {self.path}{body}"


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """Where a cloud is. Its users are `admin` in project admin and `demo` (member) in project demo."""

    auth_url: str  #: ends with /v3
    password: str
    server: str = NOBODY  #: id of the one that stands for `{server}` in questions; it lives, and has moved


def _read(service: str, *questions: tuple[str, str]) -> list[Question]:
    return [Question(service=service, method="GET", path=path, version=version) for version, path in questions]


def _told(path: str, *alike: str) -> Question:
    return Question(service="compute", method="GET", path=path, version=_NEW, alike=alike)


def _put(path: str, version: str, body: dict[str, Any]) -> Question:
    return Question(service="compute", method="PUT", path=f"/os-services/{path}", version=version, body=body)


def _act(version: str, body: Any, server: str = NOBODY) -> Question:
    return Question(service="compute", method="POST", path=f"/servers/{server}/action", version=version, body=body)


_COMPUTE_READS = _read(
    "compute",
    *((_NEW, f"/servers/{NOBODY}"), (_NEW, "/servers/detail"), (_NEW, "/servers/detail?hots=1")),
    *(("2.74", "/servers/detail?hots=1"), (_NEW, f"/servers?all_tenants=1&marker={NOBODY}")),
    *((_NEW, "/servers?all_tenants=1&host=nope"), (_NEW, "/servers?limit=-1"), (_NEW, "/servers?limit=x")),
    *((_NEW, "/servers?status=NONSENSE"), ("2.37", "/servers?status=NONSENSE"), (_NEW, "/servers?all_tenants=maybe")),
    *(("2.200", "/servers"), ("3.1", "/servers"), ("2.0", "/servers"), ("banana", "/servers"), (_NEW, "/nonsense")),
    *((_NEW, "/"), (_NEW, "/os-services"), ("2.1", "/os-services"), ("2.11", "/os-services")),
    *((_NEW, "/os-services?hots=1"), (_NEW, "/os-hypervisors"), (_NEW, "/os-hypervisors/detail")),
    *(("2.87", "/os-hypervisors/detail"), ("2.1", "/os-hypervisors/detail"), (_NEW, "/os-hypervisors/nope")),
    *((_NEW, f"/os-hypervisors/{NOBODY}"), (_NEW, "/os-hypervisors?hypervisor_hostname_pattern=zzz")),
    *((_NEW, "/os-migrations"), ("2.22", "/os-migrations"), (_NEW, "/os-migrations?sort_dir=desc")),
    *((_NEW, "/os-migrations?limit=x"), (_NEW, "/os-migrations?marker=1"), (_NEW, f"/os-migrations?marker={NOBODY}")),
    *((_NEW, "/os-migrations?changes-since=x"), (_NEW, "/os-aggregates"), (_NEW, "/os-aggregates/999")),
    *((_NEW, "/os-aggregates/x"), (_NEW, "/os-availability-zone"), (_NEW, "/os-availability-zone/detail")),
    *((_NEW, "/os-server-groups"), (_NEW, "/os-server-groups?all_projects=1"), (_NEW, f"/os-server-groups/{NOBODY}")),
    *((_NEW, "/os-server-groups?limit=x"), (_NEW, "/flavors"), (_NEW, "/flavors/detail"), (_NEW, "/flavors/nope")),
    *(("2.102", "/flavors/detail"), (_NEW, f"/servers/{NOBODY}/os-instance-actions")),
    *((_NEW, f"/servers/{NOBODY}/migrations"), ("2.22", f"/servers/{NOBODY}/migrations")),
    (_NEW, f"/servers/{NOBODY}/os-volume_attachments"),
)
_FORCE = {"host": "nope", "binary": "nova-compute", "forced_down": True}
_NO_ACTIONS: tuple[Any, ...] = ({}, {"nonsense": {}}, {"evacuate": {}, "lock": None}, [1])
_COMPUTE_REFUSALS = [
    *(_put("force-down", at, _FORCE) for at in ("2.1", "2.11", "2.52", "2.53")),
    _put("force-down", "2.11", {"host": "nope"}),
    _put("force-down", "2.11", {**_FORCE, "binary": "nova-scheduler"}),
    _put("nonsense", "2.11", {"host": "nope", "binary": "nova-compute"}),
    _put("disable-log-reason", "2.11", {"host": "nope", "binary": "nova-compute"}),
    *(_put(NOBODY, _NEW, body) for body in ({}, {"forced_down": True}, {"forced_down": "maybe"}, {"disabled": 1})),
    *(_put(NOBODY, _NEW, body) for body in ({"status": "off"}, {"status": "disabled", "disabled_reason": ""})),
    _put("nope", _NEW, {"status": "enabled"}),
    *(_act(_NEW, {"evacuate": body}) for body in ({}, None, {"onSharedStorage": True}, {"host": "no/host"})),
    *(_act("2.13", {"evacuate": body}) for body in ({}, {"onSharedStorage": "maybe"})),
    _act("2.68", {"evacuate": {"host": "c1", "force": True}}),
    _act("2.67", {"evacuate": {"host": "c1", "force": "maybe"}}),
    *(_act(_NEW, body) for body in _NO_ACTIONS),
    *(_act(_NEW, {"os-migrateLive": body}) for body in ({}, {"host": None, "block_migration": "maybe"})),
    _act("2.24", {"os-migrateLive": {"host": None, "block_migration": "auto"}}),
    *(_act(_NEW, {"migrate": body}) for body in ({"force": 1}, {"host": ""})),
    _act(_NEW, {"os-resetState": {"state": "x"}}),
    *(_act(_NEW, {"lock": body}) for body in ({"reason": "x"}, {"locked_reason": ""})),
    _act(_NEW, {"reboot": {"type": "X"}}),
    Question(service="compute", method="DELETE", path=f"/servers/{NOBODY}", version=_NEW),
    Question(service="compute", method="DELETE", path=f"/servers/{NOBODY}/migrations/1", version=_NEW),
]
_ONE = "{server}"
_SERVER = (
    "status",
    *(f"OS-EXT-STS:{key}" for key in ("vm_state", "task_state", "power_state")),
    *(f"OS-EXT-SRV-ATTR:{key}" for key in ("host", "hypervisor_hostname")),
    "progress",
)
_MIGRATION = ("migration_type", "status", "source_compute", "dest_compute", "source_node", "dest_node")
_COURSE = (
    _told(f"/servers/{_ONE}", *_SERVER),
    _told(f"/servers/{_ONE}/os-instance-actions", "action", "message"),
    _told(f"/os-migrations?instance_uuid={_ONE}", *_MIGRATION),
    *_read(
        "compute", *((at, f"/servers/{_ONE}") for at in ("2.1", "2.16", "2.69")), (_NEW, f"/servers/{_ONE}/migrations")
    ),
    *_read("placement", ("1.39", f"/allocations/{_ONE}")),
)
_OF_ONE_SERVER = (
    *_COURSE,
    *_read("compute", *((at, f"/servers/{_ONE}") for at in ("2.9", "2.47", "2.73", "2.104"))),
    *_read(
        "compute",
        *((_NEW, "/servers/detail?all_tenants=1"), (_NEW, "/servers/detail?all_tenants=1&host=compute-3")),
        *((_NEW, "/servers?all_tenants=1&host=compute-1"), (_NEW, f"/servers/{_ONE}/migrations/99999")),
        (_NEW, f"/servers/{_ONE}/os-volume_attachments"),
        *((at, "/os-migrations?source_compute=compute-1") for at in ("2.22", "2.23", "2.58", "2.59", _NEW)),
        (_NEW, "/os-migrations?source_compute=compute-1&migration_type=evacuation"),
    ),
    *_read("placement", ("1.11", f"/allocations/{_ONE}")),
    *(_act(_NEW, {"evacuate": {"host": host} if host else {}}, _ONE) for host in ("", "nope", "compute-1")),
    *(_act(_NEW, {verb: None}, _ONE) for verb in ("os-start", "unpause", "resume", "confirmResize", "revertResize")),
    _act(_NEW, {"os-migrateLive": {"host": "nope", "block_migration": "auto"}}, _ONE),
    _act(_NEW, {"migrate": {"host": "nope"}}, _ONE),
    Question(service="compute", method="DELETE", path=f"/servers/{_ONE}/migrations/99999", version=_NEW),
    Question(
        service="compute",
        method="POST",
        path=f"/servers/{_ONE}/migrations/99999/action",
        version=_NEW,
        body={"force_complete": None},
    ),
)
OF_A_DEAD_HOST: Sequence[Question] = (
    *_COURSE,
    *_read(
        "compute",
        *((_NEW, "/os-services?host=compute-2"), (_NEW, "/os-hypervisors/detail")),
        (_NEW, "/servers/detail?all_tenants=1&host=compute-2"),
        *((at, "/os-migrations?source_compute=compute-2&migration_type=evacuation") for at in ("2.59", _NEW)),
    ),
    *(_act(at, {"evacuate": {"host": host}}, _ONE) for at in ("2.67", _NEW) for host in ("nope", "compute-2")),
    *(_act(_NEW, {verb: None}, _ONE) for verb in ("unpause", "confirmResize")),
    _act(_NEW, {"migrate": {"host": "nope"}}, _ONE),
)
"""Of a server of compute-2, which is dead: one that still waits there, or one that was evacuated from it."""
OF_A_RETURNED_HOST: Sequence[Question] = (
    *_COURSE,
    _told("/os-services?host=compute-1", "state", "status", "forced_down", "disabled_reason"),
    *_read(
        "compute",
        *((_NEW, "/os-hypervisors/detail"), (_NEW, "/servers/detail?all_tenants=1&host=compute-1")),
        *((at, "/os-migrations?source_compute=compute-1&migration_type=evacuation") for at in ("2.59", _NEW)),
    ),
    _act(_NEW, {"evacuate": {}}, _ONE),
)
"""Of a server that was evacuated from compute-1, which lives again: one that stayed away, or one that came back."""
_PLACEMENT = _read(
    "placement",
    *(("1.39", "/resource_providers"), ("1.0", "/resource_providers"), ("1.99", "/resource_providers")),
    *(("1.39", f"/resource_providers/{NOBODY}"), ("1.39", f"/resource_providers/{NOBODY}/usages")),
    *(("1.39", f"/allocations/{NOBODY}"), ("1.39", "/allocation_candidates"), ("", "/"), ("", "/nope")),
    *((at, "/allocation_candidates?resources=VCPU:1") for at in ("1.9", "1.10", "1.16", "1.39")),
    ("1.39", "/allocation_candidates?resources=NOPE:1"),
)
_VOLUME = _read(
    "volume",
    *(("3.70", "/volumes/detail?all_tenants=1&host=nope"), ("3.0", "/volumes/detail?host=nope")),
    *(("3.70", "/volumes/detail?host=nope"), ("3.70", f"/volumes/{NOBODY}"), ("3.70", "/volumes?limit=x")),
    *(("3.70", f"/volumes?marker={NOBODY}"), ("3.99", "/volumes"), ("3.70", "/nope"), ("3.70", "/os-services")),
    *(("3.0", "/os-services"), ("3.70", "/backups/detail"), ("3.70", f"/backups/{NOBODY}"), ("3.70", "/types")),
    *(("3.70", "/attachments"), ("3.26", "/attachments")),
)
QUESTIONS: Sequence[Question] = (*_COMPUTE_READS, *_COMPUTE_REFUSALS, *_OF_ONE_SERVER, *_PLACEMENT, *_VOLUME)


@dataclass(kw_only=True)
class _Guest:
    """A user logged in to a cloud."""

    http: aiohttp.ClientSession
    token: str
    urls: dict[str, str]
    server: str

    async def ask(self, question: Question) -> tuple[int, str, Any]:
        """Status, the sentence of a refusal, and the parsed answer."""
        url = next(self.urls[t] for t in _TYPES[question.service] if t in self.urls)
        headers = {"X-Auth-Token": self.token}
        if question.version:
            headers["OpenStack-API-Version"] = f"{question.service} {question.version}"
        address = f"{url}{question.path.replace(_ONE, self.server)}"
        async with self.http.request(question.method, address, json=question.body, headers=headers) as answer:
            text = await answer.text()
            shown = json.loads(text) if answer.content_type == "application/json" and text else text
            return answer.status, _sentence(shown).replace(self.server, _ONE), shown


async def _log_in(http: aiohttp.ClientSession, cloud: Cloud, user: str) -> _Guest:
    domain = {"name": "Default"}
    password = {"user": {"name": user, "domain": domain, "password": cloud.password}}
    body = {
        "auth": {
            "identity": {"methods": ["password"], "password": password},
            "scope": {"project": {"name": user, "domain": domain}},
        }
    }
    async with http.post(f"{cloud.auth_url}/auth/tokens", json=body) as answer:
        assert answer.status == 201, await answer.text()
        catalog = (await answer.json())["token"]["catalog"]
        urls = {
            service["type"]: endpoint["url"].rstrip("/")
            for service in catalog
            for endpoint in service["endpoints"]
            if endpoint["interface"] == "public"
        }
        return _Guest(http=http, token=answer.headers["X-Subject-Token"], urls=urls, server=cloud.server)


async def differences(simulated: Cloud, real: Cloud, *, questions: Sequence[Question] = QUESTIONS) -> list[str]:
    """Every question that the two answer differently: in status, in what they say, in the keys they show or in values
    that the question names.
    """
    found = []
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        for user in ("admin", "demo"):
            ours, theirs = await _log_in(http, simulated, user), await _log_in(http, real, user)
            for question in questions:
                mine, truth = await ours.ask(question), await theirs.ask(question)
                problem = _difference(mine, truth) or _unlike(question, mine[2], truth[2])
                if problem:
                    found.append(f"{user}: {question}: {problem}")
    return found


def _difference(ours: tuple[int, str, Any], theirs: tuple[int, str, Any]) -> str:
    if ours[0] != theirs[0]:
        return f"{ours[0]} {ours[1]!r} instead of {theirs[0]} {theirs[1]!r}"
    if ours[1] != theirs[1]:
        return f"{ours[1]!r} instead of {theirs[1]!r}"
    mine, truth = _keys(ours[2]), _keys(theirs[2])
    lists = {key for key in mine & truth if key.endswith("[]")}
    extra = {key for key in mine - truth if _comparable(key, lists)}
    missing = {key for key in truth - mine if _comparable(key, lists)}
    return f"keys {sorted(extra)} too many, {sorted(missing)} missing" if extra or missing else ""


def _unlike(question: Question, ours: Any, theirs: Any) -> str:
    told = [(key, list(_values(ours, key)), list(_values(theirs, key))) for key in question.alike]
    return "; ".join(f"{key} {mine} instead of {truth}" for key, mine, truth in told if mine != truth)


def _values(shown: Any, key: str) -> Iterator[Any]:
    """What stands under a key, wherever it does."""
    for name, value in shown.items() if isinstance(shown, dict) else ():
        if name == key:
            yield value
        yield from _values(value, key)
    for value in shown if isinstance(shown, list) else ():
        yield from _values(value, key)


def _comparable(key: str, lists: set[str]) -> bool:
    """Whether a key can be compared: not what stands in a list that is empty in one of the clouds."""
    parents = [key[: match.end()] for match in re.finditer(r"\[\]", key)]
    return all(parent in lists for parent in parents)


def _keys(shown: Any, path: str = "") -> set[str]:
    """The paths of all keys; names of hosts and ids do not count."""
    found: set[str] = set()
    if isinstance(shown, dict):
        for key, value in shown.items():
            name = "*" if re.fullmatch(r"[0-9a-f-]{32,36}|(compute|controller|storage)[-\d]*", key) else key
            found |= {f"{path}.{name}"} | _keys(value, f"{path}.{name}")
    elif isinstance(shown, list):
        for value in shown:
            found |= {f"{path}[]"} | _keys(value, f"{path}[]")
    return found


def _sentence(shown: Any) -> str:
    """What a refusal says; its remarks on the schema are left out."""
    if isinstance(shown, str):
        return shown
    for value in shown.values() if isinstance(shown, dict) else ():
        if isinstance(value, dict) and "message" in value:
            return str(value["message"])
        if isinstance(value, list) and value and isinstance(value[0], dict) and "detail" in value[0]:
            return str(value[0]["detail"]).partition("  Failed validating")[0].rstrip()
    return ""
