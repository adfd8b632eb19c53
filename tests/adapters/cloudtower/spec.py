"""Holds bodies and replies against the vendor's OpenAPI document 4.6.0 (the subset in data/)."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

DATA = Path(__file__).parent / "data"
PREFIX = "/v2/api"


@cache
def document() -> dict[str, Any]:
    """The document with `nullable` said in JSON Schema's words, and the host fields that 4.7.0 added."""
    spec: dict[str, Any] = _translated(json.loads((DATA / "openapi-subset.json").read_text()))
    host = spec["components"]["schemas"]["Host"]["properties"]
    host["connect_status"] = {"enum": ["CONNECTED", "DISCONNECTED"]}
    host["merged_status"] = {"enum": ["HEALTHY", "UNUSUAL", "DISCONNECTED", "INITIALIZING"]}
    return spec


def _translated(node: Any) -> Any:
    if isinstance(node, list):
        return [_translated(item) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _translated(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") is True else made


@cache
def _registry() -> Registry[Any]:
    registry: Registry[Any] = Registry().with_resource("urn:tower", DRAFT202012.create_resource(document()))
    return registry.crawl()


@cache
def _validator(pointer: str) -> Draft202012Validator:
    path = "/".join(part.replace("~", "~0").replace("/", "~1") for part in pointer.split("|"))
    return Draft202012Validator({"$ref": f"urn:tower#/{path}"}, registry=_registry())


def complaints(method: str, path: str, body: Any, status: int, reply: Any) -> list[str]:
    """What is wrong with one call and its answer; empty when the document allows both, or does not know the path."""
    operation = document()["paths"].get(path.removeprefix(PREFIX), {}).get(method.lower())
    if operation is None:
        return []
    where = f"paths|{path.removeprefix(PREFIX)}|{method.lower()}"
    found = []
    if "requestBody" in operation:
        found += _errors(f"{where}|requestBody|content|application/json|schema", body, f"request {path}")
    if str(status) in operation["responses"]:
        found += _errors(f"{where}|responses|{status}|content|application/json|schema", reply, f"{status} {path}")
    return found


def _errors(pointer: str, value: Any, what: str) -> list[str]:
    return [f"{what}: {e.json_path}: {e.message[:200]}" for e in _validator(pointer).iter_errors(value)]
