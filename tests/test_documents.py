"""Documents keep up with the code, and with each other."""

import fnmatch
import itertools
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from bot.domain.operation import FINAL, TABLE, State
from bot.slack.command_names import COMMANDS
from tests.findings import made_in

ROOT = Path(__file__).parents[1]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def diagram() -> str:
    """The table of states as mermaid, in the order of the table."""
    lines = ["stateDiagram-v2", "    [*] --> CHECKING"]
    lines += [f"    {at.name} --> {to.name}: {event.value}" for (at, event), to in TABLE.items()]
    lines += [f"    {state.name} --> [*]" for state in State if state in FINAL]
    return "\n".join(lines)


def test_the_diagram_in_the_operations_guide_is_the_table() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    (drawn,) = re.findall(r"```mermaid\n(.*?)\n```", guide, re.DOTALL)
    assert drawn == diagram(), f"replace the diagram in docs/operations.md by:\n{diagram()}"


def test_the_operations_guide_explains_every_state() -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    assert [state.name for state in State if f"| {state.value} |" not in guide] == []


def test_the_readme_and_the_manifest_name_the_commands_that_are_registered() -> None:
    commands = set(COMMANDS)
    readme = (ROOT / "README.md").read_text()
    assert commands <= set(re.findall(r"(?<![\w.])/[a-z]+\b", readme))
    manifest = yaml.safe_load((ROOT / "manifest.yml").read_text())
    assert {one["command"] for one in manifest["features"]["slash_commands"]} == commands


@pytest.mark.parametrize(
    ("title", "folder"),
    [("Every cloud", "bot"), ("OpenStack", "adapters/openstack"), ("SmartX CloudTower", "adapters/cloudtower")],
)
def test_the_table_of_findings_is_what_the_source_can_say(title: str, folder: str) -> None:
    guide = (ROOT / "docs" / "findings.md").read_text()
    (part,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", guide, re.DOTALL | re.MULTILINE)
    told = {code: set(said.split(", ")) for code, said in re.findall(r"^\| `(.+?)` \| (.+?) \|", part, re.MULTILINE)}
    made: dict[str, set[str]] = {}
    for one in made_in(folder):
        made.setdefault(one.code, set()).add(one.verdict)
    assert {pattern for pattern in made if not fnmatch.filter(told, pattern)} == set(), "missing in docs/findings.md"
    assert {code: verdicts for code, verdicts in told.items() if verdicts != _verdicts(code, made)} == {}


def _verdicts(code: str, made: dict[str, set[str]]) -> set[str]:
    return made.get(code) or set().union(*(found for pattern, found in made.items() if fnmatch.fnmatch(code, pattern)))


def test_decisions_are_short_and_numbered_without_gaps() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    for path in records:
        text = path.read_text()
        assert len(text.splitlines()) <= 40, f"{path.name} is too long"
        assert [head for head in ("## Context", "## Decision", "## Consequences") if head not in text] == [], path.name


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{name(document)} → {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", document.read_text())
        if "://" not in target and not (document.parent / target).exists()
    ]
    assert broken == []


def test_every_table_of_a_document_has_a_head() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    headless = [
        f"{name(document)}: {rows[0]}"
        for document in documents
        for block in re.split(r"\n\s*\n", document.read_text())
        if (rows := [line for line in block.splitlines() if line.startswith("|")])
        and not (len(rows) > 1 and re.fullmatch(r"\|[\s:|-]+\|", rows[1]))
    ]
    assert headless == []


def test_every_dependency_is_accounted_for() -> None:
    """The record of dependencies names each package that pyproject.toml asks for."""
    file = tomllib.loads((ROOT / "pyproject.toml").read_text())
    optional = [*file["project"]["optional-dependencies"].values(), *file["dependency-groups"].values()]
    asked = [*file["project"]["dependencies"], *itertools.chain(*optional)]
    names = [re.split(r"[^A-Za-z0-9-]", one)[0] for one in asked]
    record = next((ROOT / "docs" / "adr").glob("*dependencies*.md")).read_text()
    assert [one for one in names if one not in record] == []
