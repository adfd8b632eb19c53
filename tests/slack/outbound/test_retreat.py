"""What Slack does not show nobody approves: a refused card is said plainer in steps, and keeps its facts or loses *Approve*."""

from dataclasses import replace

import pytest

from bot.domain.operation import State
from bot.domain.plans.plan import Plan
from tests.slack.conftest import Office, operation
from tests.slack.views.examples import grave_plan, plan

FEW, MANY = plan(12), grave_plan(60)
KINDS = ("table", "context", "header", "section", "actions")


def refuses(office: Office, *, times: int, block: str = "") -> None:
    """Slack refuses some shape so often, when a card is posted and when it is edited then."""
    for method in ("chat.postMessage", "chat.update"):
        office.served.faults.refuse("invalid_blocks", method=method, block=block, times=times)


async def shown(office: Office, of: Plan) -> str:
    await office.add(operation(state=State.AWAITING_APPROVAL, plan=of))
    board = office.board()
    await office.until(office.cards, board)
    (card,) = office.cards()
    return card.plain + card.text


def tells(said: str, of: Plan) -> bool:
    """Whether a text tells all findings, and the VMs by name or by number."""
    names = all(vm.name in said for vm in of.vms) or f"*VMs*: {len(of.vms)}" in said
    return names and all(f.sentence in said or f.together in said for f in of.findings if f.is_risk)


@pytest.mark.parametrize("of", [FEW, MANY], ids=["few", "many"])
@pytest.mark.parametrize("kind", KINDS)
async def test_whatever_kind_of_block_slack_refuses_approve_never_stands_without_findings_and_vms(
    office: Office, kind: str, of: Plan
) -> None:
    refuses(office, block=kind, times=1_000)
    said = await shown(office, of)
    (card,) = office.cards()
    assert ("Approve" in card.buttons) is (kind in {"table", "context"})
    assert tells(said, of) or "Approve" not in card.buttons
    assert all(block["type"] != kind for block in card.blocks)
    assert "Waiting for approval" in said


async def test_a_table_that_is_refused_becomes_text_and_all_else_stays(office: Office) -> None:
    refuses(office, block="table", times=1)
    said = await shown(office, FEW)
    assert "*VM · Project · Status · Plan · Note*\n• `web-0` · " in said
    assert "Asked for by" in said


async def test_small_print_that_is_refused_is_left_out_alone(office: Office) -> None:
    refuses(office, block="context", times=1)
    await shown(office, FEW)
    (card,) = office.cards()
    assert [block["type"] for block in card.blocks].count("context") == 2
    assert any(block["type"] == "table" for block in card.blocks)


@pytest.mark.parametrize("times", range(1, 5))
async def test_however_often_slack_refuses_approve_never_stands_without_findings_and_vms(
    office: Office, times: int
) -> None:
    refuses(office, times=times)
    said = await shown(office, FEW)
    (card,) = office.cards()
    assert ("Approve" in card.buttons) is (times < 3)
    assert tells(said, FEW) or "Approve" not in card.buttons
    assert times != 3 or ("nobody can approve it here" in said and "Cancel" in card.buttons)


async def test_a_plan_that_cannot_be_shown_says_where_it_is_read(office: Office) -> None:
    refuses(office, times=3)
    said = await shown(office, replace(FEW, findings=FEW.findings))
    assert "/muster show" in said
