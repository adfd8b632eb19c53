"""What people ask to see, gathered from clouds, archive, audit and policy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.desk import answers, queries
from bot.desk.control import Steer
from bot.desk.desk import Desk
from bot.domain.audit import AuditEvent, Entry
from bot.domain.cloud import Host, Unreachable
from bot.domain.errors import NotAllowed, UnknownCloud, UnknownHost, UnknownOperation
from bot.domain.messages.answered import HostsListed, PastListed, ShownRule, SilentCloud
from bot.domain.operation import State
from bot.domain.rules.calendar import Freeze, Mark
from bot.domain.rules.policy import Actor
from bot.domain.values import Action, HostId, OperationId
from tests.desk.crowd import LEADS, Crowd
from tests.store.examples import operation
from tests.toy_cloud import ToyCloud
from tests.workshop import ALICE, BOB, DAVE, RULE, Workshop


@dataclass
class BigCloud(ToyCloud):
    """Has many hosts, or does not answer."""

    number: int = 120
    is_silent: bool = False

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        if self.is_silent:
            raise Unreachable("big does not answer.", remedy="Try again.")
        names = [f"node-{n}" for n in range(self.number)]
        return [Host(id=HostId(f"id-{n}"), name=n, state="fine", vms=3) for n in names if matching in n][:limit]


def big(shop: Workshop, **changes: Any) -> Desk:
    """A desk with a second cloud."""
    cloud = BigCloud(clock=shop.clock, vms={}, name="big", **changes)
    rules = {**shop.desk.rules, ("big", Action.EVACUATE): replace(RULE, requesters=("U0DAVE",), approvers=("U0BOB",))}
    return replace(shop.desk, clouds={"toy": shop.cloud, "big": cloud}, rules=rules)


def seen(found: HostsListed) -> list[str]:
    return [f"{row.cloud}/{row.host}" for row in found.rows]


async def test_hosts_of_all_clouds_that_somebody_has_to_do_with_and_what_muster_does_there(shop: Workshop) -> None:
    id = await shop.ask()
    found = await queries.hosts(big(shop, number=1), BOB, cloud="", matching="")
    assert seen(found) == ["big/node-0", "toy/host-1", "toy/host-2", "toy/host-10"]
    assert [row.operation for row in found.rows] == [None, id, None, None]
    assert seen(await queries.hosts(big(shop), ALICE, cloud="", matching="")) == [
        "toy/host-1",
        "toy/host-2",
        "toy/host-10",
    ]


@pytest.mark.parametrize(
    ("where", "matching", "number"), [("toy", "1", 2), ("", "toy", 3), ("", "host-10", 1), ("toy", "x", 0)]
)
async def test_one_word_is_a_cloud_where_one_is_called_so_and_a_part_of_a_name_otherwise(
    shop: Workshop, where: str, matching: str, number: int
) -> None:
    found = await queries.hosts(shop.desk, ALICE, cloud=where, matching=matching)
    assert (found.number, len(found.rows)) == (number, number)


async def test_more_hosts_than_are_shown_are_counted(shop: Workshop) -> None:
    found = await queries.hosts(big(shop), BOB, cloud="big", matching="")
    assert (len(found.rows), found.number, found.is_more) == (queries.HOSTS, 120, False)
    found = await queries.hosts(big(shop, number=900), BOB, cloud="big", matching="")
    assert (found.number, found.is_more) == (queries.COUNTED, True)


async def test_a_cloud_that_does_not_answer_is_named_and_the_others_are_shown(shop: Workshop) -> None:
    found = await queries.hosts(big(shop, is_silent=True), BOB, cloud="", matching="")
    assert len(seen(found)) == 3
    assert found.silent == (SilentCloud(cloud="big", sentence="big does not answer.", remedy="Try again."),)


async def test_who_has_nothing_to_do_with_a_cloud_is_not_shown_its_hosts(shop: Workshop) -> None:
    with pytest.raises(NotAllowed) as refusal:
        await queries.hosts(shop.desk, DAVE, cloud="toy", matching="")
    assert refusal.value.ask == ("S0SRE",)
    with pytest.raises(UnknownCloud):
        await queries.hosts(shop.desk, ALICE, cloud="moon", matching="")


async def test_the_past_of_a_host_is_found_newest_first(shop: Workshop) -> None:
    first = await shop.ask()
    await shop.work()
    await shop.steer(first, Steer.CANCEL)
    await shop.clock.sleep(60)
    second = await shop.ask(check=True)
    await shop.ask("host-2")
    found = await queries.history(shop.desk, ALICE, cloud="", host="host-1")
    assert found == PastListed(sentence="Operations on host-1: 2", about=(second, first))


async def test_a_host_that_its_cloud_does_not_know_any_more_still_has_a_past(shop: Workshop) -> None:
    id = await shop.ask()
    gone = BigCloud(clock=shop.clock, vms={}, name="toy")
    for desk in (
        replace(shop.desk, clouds={"toy": gone}),
        replace(shop.desk, clouds={"toy": replace(gone, is_silent=True)}),
    ):
        assert (await queries.history(desk, ALICE, cloud="toy", host="host-1")).about == (id,)


async def test_a_host_without_a_past_and_one_that_nobody_knows_are_told_apart(shop: Workshop) -> None:
    found = await queries.history(shop.desk, ALICE, cloud="toy", host="host-2")
    assert found == PastListed(sentence="No operation was ever asked for on toy/host-2", about=())
    with pytest.raises(UnknownHost) as refusal:
        await queries.history(shop.desk, ALICE, cloud="", host="host-")
    assert "toy/host-1" in refusal.value.remedy


async def test_the_audit_of_an_operation_is_told_newest_last_with_short_facts(shop: Workshop) -> None:
    id = await shop.approved()
    await shop.work()
    assert (await shop.operation(id)).state is State.SUCCEEDED
    found = await queries.audit(shop.desk, id)
    rows = found.rows
    assert found.number == len(rows)
    assert [row.event for row in rows][:3] == ["requested", "approval asked for", "approved"]
    assert rows[0].actor == "U0ALICE"
    digest = (await shop.operation(id)).digest
    assert digest is not None
    assert f"digest: {digest[:12]}…" in rows[1].facts
    assert ("disable host-1",) in [row.facts for row in rows if row.event == "step intent"]
    assert [row.at for row in rows] == sorted(row.at for row in rows)
    with pytest.raises(UnknownOperation):
        await queries.audit(shop.desk, OperationId("NOSUCHID"))


async def test_of_a_long_audit_only_the_newest_lines_are_read(shop: Workshop) -> None:
    id = await shop.ask()
    for _ in range(queries.ENTRIES):
        await answers.refuse(shop.desk, NotAllowed("No."), by=DAVE.id, channel="C1", key=await shop.key(), operation=id)
    found = await queries.audit(shop.desk, id)
    assert found.number == queries.ENTRIES + 1
    assert {row.event for row in found.rows} == {"refused: not allowed"}


async def told(shop: Workshop, actor: Actor, crowd: Crowd | None = None) -> ShownRule:
    (row,) = (await queries.policy(replace(shop.desk, people=crowd or Crowd()), actor, cloud="toy")).rows
    return row


async def test_the_policy_says_who_may_and_what_the_reader_can_do(shop: Workshop) -> None:
    shop.rule = replace(RULE, break_glass=("U0BOB",))
    assert (await told(shop, ALICE)).you == ("ask for it",)
    assert (await told(shop, BOB)).you == (
        "ask for it",
        "approve what others ask for",
        "break glass: go ahead alone, with a reason that everybody reads",
    )
    row = await told(shop, DAVE)
    assert (row.you, row.approvers, row.break_glass, row.impossible) == ((), ("S0LEADS",), ("U0BOB",), "")


async def test_the_policy_names_its_freezes_the_one_of_now_and_who_is_called_when_nobody_decides(
    shop: Workshop,
) -> None:
    starts, ends = Mark(at=time(22)), Mark(at=time(6))
    night = Freeze(name="Night", starts=starts, ends=ends, zone=ZoneInfo("Etc/UTC"))
    shop.rule = replace(RULE, freezes=(night,), escalate_to=("S0CHIEFS",))
    row = await told(shop, ALICE)
    assert row.freezes == ("Night, every day 22:00 until every day 06:00 (Etc/UTC)",)
    assert str(row.frozen).startswith("Night, from Fri 2026-11-20 22:00 (Etc/UTC)")
    assert (row.escalate_to, row.escalate_after) == (("S0CHIEFS",), 15.0)
    await shop.clock.sleep(12 * 3600)
    assert (await told(shop, ALICE)).frozen == ""


async def test_a_quorum_that_cannot_be_reached_is_named(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=3)
    row = await told(shop, ALICE)
    assert row.impossible == "Policy wants 3 approvals, but only 2 people could give one."


async def test_an_approver_hears_that_nobody_else_could_approve_their_request(shop: Workshop) -> None:
    crowd = Crowd(groups={**LEADS, "S0LEADS": ("U0BOB",)})
    assert (await told(shop, BOB, crowd)).you == (
        "ask for it (but then nobody else could approve it)",
        "approve what others ask for",
    )


async def test_every_operation_that_holds_a_host_is_counted_however_many_there_are(shop: Workshop) -> None:
    async with shop.archive.unit() as unit:
        for number in range(60):
            held = replace(operation(number), request=replace(operation(number).request, cloud="big"))
            await unit.operations.add(replace(held, state=State.RUNNING), Entry(event=AuditEvent.REQUESTED))
        await unit.commit()
    assert len(await shop.desk.live()) == 60
