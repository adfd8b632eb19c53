"""What a server installs: the packages that it imports, and none that only the demo does."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
OF_THE_DEMO = ("bot/demo/", "adapters/simulated/")
LACKS_JSONSCHEMA = (
    "import sys; sys.modules['jsonschema'] = None; from bot.__main__ import main; sys.exit(main(['demo']))"
)
LOCKED = {one["name"]: one for one in tomllib.loads((ROOT / "uv.lock").read_text())["package"]}


def installed(*wanted: str) -> set[str]:
    """The packages of the lock file that come with these."""
    found: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [one["name"] for one in LOCKED[name].get("dependencies", [])]
    return found


SERVER = installed("muster")
DEMO = {one["name"] for one in LOCKED["muster"]["optional-dependencies"]["demo"]}


def imported(*, by_the_demo: bool) -> dict[str, set[str]]:
    """Each foreign top-level module that is imported, with the distributions that could have brought it."""
    brought = metadata.packages_distributions()
    foreign = {
        module
        for folder in ("bot", "adapters")
        for path in (ROOT / folder).rglob("*.py")
        if str(path.relative_to(ROOT)).startswith(OF_THE_DEMO) == by_the_demo
        for module in modules(path)
        if module not in sys.stdlib_module_names | {"bot", "adapters"}
    }
    return {module: {one.lower().replace("_", "-") for one in brought.get(module, [])} for module in foreign}


def modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                yield from (one.name.split(".")[0] for one in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.split(".")[0]


def test_a_server_installs_what_it_imports() -> None:
    assert {module for module, by in imported(by_the_demo=False).items() if not by & SERVER} == set()


def test_the_extra_holds_what_only_the_demo_imports() -> None:
    assert {module for module, by in imported(by_the_demo=True).items() if not by & (SERVER | DEMO)} == set()
    assert DEMO - {one for by in imported(by_the_demo=True).values() for one in by} == set()
    assert DEMO.isdisjoint(SERVER)


def test_a_demo_without_its_packages_says_how_to_install_them() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LACKS_JSONSCHEMA], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "muster: The demo needs the package jsonschema, which a server does not. "
        "Install it with: pip install 'muster[demo]'. In a copy of the source `make demo` does that.\n"
    )


def test_types_are_handed_out() -> None:
    assert (ROOT / "bot" / "py.typed").exists()
    assert (ROOT / "adapters" / "py.typed").exists()
