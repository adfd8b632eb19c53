"""The VMs that no step is about are looked for at the end, and a search in vain holds up no end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest

from bot.domain.abilities import VmPlace
from bot.domain.cloud import Request, Unreachable
from bot.domain.operation import State
from bot.domain.plans.plan import Disposition, Plan, PlannedStep
from bot.domain.values import VmId
from tests.toy_cloud import ToyCloud
from tests.workshop import LeapingClock, Workshop

STAYS = VmId("vm-1")


@dataclass
class SearchedCloud(ToyCloud):
    """Leaves one VM out of its plans, and can be asked where VMs are."""

    trouble: Exception | None = None

    def plan(self, request: Request, survey: dict[str, str]) -> Plan:
        whole = super().plan(request, survey)
        vms = (replace(v, disposition=Disposition.LEAVE) if v.id == STAYS else v for v in whole.vms)
        return replace(whole, vms=tuple(vms), steps=tuple(s for s in whole.steps if _is_kept(s)))

    async def find(self, last: Mapping[VmId, str]) -> Sequence[VmPlace]:
        if self.trouble:
            raise self.trouble
        return [VmPlace(vm=vm, host=self.vms[vm]) for vm in last]


def _is_kept(step: PlannedStep) -> bool:
    return step.vm != STAYS and step.verb != "empty"


@pytest.fixture
def cloud(clock: LeapingClock) -> SearchedCloud:
    return SearchedCloud(clock=clock, vms={f"vm-{n}": "host-1" for n in range(3)})


@pytest.mark.parametrize(
    ("trouble", "found"),
    [
        (None, VmPlace(vm=STAYS, host="host-1")),
        (Unreachable("Nova does not answer."), VmPlace(vm=STAYS, unknown="Nova does not answer.")),
    ],
)
async def test_a_vm_that_was_left_out_is_looked_for_at_the_end(
    shop: Workshop, trouble: Exception | None, found: VmPlace
) -> None:
    assert isinstance(shop.cloud, SearchedCloud)
    shop.cloud.trouble = trouble
    id = await shop.approved()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.SUCCEEDED
    assert operation.others is not None
    assert operation.others.vms == (found,)
    assert operation.others.at == operation.ended_at


async def test_what_an_adapter_stumbles_over_there_is_told_by_its_reference_alone(shop: Workshop) -> None:
    assert isinstance(shop.cloud, SearchedCloud)
    shop.cloud.trouble = KeyError("secret")
    id = await shop.approved()
    await shop.work()
    operation = await shop.operation(id)
    assert operation.state is State.SUCCEEDED
    assert operation.others is not None
    (place,) = operation.others.vms
    assert "Muster stumbled over a search of VMs" in place.unknown
    assert "secret" not in place.unknown
