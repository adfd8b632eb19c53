"""A window opens while its click's trigger lives, three seconds, however slowly Slack answers."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.workspace.people import UserGroup
from bot.domain.rules.policy import Rule
from bot.domain.values import UserId
from bot.slack.wire import answer, connect, shared_session
from tests.slack.conftest import Office
from tests.slack.house import House, opened

GROUPS = tuple(f"S0GROUP{n}" for n in range(4))
RULE = Rule(requesters=("S0SRE",), approvers=("S0LEADS", *GROUPS[:2]), break_glass=GROUPS[2:])
SLOW = 0.6
"""Seconds a call: another continent, or a proxy."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, rule=RULE, patience=3.0) as made:
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
    began = time.monotonic()
    assert (await house.people.actor(UserId("U0CAROL"))).groups == {"S0LEADS"}
    assert time.monotonic() - began < 5 * SLOW  # of eight questions


async def test_calls_share_a_session_that_ends_with_the_process(office: Office) -> None:
    other = connect("xoxb-0", api_url=office.served.api_url)
    async with shared_session(office.client, other):
        session = office.client.session
        assert session is not None
        assert session is other.session
        assert (await answer(office.client.auth_test()))["ok"]
        assert not session.closed
    assert session.closed
