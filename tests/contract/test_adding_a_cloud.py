"""docs/adding-a-cloud.md is true: its toy, written down as it stands there, is a cloud after one folder and one line."""

import importlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import adapters
from adapters.registry import CLOUDS, CloudKind, Kinds
from adapters.simulated.middleware import front, served
from adapters.simulated.records import Platform, SimVm
from adapters.simulated.world import World
from bot.domain.cloud import AnyCloud
from bot.domain.values import Action, HostId
from bot.settings import Settings, SettingsError, load
from tests.clocks import ManualClock
from tests.contract import test_cloud as contract
from tests.contract.clouds import START, Arena, ArenaOf
from tests.settings.written import ENV

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding-a-cloud.md").read_text()
FILES = dict(re.findall(r"`(adapters/toy/\w+\.py)`[^`]*```python\n(.*?)```", PAGE, re.DOTALL))
(LINE,) = re.findall(r'```python\n( +"toy": .*?)```', PAGE, re.DOTALL)
(ENTRY,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
SLACK = '[slack]\nincident_channel = "C0INCIDENT"\n'
TOKEN = "planted-toy"
MOVE_SECONDS = 3.0


@pytest.fixture
def kinds(tmp_path: Path) -> Iterator[Kinds]:
    """The registry with the toy's line, and the toy's folder among the adapters."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    adapters.__path__.append(str(tmp_path / "adapters"))
    try:
        words = {
            name: getattr(importlib.import_module(f"adapters.toy.{module}"), name)
            for module, name in (("settings", "ToySettings"), ("cloud", "ToyCloud"))
        }
        added: Mapping[str, CloudKind] = eval(f"{{{LINE}}}", {"Kind": CloudKind, **words})
        yield {**CLOUDS, **added}
    finally:
        adapters.__path__.pop()
        for module in [name for name in sys.modules if name.startswith("adapters.toy")]:
            del sys.modules[module]


def read(tmp_path: Path, kinds: Kinds, entry: str = ENTRY) -> Settings:
    path = tmp_path / "muster.toml"
    path.write_text(SLACK + entry)
    return load(path, ENV | {"TOY_TOKEN": TOKEN}, kinds)


# the simulated toy -------------------------------------------------------------------------------------------------


@dataclass
class Toy:
    """What the toy's API answers, over a world."""

    world: World
    moves: dict[str, int]
    moving: set[str]

    def app(self) -> web.Application:
        def refused(_: web.Request, status: int, message: str) -> web.Response:
            return web.json_response({"error": message}, status=status)

        app = web.Application(
            middlewares=[
                front(
                    self.world,
                    face="toy",
                    changes=lambda request: request.method == "POST",
                    is_login=lambda _: False,
                    refusal=refused,
                )
            ]
        )
        app.add_routes(
            [web.get("/hosts", self.hosts), web.get("/vms", self.vms), web.post("/vms/{id}/move", self.move)]
        )
        return app

    async def hosts(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"error": "who are you?"}, status=401)
        return web.json_response([{"name": host.name} for host in self.world.hosts.values()])

    async def vms(self, _: web.Request) -> web.Response:
        return web.json_response(
            [
                {
                    "id": vm.id,
                    "name": vm.name,
                    "host": vm.host.name if vm.host else "",
                    "moving": vm.id in self.moving,
                    "moves": self.moves.get(vm.id, 0),
                }
                for vm in self.world.vms.values()
            ]
        )

    async def move(self, request: web.Request) -> web.Response:
        vm = self.world.vms[request.match_info["id"]]
        self.moves[vm.id] = self.moves.get(vm.id, 0) + 1
        self.moving.add(vm.id)
        there = next(host for host in self.world.hosts.values() if host is not vm.host)

        def arrive() -> None:
            self.moving.discard(vm.id)
            self.world.relocate(vm, there)

        self.world.after(MOVE_SECONDS, arrive)
        return web.json_response({}, status=202)


@dataclass(kw_only=True)
class ToyArena(Arena):
    """A toy whose first host shall be emptied."""

    @property
    def host_id(self) -> HostId:
        return HostId(self.host.name)

    def move_verbs(self) -> frozenset[str]:
        return frozenset({"move"})

    def add_vm(self, name: str) -> SimVm:
        return self.world.add_vm(name, self.host)

    @asynccontextmanager
    async def unreachable(self) -> AsyncIterator[AnyCloud]:
        yield self.cloud

    @asynccontextmanager
    async def with_bad_credentials(self) -> AsyncIterator[AnyCloud]:
        yield self.cloud


@pytest.fixture
def arena_of(tmp_path: Path, kinds: Kinds) -> ArenaOf:
    """Opens fresh toys by way of muster.toml."""

    @asynccontextmanager
    async def toy_arena(*, vms: int = 3) -> AsyncIterator[Arena]:
        clock = ManualClock(START)
        world = World(clock.now)
        cluster = world.add_cluster("toy", Platform.OPENSTACK)
        host, _ = [world.add_host(f"toy-{number}", cluster) for number in (1, 2)]
        async with served(Toy(world, {}, set()).app()) as url:
            (settings,) = read(tmp_path, kinds, ENTRY.replace("https://toy.example", url)).clouds
            cloud = kinds[settings.kind].open(settings, clock)
            arena = ToyArena(
                face="toy", action=Action.ENTER, clock=clock, world=world, host=host, cloud=cloud, moves="/move$"
            )
            for number in range(1, vms + 1):
                arena.add_vm(f"vm-{number}")
            yield arena
            await cloud.aclose()

    return toy_arena


# what the page promises --------------------------------------------------------------------------------------------


def test_the_page_shows_one_folder_one_line_and_one_entry() -> None:
    assert sorted(FILES) == ["adapters/toy/cloud.py", "adapters/toy/settings.py"]
    assert len(LINE.strip().splitlines()) == 1


def test_what_the_page_shows_is_written_as_the_house_writes(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / Path(name).name).write_text(text)
    ruff, config = Path(sys.executable).parent / "ruff", ROOT / "pyproject.toml"
    for command in (["check", "--ignore", "INP001,I001"], ["format", "--check"]):  # what depends on the place alone
        done = subprocess.run(
            [ruff, *command, "--no-cache", "--config", config, tmp_path],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_entry_is_read_by_the_model_of_its_kind(tmp_path: Path, kinds: Kinds) -> None:
    (settings,) = read(tmp_path, kinds).clouds
    assert (settings.name, settings.kind) == ("play", "toy")
    assert TOKEN not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, kinds, ENTRY.replace("token_env", "concurency = 3\ntoken_evn"))
    assert [str(problem).split(". ")[0] for problem in caught.value.problems] == [
        "clouds.play.concurency: is not a key known here",
        "clouds.play.token_evn: is not a key known here",
        "clouds.play.token_env: is missing",
    ]
    with pytest.raises(SettingsError, match='Write one of: "openstack", "cloudtower", "toy"'):
        read(tmp_path, kinds, ENTRY.replace('kind = "toy"\n', ""))


@pytest.mark.parametrize(
    "asked",
    [
        contract.test_a_survey_changes_nothing,
        contract.test_the_plan_of_a_healthy_request_is_not_blocked_and_names_every_vm,
        contract.test_every_step_stands_in_a_phase_and_has_a_key_of_its_own,
        contract.test_the_digest_stays_the_same_while_nothing_changes,
        contract.test_a_look_before_the_start_says_never_started,
        contract.test_starting_and_looking_leads_to_the_end,
        contract.test_each_step_of_ours_is_one_mutating_call,
        contract.test_an_accepted_start_is_underway_and_moves,
        contract.test_a_lost_reply_is_resolved_by_a_look_and_nothing_is_started_twice,
        contract.test_a_call_that_was_cut_before_it_took_effect_was_never_started,
        contract.test_an_answer_that_proves_nothing_is_never_repeated_and_leaves_the_fate_open,
        contract.test_a_healthy_cloud_has_nothing_to_complain_about,
        contract.test_hosts_are_found_by_any_part_of_their_name_and_the_exact_one_comes_first,
        contract.test_a_step_of_another_cloud_is_not_supported,
    ],
)
async def test_the_toy_keeps_the_contract(asked: Callable[[ArenaOf], Any], arena_of: ArenaOf) -> None:
    await asked(arena_of)
