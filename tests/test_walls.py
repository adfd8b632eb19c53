"""Each wall between the rooms holds: an import that is planted across it is found."""

import copy
import itertools
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter import api
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.independence import IndependenceContract
from importlinter.contracts.layers import LayersContract
from importlinter.domain.contract import Contract

ROOT = Path(__file__).parents[1]
CONFIGURATION = api.read_configuration(str(ROOT / "pyproject.toml"))
KINDS: dict[str, type[Contract]] = {
    "layers": LayersContract,
    "independence": IndependenceContract,
    "forbidden": ForbiddenContract,
}


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("bot", "adapters", include_external_packages=True, cache_dir=None)


def planted(contract: dict[str, Any]) -> list[tuple[str, str]]:
    """Imports that this contract forbids: who would import whom."""
    match contract["type"]:
        case "layers":
            prefixes = [f"{container}." for container in contract.get("containers", ())] or [""]
            layers = [layer.split(" | ") for layer in contract["layers"]]
            return [
                (f"{prefix}{lower[0]}", f"{prefix}{upper[-1]}")
                for prefix in prefixes
                for upper, lower in itertools.pairwise(layers)
            ]
        case "independence":
            first, *others = contract["modules"]
            return [(first, other) for other in others]
        case "forbidden":
            return [(source, contract["forbidden_modules"][0]) for source in contract["source_modules"]]
    raise AssertionError(f"nothing is planted for a contract of the type {contract['type']}")


def is_kept(contract: dict[str, Any], imports: grimp.ImportGraph) -> bool:
    options = {key: value for key, value in contract.items() if key not in {"name", "type"}}
    made = KINDS[contract["type"]](contract["name"], CONFIGURATION["session_options"], options)
    return made.check(copy.deepcopy(imports), verbose=False).kept


@pytest.mark.parametrize("contract", CONFIGURATION["contracts_options"], ids=lambda contract: contract["name"])
def test_an_import_across_a_wall_is_found(contract: dict[str, Any], imports: grimp.ImportGraph) -> None:
    assert is_kept(contract, imports)
    crossings = planted(contract)
    assert crossings
    for importer, imported in crossings:
        assert {importer, imported} <= imports.modules
        imports.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
        assert not is_kept(contract, imports), f"{importer} may import {imported}"
        imports.remove_import(importer=importer, imported=imported)
