"""Who may ask, decide and steer, and what people hear when they may not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from bot.desk import answers, deliveries, periodic
from bot.desk.control import Steer
from bot.domain.cloud import Host
from bot.domain.errors import (
    AlreadySettled,
    AlreadyUnderWay,
    BadCommand,
    CouldNotAsk,
    NotAllowed,
    NotOffered,
    UnknownCloud,
    UnknownHost,
)
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.operation import Choice, State
from bot.domain.ports import Archive, Delivery, Rank, Unit
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Standing
from bot.domain.values import Action, UserId
from tests.news import facts_of
from tests.workshop import ALICE, BOB, CAROL, DAVE, RULE, Workshop


async def test_nobody_approves_their_own_request(shop: Workshop) -> None:
    id = await shop.ask(by=BOB)
    await shop.work()
    with pytest.raises(NotAllowed, match="asked for this yourself"):
        await shop.vote(id, by=BOB)
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL


async def test_self_approval_is_possible_where_the_policy_says_so(shop: Workshop) -> None:
    shop.rule = replace(RULE, self_approval=True)
    id = await shop.ask(by=BOB)
    await shop.work()
    await shop.vote(id, by=BOB)
    assert (await shop.operation(id)).state is State.QUEUED


async def test_somebody_outside_the_approvers_cannot_approve(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    with pytest.raises(NotAllowed) as refusal:
        await shop.vote(id, by=DAVE)
    assert refusal.value.ask == ("S0LEADS",)


async def test_an_empty_approver_list_means_nobody(shop: Workshop) -> None:
    shop.rule = replace(RULE, approvers=())
    id = await shop.ask()
    await shop.work()
    for actor in (BOB, CAROL, DAVE):
        with pytest.raises(NotAllowed):
            await shop.vote(id, by=actor)


@pytest.mark.parametrize("standing", [s for s in Standing if s is not Standing.FULL_MEMBER])
async def test_guests_bots_and_strangers_never_act(shop: Workshop, standing: Standing) -> None:
    with pytest.raises(NotAllowed):
        await shop.ask(by=replace(ALICE, standing=standing))
    id = await shop.ask()
    await shop.work()
    with pytest.raises(NotAllowed):
        await shop.vote(id, by=replace(BOB, standing=standing))


async def test_a_click_on_a_superseded_plan_is_refused(shop: Workshop) -> None:
    id = await shop.approved()
    old = (await shop.operation(id)).digest
    assert old is not None
    shop.cloud.vms["vm-9"] = "host-1"
    await shop.work()
    with pytest.raises(AlreadySettled, match="plan has changed"):
        await shop.desk.vote(id, Choice.APPROVE, digest=old, by=CAROL, key=await shop.key())
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL


async def test_a_quorum_of_two_needs_two_people(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=2)
    id = await shop.ask()
    await shop.work()
    await shop.vote(id, by=BOB)
    with pytest.raises(AlreadySettled, match="one vote per person"):
        await shop.vote(id, by=BOB)
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    await shop.vote(id, by=CAROL)
    assert (await shop.operation(id)).state is State.QUEUED


async def test_an_approval_one_second_late_is_refused_even_with_the_ticker_stopped(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    await shop.clock.sleep(30 * 60)
    with pytest.raises(AlreadySettled, match="expired"):
        await shop.vote(id)


async def test_the_tick_expires_what_nobody_decided_and_frees_the_host(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    await shop.clock.sleep(30 * 60)
    assert await periodic.expire(shop.desk.archive, shop.desk.clock) == 1
    assert await periodic.expire(shop.desk.archive, shop.desk.clock) == 0
    (told,) = [n for n in await shop.news() if n.kind is Kind.EXPIRED]
    assert facts_of(told)["requester"] == ALICE.id
    assert (await shop.operation(id)).state is State.EXPIRED
    await shop.ask()


@dataclass
class SlowToWrite:
    """Hands everything on; before its first change something else happens."""

    archive: Archive
    meanwhile: Callable[[], Awaitable[object]]

    @asynccontextmanager
    async def unit(self, rank: Rank = Rank.PEOPLE) -> AsyncIterator[Unit]:
        await self.meanwhile()
        async with self.archive.unit(rank) as unit:
            yield unit

    def reading(self) -> AbstractAsyncContextManager[Unit]:
        return self.archive.reading()


async def test_a_request_that_is_put_to_people_anew_while_the_tick_is_at_it_does_not_expire(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    await shop.clock.sleep(30 * 60)

    async def recheck() -> None:
        await shop.steer(id, Steer.RECHECK)
        await shop.work()

    assert await periodic.expire(SlowToWrite(shop.archive, recheck), shop.clock) == 0
    assert (await shop.operation(id)).state is State.AWAITING_APPROVAL
    await shop.vote(id)


@pytest.mark.parametrize(
    ("fails", "ends"), [(set(), State.CANCELLED), ({"vm-0"}, State.ENDED_INCOMPLETE)], ids=["queued", "needs a person"]
)
async def test_an_operation_of_a_cloud_that_left_the_settings_can_be_ended_and_no_more(
    shop: Workshop, fails: set[str], ends: State
) -> None:
    shop.cloud.fails = fails
    id = await shop.approved()
    if fails:
        await shop.work()
    others = {("near", Action.EVACUATE): replace(RULE, approvers=("S0CHIEFS",))}
    desk = replace(shop.desk, clouds={}, rules=others)
    with pytest.raises(UnknownCloud, match="not configured any more"):
        await desk.steer(id, Steer.RETRY, by=ALICE, key=await shop.key())
    for nobody in (DAVE, BOB):
        with pytest.raises(NotAllowed):
            await desk.steer(id, Steer.CANCEL, by=nobody, key=await shop.key())
    chief = replace(DAVE, groups=frozenset({"S0CHIEFS"})) if fails else ALICE
    await desk.steer(id, Steer.CANCEL, by=chief, key=await shop.key())
    assert (await shop.operation(id)).state is ends
    await shop.ask()


async def test_a_second_request_for_the_same_host_names_the_first(shop: Workshop) -> None:
    first = await shop.ask()
    with pytest.raises(AlreadyUnderWay) as refusal:
        await shop.ask()
    assert refusal.value.other == first


async def test_a_dry_run_does_not_hold_the_host_and_turns_serious_on_demand(shop: Workshop) -> None:
    dry = await shop.ask(check=True)
    await shop.work()
    assert (await shop.operation(dry)).state is State.READY
    other = await shop.ask()
    with pytest.raises(AlreadyUnderWay):
        await shop.steer(dry, Steer.REQUEST_APPROVAL, by=ALICE)
    await shop.work()
    await shop.steer(other, Steer.CANCEL)
    await shop.steer(dry, Steer.REQUEST_APPROVAL, by=ALICE)
    await shop.work()
    assert (await shop.operation(dry)).state is State.AWAITING_APPROVAL


async def test_two_clicks_at_once_make_one_decision(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    results = await asyncio.gather(shop.vote(id, by=BOB), shop.vote(id, by=CAROL), return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["AlreadySettled", "NoneType"]
    late = next(r for r in results if isinstance(r, AlreadySettled))
    assert late.sentence == "Already approved"
    assert len(late.by) == 1


async def test_a_rejection_is_final(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    await shop.vote(id, choice=Choice.REJECT)
    assert (await shop.operation(id)).state is State.DENIED
    assert Kind.REJECTED in await shop.kinds()
    with pytest.raises(AlreadySettled, match="Already rejected"):
        await shop.vote(id, by=CAROL)


async def test_the_same_delivery_acts_once_however_often_it_is_served(shop: Workshop) -> None:
    delivery = Delivery(key="k", kind="command", payload={}, received_at=shop.clock.now())
    assert await deliveries.receive(shop.desk, delivery)
    assert not await deliveries.receive(shop.desk, delivery)
    order = Order(action=Action.EVACUATE, cloud="toy", host="host-1")
    await shop.desk.ask(order, by=ALICE, channel="C0OPS", key="k")
    assert await deliveries.unsettled(shop.desk) == []


async def test_what_a_dead_process_left_unserved_is_found_again(shop: Workshop) -> None:
    delivery = Delivery(key="k", kind="command", payload={"text": "host-1"}, received_at=shop.clock.now())
    await deliveries.receive(shop.desk, delivery)
    assert list(await deliveries.unsettled(shop.desk)) == [delivery]


@pytest.mark.parametrize(
    ("order", "error", "says"),
    [
        (Order(action=Action.EVACUATE, host="host-3"), UnknownHost, "named exactly host-3"),
        (Order(action=Action.EVACUATE, host="host-1", cloud="nope"), UnknownCloud, "no cloud named nope"),
        (Order(action=Action.ENTER, host="host-1", cloud="toy"), NotOffered, "maintenance"),
        (Order(action=Action.EXIT, host="host-1"), NotOffered, "maintenance"),
    ],
)
async def test_what_cannot_be_asked_for_is_said_with_a_reason(
    shop: Workshop, order: Order, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        await shop.desk.ask(order, by=ALICE, channel="C0OPS", key=await shop.key())
    assert await shop.desk.live() == []


async def test_a_near_name_is_suggested_and_never_taken(shop: Workshop) -> None:
    with pytest.raises(UnknownHost) as refusal:
        await shop.ask("host-")
    assert "toy/host-1" in refusal.value.remedy


async def test_a_cloud_that_does_not_answer_is_said_and_nothing_begins(shop: Workshop) -> None:
    async def hosts(matching: str, *, limit: int) -> Sequence[Host]:
        from bot.domain.cloud import Unreachable

        raise Unreachable("prod's Keystone refused the credentials.", remedy="Renew them.")

    shop.cloud.hosts = hosts  # type: ignore[method-assign]
    with pytest.raises(CouldNotAsk, match="refused the credentials"):
        await shop.ask()
    assert await shop.desk.live() == []


async def test_a_refusal_is_told_to_that_person_alone_and_audited(shop: Workshop) -> None:
    key = await shop.key()
    await answers.refuse(
        shop.desk, BadCommand("What?", remedy="Try /muster help."), by=UserId("U0DAVE"), channel="C1", key=key
    )
    (news,) = await shop.news()
    assert (news.kind, news.audience, news.person, news.channel) == (Kind.REFUSED, Audience.PERSON, "U0DAVE", "C1")
    assert await deliveries.unsettled(shop.desk) == []


async def test_strangers_cannot_cancel_but_requester_and_approvers_can(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    with pytest.raises(NotAllowed):
        await shop.steer(id, Steer.CANCEL, by=DAVE)
    await shop.steer(id, Steer.CANCEL, by=ALICE)
    assert (await shop.operation(id)).state is State.CANCELLED
    with pytest.raises(AlreadySettled):
        await shop.steer(id, Steer.CANCEL, by=BOB)


async def test_a_rejection_keeps_its_reason_for_the_card_and_names_the_requester_in_the_thread(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    digest = (await shop.operation(id)).digest
    assert digest is not None
    await shop.desk.vote(id, Choice.REJECT, digest=digest, by=BOB, key=await shop.key(), reason="backups are running")
    assert [(v.by, v.reason) for v in (await shop.operation(id)).votes] == [("U0BOB", "backups are running")]
    (told,) = [n for n in await shop.news() if n.kind is Kind.REJECTED]
    assert (facts_of(told)["reason"], facts_of(told)["requester"]) == ("backups are running", "U0ALICE")


async def test_checking_again_keeps_the_votes_for_an_unchanged_plan_and_does_not_prolong_them(shop: Workshop) -> None:
    shop.rule = replace(RULE, quorum=2)
    id = await shop.ask()
    await shop.work()
    await shop.vote(id, by=BOB)
    expires_at = (await shop.operation(id)).expires_at
    await shop.clock.sleep(20 * 60)
    await shop.steer(id, Steer.RECHECK)
    await shop.work()
    operation = await shop.operation(id)
    assert [v.by for v in operation.approvals] == [BOB.id]
    assert operation.expires_at == expires_at


async def test_whoever_steers_too_late_hears_who_did_so_and_not_who_approved(shop: Workshop) -> None:
    id = await shop.approved()
    heard: list[AlreadySettled] = []
    asked = [(Steer.PAUSE, BOB), (Steer.PAUSE, CAROL), (Steer.RESUME, CAROL), (Steer.RESUME, BOB), (Steer.CANCEL, BOB)]

    async def both() -> None:
        for verb, who in [*asked, (Steer.PAUSE, CAROL)]:
            try:
                await shop.steer(id, verb, by=who)
            except AlreadySettled as refused:
                heard.append(refused)

    shop.cloud.on_move = both
    await shop.work()
    said = [(one.sentence, one.by) for one in heard[:3]]
    assert said == [("Already paused", (BOB.id,)), ("Already resumed", (CAROL.id,)), ("Already cancelled", (BOB.id,))]
    assert all(one.at is not None and not one.remedy for one in heard[:3])
    with pytest.raises(
        AlreadySettled, match="This operation has ended incomplete, so that click does nothing any more"
    ):
        await shop.steer(id, Steer.PAUSE)


async def test_whoever_cancels_what_was_cancelled_hears_by_whom(shop: Workshop) -> None:
    id = await shop.ask()
    await shop.work()
    await shop.steer(id, Steer.CANCEL, by=BOB)
    with pytest.raises(AlreadySettled, match="Already cancelled") as late:
        await shop.steer(id, Steer.CANCEL, by=CAROL)
    assert late.value.by == (BOB.id,)
