"""A window opens while its click's trigger lives, three seconds, however slowly Slack answers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.workspace.people import UserGroup
from bot.domain.rules.policy import Rule
from bot.domain.values import UserId
from bot.runtime.clock import SystemClock
from bot.slack.wire import answer, connect, shared_session
from tests.slack.conftest import Office
from tests.slack.house import House, opened

GROUPS = tuple(f"S0GROUP{n}" for n in range(4))
RULE = Rule(requesters=("S0SRE",), approvers=("S0LEADS", *GROUPS[:2]), break_glass=GROUPS[2:])
SLOW, PATIENCE = 1.2, 6.0
"""Seconds a call, as from another continent, and those of a trigger: both twice as long as they are, for a busy machine."""


class Door(SystemClock):
    """Counts the calls that wait there at once."""

    def __init__(self) -> None:
        self.waiting = self.most = 0

    async def sleep(self, seconds: float) -> None:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await super().sleep(seconds)
        self.waiting -= 1


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, rule=RULE, patience=PATIENCE) as made:
        groups = made.workspace.groups
        groups.update({id: UserGroup(id=id, handle=id.lower(), name=id, users=("U0DAVE",)) for id in GROUPS})
        yield made


async def test_cold_and_with_six_groups_it_opens_at_the_first_click(house: House) -> None:
    card = await house.planned()
    for id in ("U0CAROL", "U0ALICE", "S0SRE", "S0LEADS", *GROUPS):
        house.people.forget(id)
    house.served.faults.latency = SLOW
    await house.workspace.click("U0CAROL", card, label="Reject")
    await house.workspace.until(lambda: house.workspace.form("U0CAROL"))
    assert house.workspace.ephemerals("U0CAROL") == []


async def test_whoever_puts_it_away_while_it_is_looked_up_is_told_privately_why_not(house: House) -> None:
    card = await house.planned()
    house.people.forget("U0ALICE")
    house.served.faults.delay(SLOW, method="users.info")
    await house.workspace.click("U0ALICE", card, label="Reject")
    await house.workspace.until(lambda: house.workspace.modal("U0ALICE"))
    await house.workspace.close_view("U0ALICE")
    assert "not an approver" in await house.note_to("U0ALICE")


async def test_groups_are_asked_side_by_side(house: House) -> None:
    house.served.faults.latency = SLOW
    door = house.workspace.clock = Door()
    assert (await house.people.actor(UserId("U0CAROL"))).groups == {"S0LEADS"}
    assert door.most >= len(GROUPS) + 2


async def test_calls_share_a_session_that_ends_with_the_process(office: Office) -> None:
    other = connect("xoxb-0", api_url=office.served.api_url)
    async with shared_session(office.client, other):
        session = office.client.session
        assert session is not None
        assert session is other.session
        assert (await answer(office.client.auth_test()))["ok"]
        assert not session.closed
    assert session.closed
