"""What `make release` hands out: the version of the tag, a wheel that runs where nothing else is, and its bill of materials."""

import email
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DIST, EMPTY = ROOT / "dist", ROOT / ".release"
SETTINGS = """
slack = { incident_channel = "C0INCIDENT" }
store = { url = "sqlite:///muster.db" }
clouds = [{ name = "prod", kind = "openstack", cloud = "prod" }]
"""
UV = Path(sys.prefix) / "bin" / "uv"


def only(pattern: str) -> Path:
    (found,) = DIST.glob(pattern)
    return found


def out(*words: object, cwd: Path = ROOT) -> str:
    return subprocess.run(
        [str(word) for word in words], cwd=cwd, capture_output=True, text=True, timeout=120, check=True
    ).stdout.strip()


def muster(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The wheel's program, in the environment that holds nothing but the wheel and what it needs."""
    line = [str(EMPTY / "bin" / "muster"), *words]
    return subprocess.run(
        line, cwd=cwd, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def about() -> Message:
    """The wheel's own description."""
    with zipfile.ZipFile(only("*.whl")) as wheel:
        (name,) = [each for each in wheel.namelist() if each.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(wheel.read(name))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The committed source as somebody has it who fetched no tags."""
    out("git", "clone", "--quiet", "--no-tags", ROOT, tmp_path / "clone")
    return tmp_path / "clone"


def built(folder: Path) -> str:
    """The version of the wheel that a folder makes."""
    out(UV, "build", "--quiet", "--wheel", "--out-dir", folder / "wheel", cwd=folder)
    (wheel,) = (folder / "wheel").glob("*.whl")
    shutil.rmtree(folder / "wheel")
    return wheel.name.split("-")[1]


def test_the_version_is_the_tag_and_tells_the_commit_where_there_is_none(clone: Path) -> None:
    commit = out("git", "rev-parse", "--short=7", "HEAD", cwd=clone)
    assert re.fullmatch(rf"0\.\d+\.dev\d+\+g{commit}\w*", built(clone))
    out("git", "tag", "v7.8.9", cwd=clone)
    assert built(clone) == "7.8.9"
    shutil.rmtree(clone / ".git")
    assert built(clone) == "0.0"


def test_a_release_stands_in_the_changelog_with_its_date(about: Message) -> None:
    told = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert told[0] == ("Unreleased", "")
    assert [version for version, date in told[1:] if not date] == []
    tags = {tag.removeprefix("v") for tag in out("git", "tag", "--list", "v*").splitlines()}
    assert tags - {version for version, _ in told} == set()
    if re.fullmatch(r"\d+\.\d+\.\d+", version := about["Version"]):
        assert told[1][0] == version


def test_the_wheel_holds_the_bot_its_types_and_what_it_reads_and_no_tests() -> None:
    with zipfile.ZipFile(only("*.whl")) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    tracked = {name for name in out("git", "ls-files", "bot", "adapters").splitlines() if (ROOT / name).exists()}
    assert names == tracked
    assert {"bot/py.typed", "adapters/py.typed"} <= names


def test_the_source_holds_what_is_needed_to_build_and_test_it() -> None:
    with tarfile.open(only("*.tar.gz")) as source:
        names = {name.split("/", 1)[1] for name in source.getnames()}
    assert {"pyproject.toml", "uv.lock", "Makefile", "LICENSE", "SECURITY.md", "tests/test_house_rules.py"} <= names


def test_the_wheel_says_its_version(about: Message, tmp_path: Path) -> None:
    done = muster("version", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"muster {about['Version']}\n", "")


def test_the_wheel_tells_line_by_line_what_is_wrong_with_settings(tmp_path: Path) -> None:
    (tmp_path / "muster.toml").write_text("[slak]\n")
    done = muster("check", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "✗ slak: is not a key known here." in done.stderr
    assert "✗ SLACK_BOT_TOKEN: is not set." in done.stderr
    assert "Traceback" not in done.stderr


def test_the_wheel_brings_its_migrations(tmp_path: Path) -> None:
    (tmp_path / "muster.toml").write_text(SETTINGS)
    done = muster("migrate", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("The database has the schema ")


def test_the_demo_comes_with_its_extra(about: Message, tmp_path: Path) -> None:
    assert "demo" in about.get_all("Provides-Extra", [])
    assert muster("demo", "--no-browser", cwd=tmp_path).stderr.startswith("muster: The demo needs the package")
    shutil.copytree(EMPTY, tmp_path / "with", symlinks=True)
    wheel = only("*.whl")
    out(UV, "pip", "install", "--quiet", "--python", tmp_path / "with", f"muster[demo] @ {wheel.as_uri()}")
    line = [str(tmp_path / "with" / "bin" / "python"), "-m", "bot", "demo", "--no-browser", "--port", "0"]
    with subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        try:
            assert any("http://" in text for text in demo.stdout)
        finally:
            demo.terminate()


def test_the_bill_of_materials_names_the_release_and_each_package_of_its_environment(about: Message) -> None:
    bill = json.load(io.BytesIO(only("*.cdx.json").read_bytes()))
    whole = bill["metadata"]["component"]
    assert (bill["bomFormat"], whole["name"], whole["version"]) == ("CycloneDX", "muster", about["Version"])
    installed = json.loads(out(UV, "pip", "list", "--quiet", "--format", "json", "--python", EMPTY))
    packages = {(one["name"], one["version"]) for one in installed}
    named = {(normal(one["name"]), one["version"]) for one in bill["components"]}
    assert named == packages - {("muster", about["Version"])}
    assert all(one["purl"].startswith("pkg:pypi/") for one in bill["components"])


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
