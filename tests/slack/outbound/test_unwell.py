"""When Muster itself is unwell, the incident channel hears of it though nothing can be stored."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from bot.slack.outbound.unwell import LOOK_SECONDS, OTHERS_SECONDS, PATIENCE_SECONDS, Unwell
from bot.slack.wire import SlackError
from tests.slack.conftest import Office

FULL = {"store": "takes nothing: the disk is full"}


@dataclass
class Trouble:
    """A bot that is as unwell as it is told to be, and the one that tells of it."""

    office: Office
    ailing: dict[str, str] = field(default_factory=dict)
    leads: bool = True

    def __post_init__(self) -> None:
        self.unwell = Unwell(
            self.office.client,
            self.office.clock,
            ailing=self._asked,
            speaks=lambda: self.leads,
            channel="C0INCIDENT",
            approvers=self.office.board().approvers,
            where="bastion-1",
        )

    async def _asked(self) -> Mapping[str, str]:
        return self.ailing

    async def lasts(self, seconds: float = PATIENCE_SECONDS) -> list[str]:
        """What the incident channel reads after so long, with a look at each end."""
        await self.unwell.look()
        await self.office.clock.pass_time(seconds)
        await self.unwell.look()
        return [message.plain for message in self.office.cards("C0INCIDENT")]

    async def goes_on(self, seconds: float) -> list[str]:
        """What the incident channel reads after so long, with a look each five seconds, whatever becomes of it."""
        for _ in range(int(seconds / 5)):
            with suppress(SlackError):
                await self.unwell.look()
            await self.office.clock.pass_time(5)
        return [message.plain for message in self.office.cards("C0INCIDENT")]


@pytest.fixture
def trouble(office: Office) -> Trouble:
    return Trouble(office)


async def test_a_full_disk_is_told_once_and_the_same_message_says_that_it_is_over(trouble: Trouble) -> None:
    trouble.ailing = {**FULL, "worker": "last seen 61 s ago", "slack": "not connected"}
    (said,) = await trouble.lasts()
    assert "Muster on bastion-1 is unwell" in said
    assert "its database takes nothing: the disk is full." in said
    assert "Nothing new is begun on any cloud" in said
    assert "worker" not in said, "that it stands still is no trouble of its own"
    assert await trouble.lasts(600) == [said]
    trouble.ailing = {}
    (over,) = await trouble.lasts()
    assert "Muster on bastion-1 is well again" in over
    assert "its database takes nothing: the disk is full" in over


async def test_what_is_soon_over_is_told_to_nobody(trouble: Trouble) -> None:
    trouble.ailing = dict(FULL)
    assert await trouble.lasts(PATIENCE_SECONDS - 1) == []
    trouble.ailing = {}
    await trouble.unwell.look()
    trouble.ailing = dict(FULL)
    assert await trouble.lasts(PATIENCE_SECONDS - 1) == []


async def test_of_many_replicas_without_a_database_one_speaks_and_of_what_hangs_each_its_own(trouble: Trouble) -> None:
    trouble.leads, trouble.ailing = False, dict(FULL)
    assert await trouble.lasts() == []
    trouble.ailing = {"operation 7KQ2": "last seen 601 s ago"}
    (said,) = await trouble.lasts()
    assert "operation `7KQ2` last seen 601 s ago. What hangs does not recover by itself. Restart Muster" in said


async def test_what_comes_to_ail_besides_is_added(trouble: Trouble) -> None:
    trouble.ailing = {"tick rounds": "last seen 150 s ago"}
    await trouble.lasts()
    trouble.ailing |= {"board": "last seen 121 s ago"}
    (said,) = await trouble.lasts()
    assert "its board last seen 121 s ago; tick `rounds` last seen 150 s ago." in said


async def test_while_slack_is_away_it_is_tried_again(trouble: Trouble) -> None:
    trouble.ailing = dict(FULL)
    await trouble.office.workspace.outage(100)
    with pytest.raises(SlackError):
        await trouble.lasts()
    await trouble.office.clock.pass_time(50)
    assert len(await trouble.lasts()) == 1


async def test_where_the_incident_channel_takes_nothing_those_who_may_act_are_told(trouble: Trouble) -> None:
    trouble.office.workspace.archive("C0INCIDENT")
    trouble.ailing = dict(FULL)
    assert await trouble.lasts() == []
    await trouble.lasts(600)
    (said,) = trouble.office.dms("U0BOB")
    assert "Muster on bastion-1 is unwell" in said
    assert trouble.office.dms("U0CAROL") == [said]
    trouble.ailing = {}
    await trouble.unwell.look()
    (over,) = trouble.office.dms("U0BOB")
    assert "Muster on bastion-1 is well again" in over


@pytest.mark.parametrize("ends_after", [5.0, 120.0])
async def test_that_muster_is_unwell_stands_once_though_its_post_comes_late(
    trouble: Trouble, ends_after: float
) -> None:
    trouble.ailing = dict(FULL)
    trouble.office.served.faults.come_late(20, method="chat.postMessage")
    assert await trouble.goes_on(PATIENCE_SECONDS) == []
    assert len(await trouble.goes_on(ends_after)) == (1 if ends_after > 20 else 0)
    trouble.ailing = {}
    (over,) = await trouble.goes_on(120)
    assert "is well again" in over


def replica(office: Office, where: str, *, apart: float) -> Trouble:
    """One that did not lead, with a database that is away."""
    made = Trouble(office, ailing={"store": "cannot be reached"}, leads=False)
    made.unwell = Unwell(
        office.client,
        office.clock,
        ailing=made._asked,
        speaks=lambda: made.leads,
        channel="C0INCIDENT",
        approvers=office.board().approvers,
        where=where,
        apart=apart,
    )
    return made


async def all_look(office: Office, *replicas: Trouble, seconds: float) -> list[str]:
    """What the channel reads after so long, in which each looks again and again."""
    for _ in range(int(seconds / LOOK_SECONDS)):
        for one in replicas:
            await one.unwell.look()
        await office.clock.pass_time(LOOK_SECONDS)
    return [message.plain for message in office.cards("C0INCIDENT")]


async def test_a_database_that_was_dead_at_the_start_is_told_by_one_of_all_that_started(office: Office) -> None:
    replicas = [replica(office, f"pod-{n}", apart=15.0 * n) for n in range(3)]
    assert await all_look(office, *replicas, seconds=OTHERS_SECONDS) == []
    (said,) = await all_look(office, *replicas, seconds=1800)
    assert "Muster on pod-0 is unwell" in said
    assert "its database cannot be reached. Nothing new is begun" in said
    for one in replicas:
        one.ailing = {}
    (over,) = await all_look(office, *replicas, seconds=60)
    assert "Muster on pod-0 is well again" in over


async def test_what_whoever_led_has_told_no_other_tells_again_also_one_that_starts_later(office: Office) -> None:
    led = replica(office, "pod-0", apart=0)
    led.leads = True
    (said,) = await all_look(office, led, replica(office, "pod-1", apart=5), seconds=600)
    assert await all_look(office, replica(office, "pod-2", apart=0), seconds=600) == [said]


async def test_when_whoever_led_is_gone_too_another_tells_it(office: Office) -> None:
    (said,) = await all_look(office, replica(office, "pod-1", apart=5), replica(office, "pod-2", apart=25), seconds=300)
    assert "pod-1" in said


async def test_two_that_tell_it_in_the_same_moment_leave_one_message(office: Office) -> None:
    first, second = (replica(office, where, apart=0) for where in ("pod-1", "pod-2"))
    await all_look(office, first, second, seconds=OTHERS_SECONDS)
    await asyncio.gather(first.unwell.look(), second.unwell.look())
    assert len(office.cards("C0INCIDENT")) == 2
    (said,) = await all_look(office, first, second, seconds=600)
    first.ailing = second.ailing = {}
    (over,) = await all_look(office, first, second, seconds=60)
    assert "Muster on pod-1 is unwell" in said
    assert "Muster on pod-1 is well again" in over


async def test_what_was_told_long_ago_or_is_over_says_nothing_of_now(office: Office) -> None:
    led = replica(office, "pod-0", apart=0)
    led.leads = True
    await all_look(office, led, seconds=120)
    told_and_killed = await all_look(office, seconds=3600)
    assert len(told_and_killed) == 1
    again = replica(office, "pod-0", apart=0)
    assert len(await all_look(office, again, seconds=300)) == 2
    again.ailing = {}
    await all_look(office, again, seconds=20)
    assert len(await all_look(office, replica(office, "pod-1", apart=0), seconds=300)) == 3


async def test_a_channel_that_takes_nothing_is_no_reason_for_every_replica_to_tell_it_directly(office: Office) -> None:
    office.workspace.archive("C0INCIDENT")
    one = replica(office, "pod-1", apart=0)
    await one.unwell.look()
    await office.clock.pass_time(OTHERS_SECONDS)
    with pytest.raises(SlackError):
        await one.unwell.look()
    assert office.dms("U0BOB") == []
