"""The lists of a plan that leaves VMs to choose: on the card, and in the window where they are ticked."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.demo.block_kit.blockkit import check_blocks, check_view
from bot.domain.messages.decided import ChoiceWanted
from bot.domain.messages.news import News
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import Disposition, Plan
from bot.domain.values import Action, Then
from bot.slack.views import thread
from bot.slack.views.cards import card
from bot.slack.views.windows import choose, ticks
from tests.slack.views import golden, sent
from tests.slack.views.examples import HOSTILE, NOW, RULE, operation, plan
from tests.slack.views.limits import assert_slack_takes, visible_text

GROUPS = ("power on", "live-migrate back", "migrate back offline")


def choosy(vms: int, *, name: str = "", note: str = "") -> Plan:
    """An exit: every third VM in another list, every fifth not ticked."""
    whole = plan(vms, name=name)
    listed = tuple(
        replace(
            vm,
            chosen=n % 5 != 4,
            is_flagged=n % 5 == 4,
            group=GROUPS[n % 3],
            place=name or f"node-{n % 3 + 2}",
            note=note or ("in the recycle bin" if n % 5 == 4 else ""),
            disposition=Disposition.LEAVE if n % 5 == 4 else Disposition.MIGRATE_BACK,
        )
        for n, vm in enumerate(whole.vms)
    )
    return replace(whole, action=Action.EXIT, vms=listed, steps=(), may_choose_none=True)


def asked(of: Plan) -> Operation:
    made = operation(State.AWAITING_APPROVAL, of=of)
    return replace(made, request=replace(made.request, action=Action.EXIT, cloud="tower", host_name="node-1"))


def window(of: Plan) -> Any:
    drawn = choose.draw(asked(of), of, channel="C0OPS")
    assert drawn is not None
    view = json.loads(json.dumps(drawn))
    assert check_view(view) == []
    assert len(json.dumps(view)) <= 250_000
    return view


def fields(view: Any) -> list[Any]:
    return [block for block in view["blocks"] if block["type"] == "input"]


def buttons_of(of: Plan) -> list[str]:
    return sent.labels(card.render(asked(of), (), RULE, now=NOW))


def test_all_back_is_offered_while_a_vm_against_which_nothing_speaks_would_be_left_away() -> None:
    whole = choosy(7)
    assert "All Back" not in buttons_of(whole)
    none = replace(whole, vms=tuple(replace(vm, chosen=False) for vm in whole.vms))
    assert buttons_of(none)[2:5] == ["All Back", "Choose VMs…", "Leave All"]
    assert "All Back" not in buttons_of(replace(none, action=Action.EVACUATE))


@pytest.mark.parametrize("is_flagged", [False, True])
def test_whoever_has_to_choose_is_told_of_the_buttons_that_stand_there(is_flagged: bool) -> None:
    whole = choosy(3)
    none = replace(whole, vms=tuple(replace(vm, chosen=False, is_flagged=is_flagged) for vm in whole.vms))
    wanted = News(what=ChoiceWanted(may_take_all=bool(none.unflagged)), operation=asked(none).id, ask=("U0ALICE",))
    line = thread.render([wanted], asked(none)).text
    labels = {one for one in ("All Back", "Choose VMs…", "Leave All") if f"*{one}*" in line}
    assert labels == {"All Back", "Choose VMs…", "Leave All"} & set(buttons_of(none))
    assert ("All Back" in labels) is not is_flagged
    assert "<@U0ALICE>: press" in line
    chosen = replace(asked(none), request=replace(asked(none).request, is_choice=True))
    assert "Leave All" not in sent.labels(card.render(chosen, (), RULE, now=NOW))


def test_a_vm_that_cannot_be_chosen_stands_in_a_list_of_its_own() -> None:
    whole = choosy(3)
    stays = replace(whole.vms[0], chosen=None, group="stay where they are", note="is in ERROR")
    shown = card.render(asked(replace(whole, vms=(stays, *whole.vms[1:]))), (), RULE, now=NOW)
    assert_slack_takes(shown)
    said = "\n".join(visible_text(shown))
    assert "*Stay where they are*: 1 VM\n" in said
    only = card.render(asked(replace(whole, vms=(stays,))), (), RULE, now=NOW)
    assert sent.blocks(only)[0]["text"]["text"].startswith("Exit maintenance on tower/node-1: VMs stay where they are")
    assert "is in ERROR" in "\n".join(visible_text(only))


def test_the_card_shows_each_list_with_where_every_vm_is_and_which_are_ticked() -> None:
    message = card.render(asked(choosy(7)), (), RULE, now=NOW)
    assert_slack_takes(message)
    golden.check("card-exit-with-choices", message)
    assert sent.blocks(message)[0]["text"]["text"] == "Exit maintenance on tower/node-1: 6 of 7 VMs, about 12 min"


@pytest.mark.parametrize("vms", [1, 40, 80, 81, 300, 1_000])
def test_any_number_of_vms_fits_into_one_card_and_those_that_stay_are_named_first(vms: int) -> None:
    message = card.render(asked(choosy(vms)), (), RULE, now=NOW)
    assert_slack_takes(message)
    said = "\n".join(visible_text(message))
    if vms == 300:
        assert "*Power on*: 80 of 100 VMs" in said
        assert "• left: `web-9` (on node-2, in the recycle bin)" in said


def test_the_window_ticks_what_the_plan_has() -> None:
    first, *_ = shown = fields(window(choosy(7)))
    assert [f["label"]["text"] for f in shown] == ["Live-migrate back", "Migrate back offline", "Power on"]
    assert first["element"]["type"] == "checkboxes"
    assert [o["text"]["text"] for o in first["element"]["options"]] == ["web-1", "web-4"]
    assert [o["value"] for o in first["element"]["initial_options"]] == ["id-0001"]
    assert first["element"]["options"][1]["description"]["text"] == "now on node-3, in the recycle bin"
    assert all(f["optional"] for f in shown)


def test_several_hundred_vms_stand_in_menus_of_a_hundred() -> None:
    shown = fields(window(choosy(700)))
    assert [f["label"]["text"] for f in shown][:3] == [
        "Live-migrate back, 1-100 of 233",
        "Live-migrate back, 101-200 of 233",
        "Live-migrate back, 201-233 of 233",
    ]
    assert {f["element"]["type"] for f in shown} == {"multi_static_select"}
    assert sum(len(f["element"]["options"]) for f in shown) == 700
    assert len({f["block_id"] for f in shown}) == len(shown)


def test_more_than_a_window_can_hold_is_not_drawn() -> None:
    of = choosy(3_000)
    assert choose.draw(asked(of), of, channel="C0OPS") is None


def test_names_with_markup_are_inert_in_card_and_window() -> None:
    for words in HOSTILE:
        of = choosy(6, name=words, note=words)
        view = window(of)
        assert '"mrkdwn"' not in json.dumps(fields(view))
        message = card.render(asked(of), (), RULE, now=NOW)
        assert_slack_takes(message)
        assert check_blocks(json.loads(json.dumps(message.blocks))) == []
        for said in visible_text(message):
            assert "\u202e" not in said
            assert "<!channel>" not in said
            assert "<https://evil" not in said


def test_what_was_ticked_is_read_from_all_lists_and_nothing_else() -> None:
    def ticked(*ids: str) -> Any:
        return {"vms": {"selected_options": [{"value": id} for id in ids]}}

    values = {"vms-0": ticked("a", "b"), "vms-1": ticked(), "vms-2": ticked("b", "c"), "other": ticked("d")}
    assert ticks.ticked_in({"state": {"values": values}}) == ("a", "b", "c")
    assert ticks.ticked_in({}) == ()


def test_the_button_is_there_while_the_plan_may_still_change_and_only_with_something_to_choose() -> None:
    def labels(shown: Operation) -> list[str]:
        (row,) = sent.blocks(card.render(shown, (), RULE, now=NOW), "actions")
        return [e["text"]["text"] for e in row["elements"]]

    assert "Choose VMs…" in labels(asked(choosy(3)))
    assert "Choose VMs…" not in labels(asked(plan(3)))
    assert "Choose VMs…" not in labels(replace(asked(choosy(3)), state=State.NEEDS_ATTENTION))


def test_the_vms_that_will_be_shut_down_stand_apart_with_their_owners_and_in_the_question() -> None:
    of = plan(40)
    stops = {3: "gpu-1", 7: "gpu-2"}
    vms = tuple(
        replace(vm, name=stops[n], disposition=Disposition.SHUT_DOWN, project="render-team", note="cannot be migrated")
        if n in stops
        else vm
        for n, vm in enumerate(of.vms)
    )
    message = card.render(operation(State.AWAITING_APPROVAL, of=replace(of, vms=vms)), (), RULE, now=NOW)
    assert_slack_takes(message)
    (listed,) = [said for said in visible_text(message) if "*Will be shut down* (2)" in said]
    assert "• `gpu-1` · render-team · ACTIVE · cannot be migrated\n• `gpu-2` · render-team · ACTIVE" in listed
    assert any("*VMs*: 38" in said for said in visible_text(message))
    (row,) = sent.blocks(message, "actions")
    assert "2 VMs will be shut down." in row["elements"][0]["confirm"]["text"]["text"]


def test_whoever_approves_reads_what_becomes_of_the_hosts_power() -> None:
    shown = operation(State.AWAITING_APPROVAL)
    shown = replace(shown, request=replace(shown.request, action=Action.ENTER, then=Then.POWER_OFF))
    message = card.render(shown, (), RULE, now=NOW)
    (row,) = sent.blocks(message, "actions")
    assert "Then the host is powered off." in row["elements"][0]["confirm"]["text"]["text"]
    assert "then poweroff" in "\n".join(visible_text(message))
