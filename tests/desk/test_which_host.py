"""What a person hears where Muster does nothing, because the cloud does it itself."""

from dataclasses import dataclass

import pytest

from bot.desk.desk import Desk
from bot.domain.abilities import Instead
from bot.domain.cloud import Host, Unreachable
from bot.domain.errors import NotOffered, UnknownHost
from bot.domain.rules.order import Order
from bot.domain.rules.policy import Rule
from bot.domain.values import Action, Then
from bot.store.archive import SqlArchive
from tests.toy_cloud import ToyCloud
from tests.workshop import ALICE, DAVE, RULE, LeapingClock


@dataclass
class SelfHealing(ToyCloud):
    """Restarts the VMs of a dead host by itself, and offers maintenance only."""

    name: str = "heal"
    actions: frozenset[Action] = frozenset({Action.ENTER})
    powers: frozenset[Then] = frozenset({Then.REBOOT})
    mute: bool = False

    async def hosts(self, matching: str, *, limit: int) -> list[Host]:
        if self.mute:
            raise Unreachable("heal does not answer")
        return [h for h in await super().hosts("", limit=9) if h.name == "host-2" and matching in h.name]

    async def instead(self, action: Action, host: str) -> Instead | None:
        if self.mute:
            raise Unreachable("heal does not answer")
        return Instead(sentence=f"heal does {action} itself.", seen=f"{host}: web-1 restarts.")


@pytest.fixture
def healing(clock: LeapingClock) -> SelfHealing:
    return SelfHealing(clock=clock, vms={})


@pytest.fixture
def desk(archive: SqlArchive, clock: LeapingClock, cloud: ToyCloud, healing: SelfHealing) -> Desk:
    rules: dict[tuple[str, Action], Rule] = {("toy", Action.EVACUATE): RULE, ("heal", Action.ENTER): RULE}
    cloud.vms = {"vm-1": "host-1"}
    return Desk(archive=archive, clock=clock, clouds={"toy": cloud, "heal": healing}, rules=rules)


def order(host: str, *, cloud: str = "", action: Action = Action.EVACUATE, then: Then = Then.NOTHING) -> Order:
    return Order(action=action, host=host, cloud=cloud, then=then)


async def test_what_the_cloud_does_itself_is_said_with_what_can_be_seen_of_it(desk: Desk) -> None:
    with pytest.raises(NotOffered) as refusal:
        await desk.ask(order("host-2", cloud="heal"), by=ALICE, channel="C", key="k")
    assert (refusal.value.sentence, refusal.value.remedy) == (
        "heal does evacuate itself.",
        "host-2: web-1 restarts.",
    )


async def test_what_a_cloud_shows_is_told_only_to_those_who_may_ask_for_something_there(desk: Desk) -> None:
    with pytest.raises(NotOffered) as refusal:
        await desk.ask(order("host-2", cloud="heal"), by=DAVE, channel="C", key="k")
    assert "not something Muster can do on heal" in refusal.value.sentence
    assert "web-1" not in str(refusal.value)


async def test_a_host_that_only_such_a_cloud_has_is_not_called_unknown(
    desk: Desk, cloud: ToyCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def none(matching: str, *, limit: int) -> list[Host]:
        return []

    monkeypatch.setattr(cloud, "hosts", none)
    with pytest.raises(NotOffered, match="heal does evacuate itself"):
        await desk.ask(order("host-2"), by=ALICE, channel="C", key="k")
    with pytest.raises(UnknownHost):
        await desk.ask(order("host-7"), by=ALICE, channel="C", key="k")


async def test_such_a_cloud_that_is_silent_hides_nothing_and_stops_nothing(desk: Desk, healing: SelfHealing) -> None:
    healing.mute = True
    with pytest.raises(UnknownHost):
        await desk.ask(order("host-7"), by=ALICE, channel="C", key="k")
    with pytest.raises(NotOffered, match="not something Muster can do on heal"):
        await desk.ask(order("host-2", cloud="heal"), by=ALICE, channel="C", key="k")


async def test_only_what_a_cloud_can_do_with_power_is_asked_of_it(desk: Desk) -> None:
    asked = order("host-2", cloud="heal", action=Action.ENTER, then=Then.POWER_OFF)
    with pytest.raises(NotOffered, match="power of a host"):
        await desk.ask(asked, by=ALICE, channel="C", key="k")
    wished = order("host-2", cloud="heal", action=Action.ENTER, then=Then.REBOOT)
    begun = await desk.ask(wished, by=ALICE, channel="C", key="k")
    assert (await desk.show(begun))[0].request.then is Then.REBOOT
