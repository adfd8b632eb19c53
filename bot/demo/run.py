"""`muster demo`: the production bot, a pretend workspace and two pretend clouds in one process, joined by addresses.

With a database of its own it is the workspace and the clouds alone: bots are started beside it, as many as one likes.
"""

import argparse
import asyncio
import errno
import os
import sys
import webbrowser
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from adapters.registry import CLOUDS
from adapters.simulated import cloudtower_api, datacentre, openstack_api, redfish_api
from adapters.simulated.world import World
from bot import main as house
from bot.cli.process import run_until_signalled
from bot.demo import configuration
from bot.demo.folder import prepared, refuse_a_used
from bot.demo.page import Scenario
from bot.demo.server import Served, serve
from bot.demo.workspace.workspace import Workspace, standard_workspace
from bot.domain.errors import Refusal
from bot.runtime import log
from bot.runtime.clock import SystemClock
from bot.settings import load

OUTAGE_SECONDS = 30.0
CROWD, BOOT_SECONDS = 60, 15.0
WITHOUT_BMC = "compute-5"  #: nothing proves its death: two people must vouch for it


def main(arguments: argparse.Namespace) -> int:
    """Run the demo until Ctrl-C.

    Args:
        arguments: `port` of the page (0: a free one), `folder` for its files, `database` for bots that are started by
            hand ("": one runs in the demo, on an embedded one), `no_browser`.
    """
    opened = _run(arguments.folder, port=arguments.port, database=arguments.database, browser=not arguments.no_browser)
    run_until_signalled(opened)
    return 0


async def _run(folder: Path, *, port: int, database: str, browser: bool) -> None:
    if database:
        await refuse_a_used(database)
    clock = SystemClock()
    workspace = standard_workspace()
    world = datacentre.build(clock.now, sleep=clock.sleep)
    async with AsyncExitStack() as stack:
        openstack_url = await stack.enter_async_context(openstack_api.serve(world))
        tower_url = await stack.enter_async_context(cloudtower_api.serve(world, tower=datacentre.cloudtower(world)))
        redfish_url = await stack.enter_async_context(redfish_api.serve(world))
        served = await _opened(stack, workspace, world, port=port)
        config, env = configuration.write(
            prepared(folder),
            api_url=served.api_url,
            bot_token=served.bot_token,
            app_token=served.app_token,
            auth_url=openstack_url + "/identity",
            tower_url=tower_url,
            bmcs={h: bmc for h, bmc in redfish_api.systems(world, redfish_url).items() if h != WITHOUT_BMC},
            database=database,
        )
        settings = load(config, os.environ | env, CLOUDS)
        log.configure(level="warning", format="console", secrets=settings.secrets)
        async with asyncio.TaskGroup() as group:
            if database:
                told = _BY_HAND.format(start=_start(config, env))
            else:
                group.create_task(house.run(settings))
                await _until_connected(served, clock)
                told = _IN_THE_DEMO.format(config=config)
            sys.stdout.write(_WELCOME.format(url=served.url) + told)
            sys.stdout.flush()
            if browser:
                await asyncio.to_thread(webbrowser.open, served.url)
            await asyncio.Event().wait()


def _start(config: Path, env: Mapping[str, str]) -> str:
    """The command that starts a bot, whose secrets are written beside its settings."""
    secrets = config.with_name("muster.env")
    secrets.write_text("".join(f"{name}={value}\n" for name, value in env.items()))
    program = sys.argv[0] if os.access(sys.argv[0], os.X_OK) else f"{sys.executable} -m bot"
    return f"env $(cat {secrets}) {program} run --config {config}"


async def _opened(stack: AsyncExitStack, workspace: Workspace, world: World, *, port: int) -> Served:
    try:
        return await stack.enter_async_context(serve(workspace, port=port, scenarios=_scenarios(world, workspace)))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise Refusal(
            f"Port {port} is in use by another program on this machine.",
            remedy="Name another with --port, or take a free one with --port 0.",
        ) from error


async def _until_connected(served: Served, clock: SystemClock) -> None:
    while not served.sockets.connections:
        await clock.sleep(0.05)


_WELCOME = """
Muster's demo workspace is open:  {url}

  1. As alice (engineer), in #ops:   /evacuate prod/compute-2
  2. As bob (on-call lead), click:   Approve
  Then the same with                 /maintenance enter tower/node-1
"""
_IN_THE_DEMO = """
The bot is the production program; its configuration is {config}. Ctrl-C ends everything.
"""
_BY_HAND = """
No bot runs yet. Start one in each of as many terminals as you like, and end or freeze any of them at any moment:

  {start}

Ctrl-C here ends the workspace and the clouds.
"""


def _scenarios(world: World, workspace: Workspace) -> Sequence[Scenario]:
    """What can be made to happen in the pretend data centre."""

    def at_once(deed: Callable[[], object]) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            deed()

        return run

    return [
        Scenario(
            name="A VM appears on compute-2",
            description="Between approval and start it brings the plan back to the leads.",
            run=at_once(lambda: _boot(world, "compute-2")),
        ),
        Scenario(
            name=f"{datacentre.DEAD} had {CROWD} VMs, which take {BOOT_SECONDS:.0f} s each",
            description="Its evacuation takes about half a minute: they wait for their boots side by side.",
            run=at_once(
                lambda: datacentre.crowd(world, world.host(datacentre.DEAD), number=CROWD, seconds=BOOT_SECONDS)
            ),
        ),
        Scenario(
            name="compute-3 dies too",
            description="Nova reports it as down after 20 s; #incidents hears of it, with an Evacuate… button.",
            run=at_once(lambda: world.kill_host("compute-3")),
        ),
        Scenario(
            name="compute-4 hangs",
            description="Nova reports it as down, its BMC says that it has power: it is not evacuated.",
            run=at_once(lambda: world.hang_host("compute-4")),
        ),
        Scenario(
            name=f"{WITHOUT_BMC} dies, and has no BMC",
            description="Nothing proves its death: two people vouch for it, each with the host's name typed.",
            run=at_once(lambda: world.kill_host(WITHOUT_BMC)),
        ),
        Scenario(
            name="compute-3 comes back",
            description="Its compute service starts again.",
            run=at_once(lambda: world.revive_host("compute-3")),
        ),
        Scenario(
            name=f"Slack is away for {OUTAGE_SECONDS:.0f} s",
            description="Every call is answered 503; nothing may be lost or told out of order.",
            run=lambda: workspace.outage(OUTAGE_SECONDS),
        ),
    ]


def _boot(world: World, host: str) -> None:
    flavor = next(f for f in world.flavors.values() if f.name == "m1.small")
    project = next(p for p in world.projects.values() if p.name == "shop")
    world.add_vm(f"late-arrival-{len(world.vms)}", world.host(host), project=project, flavor=flavor)
