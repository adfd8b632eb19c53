"""No sentence for people puts a noun behind a number by itself, nor says how many more there are: `counting` does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORDS = [
    "VM",
    "host",
    "step",
    "volume",
    "evacuation",
    "service",
    "migration",
    "approval",
    "alert",
    "operation",
    "people",
    "question",
    "line",
    "cell",
    "time",
    "backup",
    "cloud",
    "finding",
    "disk",
    "heartbeat",
    "record",
]
NOUN = "|".join("people" if word == "people" else f"{word}s" for word in WORDS)
BEHIND = re.compile(rf"^ (?:of its |other |more |running |Cinder |named |open )?(?:{NOUN})\b(?! \()")
EXPONENT = re.compile(r"^(?:,?\.?\d*[geG])$")
FOLDERS = ("bot", "adapters")
APART = ("bot/demo", "adapters/simulated", "bot/domain/counting.py")
NAMES = frozenset({"name", "host", "host_name", "service.host", "cloud", "server.name"})


def sources() -> list[Path]:
    files = (path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in files if not str(path.relative_to(ROOT)).startswith(APART)]


def wrong_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for before, value, after in zip([None, *node.values], node.values, [*node.values[1:], None], strict=False):
            if not isinstance(value, ast.FormattedValue):
                continue
            said = ast.unparse(value.value)
            unit = str(after.value) if isinstance(after, ast.Constant) else ""
            spec = _text(value.format_spec) if isinstance(value.format_spec, ast.JoinedStr) else ""
            if EXPONENT.match(spec) and not unit.startswith(" s"):
                yield f"line {value.lineno}: {said} with a format that may show an exponent"
            if unit.startswith(" more") and isinstance(before, ast.Constant) and str(before.value).endswith("and "):
                yield f"line {value.lineno}: and {said} more"
            if BEHIND.match(unit) and _is_number(value):
                yield f"line {value.lineno}: {said}{unit}"


def _text(spec: ast.JoinedStr) -> str:
    return "".join(str(part.value) for part in spec.values if isinstance(part, ast.Constant))


def _is_number(value: ast.FormattedValue) -> bool:
    """What is formatted, unless it is a name or another text."""
    inner = value.value
    if isinstance(inner, ast.Constant | ast.JoinedStr):
        return False
    said = ast.unparse(inner)
    return said not in NAMES and not said.endswith((".host", ".name", "_name", "_id"))


def test_the_rule_sees_what_it_forbids() -> None:
    assert list(wrong_in('f"{len(vms)} VMs are here"')) == ["line 1: len(vms) VMs are here"]
    assert list(wrong_in('f"{left} of its {len(whole)} VMs"')) == ["line 1: len(whole) VMs"]
    assert list(wrong_in('f"{memory:.4g} GiB"')) == ["line 1: memory with a format that may show an exponent"]
    assert list(wrong_in('f"{shown} and {left} more"')) == ["line 1: and left more"]
    assert not list(wrong_in("""f"{counted(len(vms), 'VM')} {service.host} reports" """))


def test_numbers_and_their_words_agree() -> None:
    found = {str(path.relative_to(ROOT)): list(wrong_in(path.read_text())) for path in sources()}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}
