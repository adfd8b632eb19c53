"""The whole of a plan: in a window page by page, and as a file; nothing of it is left out, the worst comes first."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.demo.block_kit.blockkit import check_view
from bot.domain.abilities import VmPlace
from bot.domain.counting import counted
from bot.domain.operation import Operation, State, VmPlaces
from bot.domain.plans.plan import Disposition, Finding, Plan, Topic, Verdict, Vm
from bot.slack.views import button_values, notes
from bot.slack.views.cards import buttons, details
from bot.slack.views.message import Message
from tests.slack.views.examples import HOSTILE, NOW, RULE, operation, plan, records, vm
from tests.slack.views.limits import visible_text
from tests.slack.views.sent import labels

MAX_VIEW = 250_000


def asked(of: Plan) -> Operation:
    return operation(State.AWAITING_APPROVAL, of=of)


def pages(shown: Operation, rows: Any = ()) -> list[dict[str, Any]]:
    """All pages, as somebody sees them who turns them by the button."""
    made: list[Any] = [details.window(shown, rows, page=0)]
    while following := [b for b in elements(made[-1]) if b["text"]["text"] == "Next"]:
        made.append(details.window(shown, rows, page=button_values.page_in(following[0]["value"])))
    return made


def elements(view: dict[str, Any]) -> list[dict[str, Any]]:
    return [element for block in view["blocks"] if block["type"] == "actions" for element in block["elements"]]


def lines(shown: Operation, rows: Any = ()) -> list[str]:
    said = [visible_text(Message(text="-", blocks=tuple(page["blocks"]))) for page in pages(shown, rows)]
    return [line for page in said for part in page for line in part.split("\n") if line.startswith("• ")]


@pytest.mark.parametrize("number", [1, 30, 31, 100, 101, 300, 1_000])
def test_every_vm_stands_on_some_page_once_and_slack_takes_each_page(number: int) -> None:
    shown = asked(plan(number, losing=number // 2))
    for page in pages(shown):
        assert check_view(page) == []
        assert len(json.dumps(page)) < MAX_VIEW
    names = [line.split("`")[1] for line in lines(shown)]
    assert sorted(names) == sorted(v.name for v in shown.plan.vms) if shown.plan else False
    assert len(pages(shown)) == -(-number // details.PAGE)


def special() -> tuple[Vm, ...]:
    """Healthy VMs, and one of each kind that needs a look, in the order in which they should be read."""
    return (
        vm(900, name="loses", loses_disk=True),
        vm(901, name="stuck", disposition=Disposition.CANNOT, note="is paused"),
        vm(902, name="stopping", disposition=Disposition.SHUT_DOWN),
        vm(903, name="zoo", status="ERROR"),
        vm(904, name="off", status="SHUTOFF", note="to zone az-2, away from az-1"),
    )


def test_what_needs_a_look_comes_first_with_its_reason() -> None:
    of = replace(plan(300), vms=(*plan(300).vms, *reversed(special())))
    first = lines(asked(of))[:5]
    assert [line.split("`")[1] for line in first] == [v.name for v in special()]
    assert "*evacuate*, *loses its disk*" in first[0]
    assert "*cannot* · is paused" in first[1]
    assert "to zone az-2, away from az-1" in first[4]


def test_what_a_finding_says_of_one_vm_stands_beside_it() -> None:
    of = plan(3)
    told = Finding(
        code="fits-nowhere",
        verdict=Verdict.BLOCKER,
        topic=Topic.ROOM,
        vm=of.vms[1].id,
        sentence="web-1 needs 999 GiB.",
        together="find no room.",
    )
    (line,) = [one for one in lines(asked(replace(of, findings=(told,)))) if "web-1" in one]
    assert "web-1 needs 999 GiB." in line


@pytest.mark.parametrize("state", [State.RUNNING, State.NEEDS_ATTENTION, State.ENDED_INCOMPLETE])
def test_of_an_operation_that_has_begun_each_vm_stands_with_what_became_of_it_trouble_first(state: State) -> None:
    shown = operation(state, of=plan(60))
    told = lines(shown, records(state, plan(60)))
    assert len(told) == 60
    assert "failed" in told[0]
    assert any("done → `compute-90`, 60 s" in line for line in told)


def test_what_findings_say_of_many_vms_is_said_once_on_a_page_and_in_the_file() -> None:
    of = plan(300, losing=120)
    found = [
        Finding(
            code="loses-disk",
            verdict=Verdict.WARNING,
            topic=Topic.VMS,
            vm=vm.id,
            sentence=f"{vm.name} loses its disk: so it is.",
            together="lose their disks: so it is.",
        )
        for vm in of.losing
    ]
    shown = asked(replace(of, findings=(*of.findings, *found)))
    first, second, last = (str(page) for page in pages(shown))
    for page in (first, second):
        assert page.count("[1] 120 VMs lose their disks: so it is.") == 1
    assert first.count("[1]") == 101
    assert "[1]" not in last
    assert f"{of.losing[0].name} loses its disk" not in first
    assert shown.plan is not None
    assert details.file(shown, shown.plan).count("so it is") == 2, "among the findings, and above the list"


def test_names_never_become_markup() -> None:
    for words in HOSTILE:
        shown = asked(plan(3, name=words))
        for page in pages(shown):
            assert check_view(page) == []
            said = json.dumps(page)
            assert "<!channel>" not in said
            assert "\u202e" not in said


def test_a_page_that_is_not_there_is_the_nearest_one() -> None:
    shown = asked(plan(300))
    assert details.window(shown, (), page=99) == details.window(shown, (), page=2)
    assert details.window(shown, (), page=-1) == details.window(shown, (), page=0)
    assert (button_values.page_in("{}"), button_values.page_in("no"), button_values.page_in('{"page":"x"}')) == (
        0,
        0,
        0,
    )


@pytest.mark.parametrize("number", [1, 21, 300])
def test_the_file_has_all_vms_all_findings_all_steps_and_what_is_signed(number: int) -> None:
    of = plan(number, losing=number)
    said = details.file(asked(of), of)
    for one in of.vms:
        assert f"- {one.name} · {one.id} · shop · ACTIVE" in said
    assert all(f.sentence in said for f in of.findings)
    assert all(step.title in said for step in of.steps)
    assert of.vouches[0] in said


@pytest.mark.parametrize("state", State)
def test_details_are_offered_as_soon_as_there_is_a_plan_with_vms(state: State) -> None:
    for of in (plan(3), plan(0)):
        shown = operation(state, of=of)
        row = buttons.row(shown, RULE, ())
        there = "Details" in labels(Message(text="-", blocks=tuple(row)))
        assert there is (shown.plan is not None and bool(shown.plan.vms))


@pytest.mark.parametrize("state", [State.AWAITING_APPROVAL, State.RUNNING, State.SUCCEEDED])
@pytest.mark.parametrize("number", [31, 300, 1_000])
def test_whoever_asks_to_be_shown_many_vms_reads_them_or_where_they_are(number: int, state: State) -> None:
    shown = operation(state, of=plan(number))
    said = "\n".join(visible_text(notes.in_full(shown, records(state, plan(number)), RULE, now=NOW)))
    assert f"*Details* on the card has all {counted(number, 'VM')}" in said


def test_a_vm_that_no_step_was_about_stands_with_where_it_was_found_at_the_end_and_before_that_with_where_it_was() -> (
    None
):
    away, still = vm(1, place="node-3"), vm(2, place="node-4")
    of = replace(plan(), vms=(away, still), steps=())
    assert "now on `node-3`" in lines(asked(of))[0]
    begun = replace(asked(of), started_at=NOW)
    assert "on `node-3` when it was planned" in lines(begun)[0]
    seen = VmPlaces(at=NOW, vms=(VmPlace(vm=away.id, host="node-7"), VmPlace(vm=still.id, host="node-4")))
    first, second = lines(replace(begun, others=seen))
    assert "on `node-7` now, no longer on `node-3`" in first
    assert "still on `node-4`" in second
