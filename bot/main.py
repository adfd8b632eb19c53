"""The one place where everything meets: settings in, running bot out."""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TextIO

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from adapters import registry
from bot.cli import check as questions
from bot.desk import periodic
from bot.desk.desk import Desk
from bot.domain.cloud import AnyCloud
from bot.domain.heartbeats import Heartbeats
from bot.domain.ports import StoreFailed
from bot.domain.redaction import redact
from bot.engine.leader import Leader
from bot.engine.worker import Worker
from bot.runtime import http_server, schedule
from bot.runtime.clock import SystemClock, WakeUp
from bot.runtime.log import logger
from bot.settings import Settings
from bot.slack import app as slack_app
from bot.slack import wire
from bot.slack.command_names import CommandNames
from bot.slack.connection import Connection
from bot.slack.diagnose import diagnose
from bot.slack.outbound.board import Board
from bot.slack.outbound.recipients import DirectMessages, Recipients
from bot.slack.outbound.unwell import Unwell
from bot.slack.people import SlackPeople
from bot.slack.places import Places
from bot.store import figures
from bot.store.archive import SqlArchive
from bot.watch.alerted_hosts import AlertedHosts
from bot.watch.alerts import Alerts
from bot.watch.cloud_health import CloudHealth
from bot.watch.rounds import Rounds
from bot.web import health, webhooks

log = logger(__name__)

STORE_SECONDS = 2.0
"""Between two tries to open the database of a server, and how long Slack's deliveries wait for the first one."""
APART_SECONDS = 60
"""Within how many seconds replicas without a database look, one after the other, whether one of them has told it."""
MIGRATION_SECONDS = 60.0
"""How long they wait for the one that lives in this process, which may have to be migrated."""


@dataclass(frozen=True, kw_only=True)
class Bot:
    """The rooms of one bot, joined and not yet running."""

    settings: Settings
    clock: SystemClock
    heartbeats: Heartbeats
    archive: SqlArchive
    clouds: Mapping[str, AnyCloud]
    client: AsyncWebClient
    people: SlackPeople
    places: Places
    desk: Desk
    leader: Leader
    board: Board
    worker: Worker
    rounds: Rounds
    app: AsyncApp
    slack: Connection | None  #: None in http mode, where Slack comes to us
    cloud_health: Mapping[str, CloudHealth]


def build(settings: Settings) -> Bot:
    """Join the rooms; opens nothing and asks nobody."""
    clock = SystemClock()
    heartbeats = Heartbeats(clock)
    bell = WakeUp(clock)
    archive = SqlArchive(settings.store.address, clock=clock, bell=bell)
    clouds = {cloud.name: registry.CLOUDS[cloud.kind].open(cloud, clock) for cloud in settings.clouds}
    slack, rules = settings.slack, settings.rules
    client = wire.connect(settings.tokens.bot.reveal(), api_url=slack.api_url)
    people = SlackPeople(client, clock, rules)
    desk = Desk(archive=archive, clock=clock, clouds=clouds, rules=rules, people=people)
    recipients = Recipients(client, clock, people, DirectMessages(slack.direct_messages))
    places = Places(client, external=slack.external_channels)
    names = CommandNames(prefix=slack.command_prefix)
    secret = settings.tokens.signing.reveal() or None
    app = slack_app.build(
        desk, people, client, recipients=recipients, places=places, signing_secret=secret, names=names
    )
    owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    leader = Leader(archive, clock, owner=owner, alone=archive.is_embedded)
    return Bot(
        settings=settings,
        clock=clock,
        archive=archive,
        clouds=clouds,
        client=client,
        people=people,
        places=places,
        desk=desk,
        leader=leader,
        board=Board(
            leader,
            clock,
            bell,
            client,
            rules,
            slack.incident_channel,
            term=lambda: leader.term,
            recipients=recipients,
            external=slack.external_channels,
            heartbeats=heartbeats,
            names=names,
        ),
        worker=Worker(
            owner=owner,
            archive=archive,
            clock=clock,
            bell=bell,
            clouds=clouds,
            rules=rules,
            people=people,
            heartbeats=heartbeats,
        ),
        heartbeats=heartbeats,
        rounds=Rounds(
            archive=leader,
            clock=clock,
            clouds=clouds,
            every=settings.watch.every,
            left_over_after=settings.watch.left_over_after,
            tells_of_down_hosts=settings.watch.hosts,
        ),
        app=app,
        slack=Connection(app, client, settings.tokens.app.reveal(), clock) if slack.mode == "socket" else None,
        cloud_health={name: CloudHealth(cloud=cloud, clock=clock) for name, cloud in clouds.items()},
    )


async def run(settings: Settings) -> None:
    """Run until cancelled. What is under way then is taken up again by the next start.

    HTTP is served first; then each neighbour is reached for as long as it takes, and what can be done without those
    that are missing is done.

    Raises:
        StoreInUse: another process uses the embedded database.
        StoreFailed: the embedded database cannot be used.
        ForeignSchema: a newer release has used the database.
        OSError: the address of `[http]` is taken or not ours.
    """
    bot = build(settings)
    for sentence in settings.not_in_effect:
        log.warning(sentence)
    async with AsyncExitStack() as stack:
        bot.archive.claim()
        stack.push_async_callback(bot.archive.close)
        for cloud in bot.clouds.values():
            stack.push_async_callback(cloud.aclose)
        await stack.enter_async_context(wire.shared_session(bot.client, bot.app.client))
        port = await stack.enter_async_context(http_server.serve(_site(bot), *settings.http.listen))
        if settings.slack.mode == "http" and settings.slack.listen is not None:
            await stack.enter_async_context(http_server.serve(_slack_site(bot), *settings.slack.listen))
        log.info("muster is running", clouds=sorted(bot.clouds), slack=settings.slack.mode, http=port)
        async with asyncio.TaskGroup() as group:
            for one in bot.cloud_health.values():
                group.create_task(one.run())
            opening = group.create_task(_open(bot))
            group.create_task(_unwell(bot).run())  # without a database too
            await asyncio.wait([opening], timeout=MIGRATION_SECONDS if bot.archive.is_embedded else STORE_SECONDS)
            if bot.slack is not None:
                group.create_task(bot.slack.run())  # without a database too: people are told that nothing is noted
            await opening
            group.create_task(bot.people.warm())
            group.create_task(bot.worker.run())
            group.create_task(bot.leader.run())
            group.create_task(bot.board.run())
            await stack.enter_async_context(schedule.ticking(ticks_of(bot), bot.clock, bot.heartbeats))
            await asyncio.Event().wait()


async def _open(bot: Bot) -> None:
    """Open the database, as soon as it can be reached; one that lives in this process must be usable at once."""
    is_told = False
    while True:
        try:
            await bot.archive.open()
        except StoreFailed as failed:
            if bot.archive.is_embedded:
                raise
            if not is_told:
                log.warning("the database cannot be reached; it is tried until it can", why=str(failed))
            is_told = True
            await bot.clock.sleep(STORE_SECONDS)
        else:
            if is_told:
                log.info("the database is reached")
            return


def ticks_of(bot: Bot) -> schedule.Ticks:
    """What the bot does from time to time, each only while it speaks for all replicas."""
    left_over = slack_app.receive_at(bot.desk, bot.people, bot.places).serve_left_over
    kept = bot.settings.retention
    let_go = partial(periodic.let_go, bot.leader, bot.clock, keep=kept.keep, keep_audit=kept.audit)
    alerted_hosts = AlertedHosts(archive=bot.leader, clock=bot.clock, clouds=bot.clouds)
    ticks: schedule.Ticks = {
        "left over": (schedule.LEFT_OVER_SECONDS, left_over),
        "expiry": (schedule.EXPIRY_SECONDS, partial(periodic.expire, bot.desk.archive, bot.clock)),
        "reminders": (schedule.REMINDER_SECONDS, partial(periodic.remind, bot.leader, bot.clock, bot.settings.rules)),
        "alerts": (schedule.ALERT_SECONDS, alerted_hosts.tell),
        "hosts of alerts": (schedule.ALERTED_HOSTS_SECONDS, alerted_hosts.find),
        **{
            f"hosts of alerts of {name}": (schedule.ALERTED_HOSTS_SECONDS, partial(alerted_hosts.find, name))
            for name in bot.clouds
        },
        "retention": (schedule.RETENTION_SECONDS, let_go),
        "rounds": (bot.settings.watch.every.total_seconds(), bot.rounds.go),
    }
    return {name: (seconds, bot.leader.only_here(tick)) for name, (seconds, tick) in ticks.items()}


async def check(settings: Settings, out: TextIO) -> int:
    """Ask every part of the bot whether it would work; answers the exit code."""
    bot = build(settings)
    async with AsyncExitStack() as stack:
        for cloud in bot.clouds.values():
            stack.push_async_callback(cloud.aclose)
        offered = {
            (cloud, action): rule
            for (cloud, action), rule in settings.rules.items()
            if action in bot.clouds[cloud].actions
        }
        slack = partial(
            diagnose,
            bot.client,
            app_token=settings.tokens.app.reveal(),
            incident_channel=settings.slack.incident_channel,
            rules=offered,
            direct_messages=DirectMessages(settings.slack.direct_messages),
            external=settings.slack.external_channels,
        )
        asked = [
            questions.of_settings([*settings.not_in_effect, *settings.advice]),
            questions.of_store(partial(_look_at_store, bot.archive)),
            questions.Question(title="slack", ask=slack),
            questions.of_webhook(webhooks.PATH, has_token=bool(settings.tokens.alertmanager)),
            *(questions.of_cloud(cloud) for cloud in bot.clouds.values()),
        ]
        return await questions.report(asked, out, hide=partial(redact, secrets=settings.secrets))


async def _look_at_store(archive: SqlArchive) -> str:
    """Only look: the bot may be running, and `muster check` changes nothing."""
    if archive.is_missing:
        return "does not exist yet; the first start makes it"
    await archive.open_for_reading()
    await archive.close()
    return "answers, with the schema of this release"


def _site(bot: Bot) -> web.Application:
    """What is served over HTTP, whoever else is there."""
    site = health.build(_probes(bot), sick=partial(_deaf_too_long, bot))
    if bot.settings.slack.mode == "http" and bot.settings.slack.listen is None:
        _add_slack(bot, site)
    site.router.add_post(webhooks.PATH, _alertmanager(bot))
    site[http_server.MAY_BE_PUT_OFF] = frozenset({webhooks.PATH})
    return site


def _slack_site(bot: Bot) -> web.Application:
    """What Slack alone is answered, at an address of its own that may be reached from outside."""
    site = web.Application(client_max_size=health.LARGEST_REQUEST)
    _add_slack(bot, site)
    return site


def _add_slack(bot: Bot, site: web.Application) -> None:
    site.router.add_post("/slack/events", partial(slack_app.take_over_http, bot.app))


def _probes(bot: Bot) -> health.Probes:
    return health.Probes(
        store=bot.archive.ping,
        slack=lambda: bot.slack.ailment if bot.slack is not None else "",
        heartbeats=bot.heartbeats,
        counts=partial(figures.counts, bot.archive, bot.clock),
        clouds=lambda: {name: one.ailment for name, one in bot.cloud_health.items()},
        incident_channel=lambda: bot.board.unheard,
    )


def _unwell(bot: Bot) -> Unwell:
    return Unwell(
        bot.client,
        bot.clock,
        ailing=_probes(bot).ailing,
        speaks=lambda: bot.leader.led_last,
        channel=bot.settings.slack.incident_channel,
        approvers=bot.board.approvers,
        where=socket.gethostname(),
        external=bot.settings.slack.external_channels,
        apart=secrets.randbelow(APART_SECONDS),
    )


def _deaf_too_long(bot: Bot) -> str:
    """Why a new process would be better: nothing else in this one has brought Slack back."""
    if bot.slack is None or bot.slack.deaf_for < bot.settings.slack.deaf_after.total_seconds():
        return ""
    return f"Nothing has been heard from Slack for {bot.slack.deaf_for:.0f} s"


def _alertmanager(bot: Bot) -> Callable[[web.Request], Awaitable[web.Response]]:
    settings = bot.settings.alertmanager
    return webhooks.alertmanager(
        Alerts(archive=bot.archive, clock=bot.clock).take,
        token=bot.settings.tokens.alertmanager.reveal(),
        labels=webhooks.Labels(host=settings.host_label, cloud=settings.cloud_label, default_cloud=settings.cloud),
    )
