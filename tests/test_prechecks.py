"""Every path of every cloud asks the same list of questions, or says why one does not apply."""

import fnmatch
import re
from pathlib import Path

import pytest

from adapters.cloudtower.cloud import CloudTowerCloud
from bot.domain.values import Action
from tests.findings import made_in, reached_from
from tests.prechecks import CLOUDTOWER, OPENSTACK, PRECHECKS
from tests.prechecks import Path as Way

GUIDE = Path(__file__).parents[1] / "docs" / "findings.md"
STARTS: dict[Way, str] = {
    (OPENSTACK, Action.EVACUATE): "adapters.openstack.plans.evacuation.evacuation",
    (OPENSTACK, Action.ENTER): "adapters.openstack.plans.entering.entering",
    (OPENSTACK, Action.EXIT): "adapters.openstack.plans.leaving.returning",
    (OPENSTACK, Action.REHOME): "adapters.openstack.plans.rehome_back.giving_back",
    (CLOUDTOWER, Action.ENTER): "adapters.cloudtower.plans.entering.plan",
    (CLOUDTOWER, Action.EXIT): "adapters.cloudtower.plans.leaving.plan",
}


def asked(path: Way) -> set[str]:
    """The codes that a path's answers name."""
    answers = (one.answers[path] for one in PRECHECKS)
    return {code for answer in answers if not isinstance(answer, str) for code in answer}


def matrix() -> str:
    """The list as a table."""
    paths = list(STARTS)
    head = [f"{'OpenStack' if kind == OPENSTACK else 'CloudTower'} {action.value}" for kind, action in paths]
    rows = [["question", *head], ["---"] * (len(head) + 1)]
    for one in PRECHECKS:
        cells = (one.answers[path] for path in paths)
        said = (cell if isinstance(cell, str) else ", ".join(f"`{code}`" for code in cell) for cell in cells)
        rows.append([one.question, *said])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_every_path_that_a_cloud_offers_answers_every_question() -> None:
    offered = {(OPENSTACK, action) for action in Action} | {(CLOUDTOWER, action) for action in CloudTowerCloud.actions}
    assert len({one.question for one in PRECHECKS}) == len(PRECHECKS)
    for one in PRECHECKS:
        assert set(one.answers) == offered == set(STARTS)
        for answer in one.answers.values():
            assert answer
            assert not isinstance(answer, str) or ((answer[0].isupper() or answer[0] == "`") and answer.endswith("."))


@pytest.mark.parametrize("path", STARTS, ids=lambda path: f"{path[0]}-{path[1].value}")
def test_what_a_path_is_said_to_ask_is_what_its_plan_can_find(path: Way) -> None:
    able = reached_from(f"adapters/{path[0]}", STARTS[path])
    told = asked(path)
    assert {code for code in told if not any(fnmatch.fnmatch(code, pattern) for pattern in able)} == set()
    assert {pattern for pattern in able if not fnmatch.filter(told, pattern)} == set(), "no question asks for these"


@pytest.mark.parametrize("kind", [OPENSTACK, CLOUDTOWER])
def test_every_finding_of_a_cloud_answers_a_question(kind: str) -> None:
    told = set().union(*(asked(path) for path in STARTS if path[0] == kind))
    made = {one.code for one in made_in(f"adapters/{kind}")}
    assert {pattern for pattern in made if not fnmatch.filter(told, pattern)} == set()


def test_the_matrix_in_the_guide_is_the_list() -> None:
    (drawn,) = re.findall(r"^\| question \|.*?(?=^$|\Z)", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert drawn.strip() == matrix(), f"replace the matrix in docs/findings.md by:\n{matrix()}"
