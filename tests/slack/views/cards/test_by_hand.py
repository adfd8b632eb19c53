"""What the card says and offers while a step waits for somebody's hands."""

import json
from dataclasses import replace

from bot.domain.operation import State
from bot.domain.plans.plan import By, Step
from bot.domain.progress.steps import StepRecord, StepState
from bot.domain.values import StepKey
from bot.slack.views.cards import card
from tests.slack.views.examples import DIGEST, NOW, RULE, operation
from tests.slack.views.limits import assert_slack_takes

COMMAND = "cinder-manage volume update_host --currenthost 'a@ceph#ceph' --newhost 'b@ceph#ceph' && <!channel>"
STEP = Step(
    key=StepKey("rehome-volumes:a@ceph#ceph"),
    phase="Re-home volumes",
    verb="rehome-volumes",
    target="a@ceph#ceph",
    title="give 3 volumes of a@ceph#ceph to b@ceph#ceph",
    by=By.PERSON,
    command=COMMAND,
)


def drawn(state: StepState) -> str:
    record = StepRecord(step=STEP, seq=0, state=state, sentence="3 volumes are still with a@ceph#ceph.")
    shown = operation(State.RUNNING)
    assert shown.plan is not None
    shown = shown.with_plan(replace(shown.plan, phases=(STEP.phase,), steps=(STEP,)), DIGEST)
    message = card.render(shown, [record], RULE, now=NOW)
    assert_slack_takes(message)
    return json.dumps(message.blocks, ensure_ascii=False)


def test_the_command_stands_there_to_be_copied_with_a_button_that_says_it_is_done() -> None:
    shown = drawn(StepState.ACCEPTED)
    assert "To be done by hand" in shown
    assert "3 volumes are still with" in shown
    assert "--currenthost 'a@ceph#ceph' --newhost 'b@ceph#ceph' &amp;&amp; &lt;!channel&gt;" in shown
    assert '"Done"' in shown
    assert json.dumps(STEP.key)[1:-1] in shown


def test_a_step_that_waits_for_nobody_has_no_such_button() -> None:
    for state in (StepState.PLANNED, StepState.DONE, StepState.FAILED, StepState.NOT_NEEDED):
        assert '"Done"' not in drawn(state)
