"""Alerts of a real Alertmanager, told to the running bot: what people see when they fire, and when they end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services import alertmanager
from tests.services.alertmanager import Alertmanager
from tests.stories.stage import ALICE, Stage, staged

pytestmark = pytest.mark.timeout(600)  # the package may have to be fetched first

TOKEN = "token-of-the-alertmanager"
WHAT = {"alertname": "HostDown", "severity": "critical", "instance": "compute-2:9100", "cloud": "prod"}
SAYS = "no answer from <!channel> *compute-2*"


@pytest.fixture(scope="session")
def binary() -> Path:
    try:
        return alertmanager.program()
    except RuntimeError as error:
        pytest.fail(str(error))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with staged(tmp_path, settings="[watch]\nhosts = false\n") as stage:
        stage.env["ALERTMANAGER_TOKEN"] = TOKEN
        stage.env["WEBHOOK"] = f"{stage.listens()}/webhooks/alertmanager"
        yield stage


@pytest.fixture
async def watcher(stage: Stage, binary: Path, tmp_path: Path) -> AsyncIterator[Alertmanager]:
    async with alertmanager.running(binary, tmp_path, webhook=stage.env["WEBHOOK"], token=TOKEN) as started:
        yield started


async def test_an_alert_fires_into_a_message_with_a_button_and_is_cleared_when_it_is_resolved(
    stage: Stage, watcher: Alertmanager
) -> None:
    await stage.start_bot()
    await watcher.tell(WHAT, summary=SAYS)
    await stage.until(
        lambda: stage.incidents("*1 alert about `prod/compute-2`, 12 VMs*"), what="the host is found for it"
    )
    (alarm,) = stage.incidents()
    assert "HostDown (critical): no answer from" in alarm.plain
    assert "<!channel>" not in alarm.plain
    assert alarm.buttons == ["Evacuate…"]
    assert TOKEN not in stage.log()

    await stage.workspace.click(ALICE, alarm, label="Evacuate…")
    await stage.until(lambda: stage.incidents("Evacuate prod/compute-2: 12 VMs"), what="a card")

    await watcher.tell(WHAT, summary=SAYS, is_over=True)
    await stage.until(lambda: stage.incidents("Resolved after"), what="the end is told")
    assert len(stage.incidents("alert")) == 1
    assert stage.incidents("Resolved after")[0].buttons == []


async def test_what_fired_while_the_bot_was_stopped_is_told_when_it_runs_again(
    stage: Stage, watcher: Alertmanager
) -> None:
    await watcher.tell(WHAT, summary=SAYS)
    await watcher.tell({"alertname": "Disk", "instance": "nobody-knows-this"}, summary="the disk is full")
    await stage.start_bot()
    await stage.until(
        lambda: stage.incidents("`prod/compute-2`") and stage.incidents("nobody-knows-this"), what="both are told"
    )
    assert [m.buttons for m in stage.incidents("nobody-knows-this")] == [[]]
    await stage.kill_bot()
    await stage.start_bot()
    await watcher.tell(WHAT, summary=SAYS, is_over=True)
    await stage.until(lambda: stage.incidents("Resolved after"), what="the end is told")
    assert len(stage.incidents()) == 2
