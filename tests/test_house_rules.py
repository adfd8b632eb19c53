"""What the house promises about itself: sizes, walls and words."""

import ast
import collections
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.findings import made_in

ROOT = Path(__file__).parents[1]
MOST_LINES = {"bot": 400, "adapters": 400, "tests": 500}
MOST_LINES_OF_THE_DESK = 250
MOST_MODULES = 14
REASON = re.compile(r"^# Longer than \d+ lines: \w.{20,}", re.MULTILINE)
"""How a file says why it may be longer."""

FORBIDDEN = {
    r"\b(TODO|FIXME|XXX|HACK)\b": "an unfinished thought belongs into an issue",
    r"\bunittest\.mock\b|\bMagicMock\b": "fakes keep state and speak the real protocol",
    r"@pytest\.mark\.(skip|skipif|xfail)\b|\bpytest\.(skip|xfail)\(": "a test that is not run proves nothing",
    r"(?<![\w.])/(?:work|tmp)/[a-z]": "a path of one machine",
    r"\bNotImplementedError\b": "a stub",
}
OF_THE_WHOLE_BOT = {
    "bends": "the whole bot while one answer of a cloud is bent",
    "browser": "the demo's page in Chromium",
    "contract": "what every cloud, and every database, owes to the bot",
    "image": "the container's image",
    "openstack": "the bot against a real OpenStack",
    "pairs": "several bots over one database and one workspace",
    "release": "what is handed out",
    "services": "the bot against real programs of others",
    "stories": "evenings of one bot, typed and read in Slack",
}
"""Folders of tests that mirror no folder of the source, with what they are about."""

ONE_MEANING = {
    "a port of the law, and what serves it": "alarms audit clock cloud inbox leases operations outbox people unit",
    "what is kept of a thing, how it is told, and where it is shown": "alarm answers cards copies details messages "
    "notices set_aside steps unwell vms",
    "one matter of a cloud: read, judged, planned, done or simulated": "alerts cinder_manage entering evacuation ha "
    "leaving locks look migration_records placement power servers survey translate",
    "what a person sets, and what is asked before it is needed": "settings check",
    "what gives a sign of life at intervals, and what is made of its silence": "heartbeats",
    "why a room says no": "errors refusals",
    "what is asked again, and for how long": "retries",
    "what an emulated service holds, and what goes wrong with it on order": "records faults",
}
"""The names that several files have, under what they mean in each of their folders."""

WEAK_NAMES = re.compile(r"^\s*class \w*(?:Manager|Helper|Utils?)\b", re.MULTILINE)


MAY_COMPARE_DATES = {
    "adapters/openstack/steps/moves/look.py": "dates of the cloud's records",
    "adapters/openstack/model/migration_records.py": "dates of the cloud's records",
    "bot/domain/rules/calendar.py": "what people mean by a day and a time",
    "bot/domain/progress/forecast.py": "moments of steps, for an estimate that is shown",
    "bot/domain/messages/reminder.py": "what people agreed on: expiry, escalation, start",
    "bot/domain/steady_clock.py": "goes on from rows of an earlier process, whose clock was ahead",
    "bot/domain/progress/set_aside.py": "moments of steps, for a time that is shown",
    "bot/domain/progress/steps.py": "moments of steps, on the line of one run",
    "bot/domain/rules/timing.py": "what people agreed on: windows, freezes, expiry",
    "bot/domain/progress/turns.py": "moments of steps, on the line of one run",
    "bot/desk/periodic.py": "how long what is over is kept, over years and restarts",
    "bot/runtime/schedule.py": "undoes what its library, which plans by date, makes of a date that was set",
    "bot/slack/inbound/reception.py": "the age of a delivery that any process may have recorded",
    "bot/store/figures.py": "an age that is shown",
    "bot/store/parts/leadership.py": "PostgreSQL's own time",
    "bot/store/parts/leases.py": "PostgreSQL's own time, a steady clock, and starts that people agreed on",
    "bot/watch/alerted_hosts.py": "moments of rows that any process may have written: only how they are grouped depends on them",
    "bot/store/parts/operations.py": "what people agreed on: expiry",
    "bot/watch/down.py": "starts that people agreed on, and two looks, of any process, told apart",
    "bot/watch/left_over.py": "reminders after hours and days, over restarts",
    "bot/desk/deliveries.py": "how old a delivery may be that a start finds",
    "bot/slack/outbound/unwell.py": "since when Slack is asked what stands there",
}
"""Where the date may be held against another one, with the reason; everywhere else spans go by `Clock.monotonic`."""


def files(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


# sizes and words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", MOST_LINES)
def test_a_file_can_be_read_in_one_sitting(folder: str) -> None:
    too_long = {
        name(path): count
        for path in files(folder)
        if (count := len(path.read_text().splitlines())) > MOST_LINES[folder] and not REASON.search(path.read_text())
    }
    assert too_long == {}


def test_no_file_of_the_desk_has_more_than_one_duty() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for path in files("bot/desk")}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES_OF_THE_DESK} == {}


def test_a_folder_can_be_known_by_heart() -> None:
    rooms = collections.Counter(name(path.parent) for path in files("bot", "adapters") if path.name != "__init__.py")
    assert {folder: modules for folder, modules in rooms.items() if modules > MOST_MODULES} == {}


def test_the_tests_of_a_folder_stand_in_a_folder_of_its_name() -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py")} - {Path()}
    mirrors = {folder for folder in folders if folder.parts[0] not in OF_THE_WHOLE_BOT}
    rooms = {folder: ROOT / ("" if folder.parts[0] == "adapters" else "bot") / folder for folder in mirrors}
    assert [str(folder) for folder, room in sorted(rooms.items()) if not [*room.glob("*.py")]] == []
    assert set(OF_THE_WHOLE_BOT) == {folder.parts[0] for folder in folders - mirrors}, "these need no leave any more"


def test_each_file_names_its_duty_in_its_first_line() -> None:
    silent = [
        name(path)
        for path in files("bot", "adapters")
        if path.read_text().strip()
        and not re.match(r'(#!.*\n)?"""\S', path.read_text())
        and "migrations" not in path.parts
    ]
    assert silent == []


@pytest.mark.parametrize("pattern", FORBIDDEN, ids=list(FORBIDDEN.values()))
def test_some_words_do_not_stand_in_the_source(pattern: str) -> None:
    here = Path(__file__)
    found = [
        f"{name(path)}:{number}: {line.strip()}"
        for path in files("bot", "adapters", "tests")
        if path != here
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert found == []


def test_classes_are_named_after_what_they_are() -> None:
    assert [name(path) for path in files("bot", "adapters") if WEAK_NAMES.search(path.read_text())] == []


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for path in files("bot", "adapters"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(f"{name(path)}:{node.lineno}")
    assert {one: found for one, found in places.items() if len(found) > 1} == {}


def test_a_file_name_means_the_same_in_each_folder() -> None:
    named = [path.stem for path in files("bot", "adapters") if not path.stem.startswith("__")]
    shared = {stem for stem, times in collections.Counter(named).items() if times > 1}
    known = [stem for stems in ONE_MEANING.values() for stem in stems.split()]
    assert shared - set(known) == set(), "another name, or the meaning that it has in each folder"
    assert sorted(known) == sorted(shared), "these need no leave any more"


def test_only_main_and_its_like_read_the_environment() -> None:
    readers = [
        name(path) for path in files("bot", "adapters") if re.search(r"\bos\.(environ|getenv)\b", path.read_text())
    ]
    assert set(readers) <= {"bot/__main__.py", "bot/demo/run.py"}


def test_only_the_demo_deletes_files_and_only_in_its_own_folder() -> None:
    destroying = re.compile(
        r"\brmtree\b|\bos\.(remove|unlink|rmdir|removedirs)\b|\.(unlink|rmdir)\(|\bdrop_all\b|\bDROP (TABLE|DATABASE)\b"
    )
    destroyers = [name(path) for path in files("bot", "adapters") if destroying.search(path.read_text())]
    assert destroyers == ["bot/demo/folder.py"]


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    """What a caller may give; of a class, to make one."""
    if isinstance(node, ast.ClassDef):
        made = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
        if made is None:
            return {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
        node = made
    taken = node.args
    return {a.arg for a in (*taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg) if a} - {"self", "cls"}


def test_a_docstring_explains_the_parameters_that_there_are() -> None:
    wrong = []
    for path in files("bot", "adapters"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            told = re.search(r"^Args:\n((?:    .*\n?)+)", ast.get_docstring(node) or "", re.MULTILINE)
            named = set(re.findall(r"^    \*{0,2}(\w+):", told[1], re.MULTILINE)) if told else set()
            taken = parameters(node)
            if named - taken or (named and isinstance(node, ast.ClassDef) and taken - named):
                wrong.append(f"{name(path)}:{node.lineno} {node.name}: {sorted(named ^ taken)}")
    assert wrong == []


# walls -------------------------------------------------------------------------------------------------------------


def test_the_walls_between_the_rooms_stand() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_law_and_the_views_await_nothing() -> None:
    waits = (ast.Await, ast.AsyncFor, ast.AsyncWith)
    awaiting = [
        f"{name(path)}:{node.lineno}"
        for path in files("bot/domain", "bot/slack/views")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, waits)
    ]
    assert awaiting == []


def test_what_tests_share_stands_in_no_file_of_tests() -> None:
    borrowed = [
        f"{name(path)}:{number}: {line}"
        for path in files("tests")
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.match(r"\s*from tests\.[\w.]*\btest_\w+ import (?!\*)", line)
    ]
    assert borrowed == []


# time --------------------------------------------------------------------------------------------------------------


def is_date(node: ast.expr, names: set[str]) -> bool:
    """Whether it is what a clock for dates said, or a moment so far from that."""
    match node:
        case ast.Await(value=inner):
            return is_date(inner, names)
        case ast.Call(func=ast.Attribute(value=whose, attr="now" | "_now")) | ast.Attribute(value=whose, attr="now"):
            return "steady" not in ast.unparse(whose)
        case ast.Name(id=name):
            return name in names
        case ast.BinOp(left=left, right=right, op=ast.Add()):
            return is_date(left, names) or is_date(right, names)
    return False


def compared_dates(source: str) -> list[str]:
    """Where a date is held against another moment."""
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        taken = {a.arg: a.annotation for a in (*function.args.args, *function.args.kwonlyargs)}
        names = {"now"} if "now" in taken and "float" not in ast.dump(taken["now"] or ast.Pass()) else set[str]()
        for node in ast.walk(function):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=value) if is_date(value, names):
                    names.add(name)
                case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                    pairs = zip(targets, values, strict=False)
                    names |= {t.id for t, v in pairs if isinstance(t, ast.Name) and is_date(v, names)}
                case ast.Assign(targets=[ast.Tuple(elts=targets)]):
                    names |= {"now"} & {t.id for t in targets if isinstance(t, ast.Name)}
                case ast.BinOp(left=left, right=right, op=ast.Sub()) if is_date(left, names) or is_date(right, names):
                    found.append(f"{node.lineno}: {ast.unparse(node)}")
                case ast.Compare(left=left, comparators=others) if any(is_date(one, names) for one in (left, *others)):
                    found.append(f"{node.lineno}: {ast.unparse(node)}")
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(
    "source",
    [
        "def f(self): return self._clock.now() - self._last",
        "def f(self):\n    began = clock.now()\n    if began - last > GAP: pass",
        "async def f(unit, row):\n    now = await unit.now()\n    return row.until <= now",
        "def f(*, now): return max(0, now - at)",
        "async def f(unit, row):\n    row, now = await unit.held()\n    return row.until <= now",
        "def f(clock):\n    due, tries = clock.now() + PAUSE, 3\n    return due > soon",
        "def f(self): return self._now() - self._seen < GAP",
        "def f(seen): return seen.now - since > GRACE",
    ],
)
def test_a_span_that_is_measured_by_dates_is_found(source: str) -> None:
    assert compared_dates(source) != []


def test_spans_are_measured_by_a_clock_that_nobody_sets() -> None:
    found = {
        name(path): lines
        for path in files("bot", "adapters")
        if not name(path).startswith(("adapters/simulated/", "bot/demo/", "bot/runtime/clock.py"))
        if (lines := compared_dates(path.read_text()))
    }
    assert {path: lines for path, lines in found.items() if path not in MAY_COMPARE_DATES} == {}
    assert set(MAY_COMPARE_DATES) - set(found) == set(), "these need no leave any more"


def test_an_adapter_judges_on_the_floor_of_its_findings_alone() -> None:
    assert [made.where for made in made_in("adapters") if "/findings/" not in made.where] == []


def test_every_blocker_has_its_way_through_written_on_it() -> None:
    made = made_in("bot", "adapters")
    assert len(made) > 100
    assert [one for one in made if one.verdict in {"blocker", "unknown"} and not one.has_remedy] == []
