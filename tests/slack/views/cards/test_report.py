"""What a card and its thread report at the end: each VM moved, and those that nobody moved."""

from dataclasses import replace
from typing import Any

from bot.domain.abilities import VmPlace
from bot.domain.messages.kind import Kind
from bot.domain.operation import State, VmPlaces
from bot.domain.plans.plan import Disposition
from bot.domain.progress.steps import StepState, laid_out
from bot.domain.values import StepKey
from bot.slack.views import thread
from bot.slack.views.cards import card, vms
from bot.slack.views.message import Message
from tests.news import news_of
from tests.slack.views.examples import NOW, RULE, operation, plan, records
from tests.slack.views.limits import visible_text
from tests.slack.views.sent import blocks


def drawn(state: State, **changes: Any) -> Message:
    shown = operation(state, **changes)
    return card.render(shown, records(state, shown.plan or plan()), RULE, now=NOW)


def test_vms_that_were_meant_to_stay_are_not_passed_over_in_silence() -> None:
    of = plan(5)
    stays = replace(of.vms[4], disposition=Disposition.LEAVE)
    of = replace(of, vms=(*of.vms[:4], stays), steps=of.steps[:5])
    said = "\n".join(visible_text(drawn(State.SUCCEEDED, of=of)))
    assert "*4 of 4 done and verified* in 4 min." in said
    assert "*1 VM was not part of it*, and Muster has not looked at it since the start:" in said
    assert f"• `{stays.name}`: {stays.note or 'left as is'}" in said


def test_a_vm_that_no_step_was_about_is_told_where_it_was_found_and_never_guessed() -> None:
    of = plan(5)
    apart = tuple(replace(vm, disposition=Disposition.LEAVE, note="left out") for vm in of.vms)
    of = replace(of, vms=apart, steps=of.steps[:1])
    away, gone, still, lost, nowhere = (vm.id for vm in apart)
    seen = VmPlaces(
        at=NOW,
        vms=(
            VmPlace(vm=away, host="compute-7"),
            VmPlace(vm=gone, is_gone=True),
            VmPlace(vm=still, host=operation().host.name),
            VmPlace(vm=lost, unknown="Nova <does> not answer."),
            VmPlace(vm=nowhere),
        ),
    )
    said = vms.untouched(operation(State.SUCCEEDED, of=of, others=seen), ()).splitlines()
    names = [f"`{vm.name}`" for vm in apart]
    was = f"`{operation().host.name}`"
    assert said[0].startswith("*5 VMs were not part of it*. Where they were at <!date^")
    assert f"• {names[0]}: on `compute-7` now, no longer on {was}" in said
    assert f"• {names[1]}: deleted since; it was on {was}" in said
    assert f"• {names[3]}: where it is could not be found out (Nova &lt;does&gt; not answer.)" in said
    assert f"• {names[4]}: on no host; it was on {was}" in said
    assert said[-1] == f"• {names[2]}: still on {was} (left out)", "what is elsewhere comes first"


def test_many_vms_that_stay_for_one_reason_are_named_together() -> None:
    of = plan(60)
    of = replace(
        of, vms=(*of.vms[:1], *(replace(v, disposition=Disposition.LEAVE, note="not asked for") for v in of.vms[1:]))
    )
    of = replace(of, steps=tuple(s for s in of.steps if s.vm in {None, of.vms[0].id}))
    said = "\n".join(visible_text(drawn(State.SUCCEEDED, of=of)))
    assert "*59 VMs were not part of it*, and Muster has not looked at them since the start:" in said
    assert "and 47 more: not asked for" in said


def test_the_report_has_the_columns_of_nova_host_evacuate_with_target_and_seconds() -> None:
    (table,) = blocks(drawn(State.NEEDS_ATTENTION), "table")
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    assert rows[0] == ["Server", "Evacuate Accepted", "Error Message", "Target", "Seconds"]
    assert rows[-1] == ["web-0", "True", "–", "compute-90", "60"]


def test_the_report_on_a_card_has_no_column_that_says_true_of_every_vm_or_nothing_at_all() -> None:
    (table,) = blocks(drawn(State.SUCCEEDED), "table")
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    assert rows[0] == ["Server", "Target", "Seconds"]
    assert rows[1] == ["web-0", "compute-90", "60"]
    assert "True" not in "\n".join(visible_text(drawn(State.SUCCEEDED, of=plan(60))))


def test_the_report_in_the_thread_has_the_uuids_too_each_in_one_line() -> None:
    shown = operation(State.SUCCEEDED)
    news = news_of(Kind.FINISHED, {"seconds": 60}, operation=shown.id)
    drawn_line = thread.render([news], shown, records(State.SUCCEEDED, plan()))
    (table,) = blocks(drawn_line, "table")
    rows = [[cell["text"] for cell in row] for row in table["rows"]]
    assert rows[0][:3] == ["Server UUID", "Server", "Evacuate Accepted"]
    assert rows[1][:2] == [plan(1).vms[0].id, "web-0"]
    assert [column["is_wrapped"] for column in table["column_settings"]] == [False, True, True, True, True, True]


def test_a_vm_of_which_a_part_is_done_is_told_with_what_is_not() -> None:
    of = plan(2)
    moved, other = of.vms
    move = next(step for step in of.steps if step.vm == moved.id)
    stop = replace(move, key=StepKey(f"stop {moved.id}"), verb="stop", title=f"stop {moved.name}", follows=move.key)
    of = replace(of, steps=(*of.steps, stop))
    rows = [
        replace(row, state=StepState.DONE, place="compute-90")
        if row.step.vm != other.id and row.key != stop.key
        else row
        for row in laid_out(of.steps)
    ]
    shown = card.render(operation(State.ENDED_INCOMPLETE, of=of), rows, RULE, now=NOW)
    (table,) = blocks(shown, "table")
    told = {row[0]["text"]: [cell["text"] for cell in row[1:]] for row in table["rows"]}
    assert told[moved.name] == ["True", "not done: stop", "compute-90"]
    assert told[other.name] == ["False", "not done", "–"]


def test_what_is_done_to_a_host_without_vms_is_counted_in_steps() -> None:
    of = replace(plan(0), vms=())
    said = "\n".join(visible_text(drawn(State.SUCCEEDED, of=of)))
    assert len(of.steps) == 1
    assert "*1 of 1 done and verified* (step of the host) in" in said


def test_however_long_a_vms_name_is_the_report_says_why_it_is_not_done() -> None:
    of = plan(1, name="very-long-name-" * 16)
    why = "was not evacuated: Nova's scheduler found no host that has room for it."
    (name,) = [vm.name for vm in of.vms]
    rows = [r.end(StepState.FAILED, now=NOW, sentence=f"{name} {why}") for r in laid_out(of.steps)]
    (table,) = blocks(card.render(operation(State.NEEDS_ATTENTION, of=of), rows, RULE, now=NOW), "table")
    assert why in [cell["text"] for cell in table["rows"][1]]
