"""No VM is sent to a host that is itself under an operation."""

from dataclasses import replace

from bot.domain.cloud import Request
from bot.domain.plans.plan import Step, Verdict
from bot.domain.progress.steps import StepRecord
from bot.domain.rules import targets
from bot.domain.values import Action, HostId, OperationId, StepKey


def request(run: str, host: str, *, to: str = "", action: Action = Action.ENTER) -> Request:
    return Request(action=action, cloud="prod", host=HostId(f"id-{host}"), host_name=host, run=OperationId(run), to=to)


def test_the_target_is_known_by_name_and_by_id() -> None:
    other = request("OTHER", "b")
    for named in ("b", "id-b"):
        refusal = targets.conflict(request("MINE", "a", to=named), [other])
        assert refusal is not None
        assert refusal.other == "OTHER"
        assert targets.closed(request("MINE", "a", to=named), [other]) is not None
        assert [f.verdict for f in targets.findings(request("MINE", "a", to=named), [other])] == [Verdict.BLOCKER]


def test_a_target_that_nobody_holds_and_no_target_at_all_are_free() -> None:
    for asked in (request("MINE", "a", to="c"), request("MINE", "a"), request("OTHER", "b", to="b")):
        assert targets.conflict(asked, [request("OTHER", "b")]) is None
        assert targets.closed(asked, [request("OTHER", "b")]) is None
        assert targets.findings(asked, [request("OTHER", "b")]) == ()


def test_a_host_that_vms_are_sent_to_may_be_evacuated_and_nothing_else() -> None:
    sender = request("OTHER", "a", to="b")
    for action in (Action.ENTER, Action.EXIT):
        refusal = targets.conflict(request("MINE", "b", action=action), [sender])
        assert refusal is not None
        assert refusal.sentence == "Operation OTHER sends VMs of a to b."
    assert targets.conflict(request("MINE", "b", action=Action.EVACUATE), [sender]) is None


def test_hosts_under_way_are_those_of_others() -> None:
    live = [request("MINE", "a"), request("OTHER", "b")]
    assert targets.under_way(live[0], live) == {"b", "id-b"}


def test_wishes_for_such_hosts_are_dropped_and_the_next_best_is_taken() -> None:
    step = Step(key=StepKey("s"), phase="Move", verb="move", target="vm", title="move", wish="b", also=("c", "d"))
    record = StepRecord(step=step, seq=0)
    assert targets.spared(record, {"b", "d"}) == replace(record, step=replace(step, wish="c", also=()))
    assert targets.spared(record, {"b", "c", "d"}) == replace(record, step=replace(step, wish="", also=()))
    assert targets.spared(record, {"x"}) == record
