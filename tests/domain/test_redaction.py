"""What comes from outside is cleaned of secrets where it enters: clouds, alerts and people echo what they were given."""

import json

import pytest

from bot.domain import redaction
from bot.domain.cloud import NotSupported, Refused, Unreachable
from bot.domain.values import Facts
from bot.slack.inbound import intake
from bot.web.webhooks import Labels, parse
from tests.clocks import ManualClock

PLANTED = "xoxb-1234567890-PLANTED"


@pytest.mark.parametrize("kind", [Refused, Unreachable, NotSupported])
def test_an_error_of_a_cloud_never_holds_a_token_that_the_cloud_echoed(kind: type[Refused]) -> None:
    error = kind(f"Nova said {PLANTED}.", remedy=f"Use {PLANTED}.", raw=f'{{"x-auth-token": "abc", "m": "{PLANTED}"}}')
    for said in (error.sentence, error.remedy, error.raw, str(error)):
        assert "PLANTED" not in said
    assert "abc" not in error.raw
    assert error.sentence.startswith("Nova said •••")


def test_an_alert_never_brings_one() -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "HostDown", "instance": "host-3"},
        "annotations": {"summary": f"login with {PLANTED} failed"},
        "startsAt": "2026-11-21T11:59:00Z",
        "fingerprint": "f1",
    }
    body = json.dumps({"version": "4", "groupKey": "g", "status": "firing", "alerts": [alert]}).encode()
    (told,) = parse(body, labels=Labels()).alerts
    assert told.summary == "HostDown: login with ••• failed"
    assert told.host == "host-3"


def test_nor_does_what_a_person_types_or_submits() -> None:
    body = {"command": "/evacuate", "text": f"host-3 --reason {PLANTED} leaked", "trigger_id": "1"}
    typed = intake.command(body, kind="request", clock=ManualClock())
    assert typed.payload["text"] == "host-3 --reason ••• leaked"
    view = {"view": {"id": "V1", "callback_id": "c"}, "user": {"id": "U1"}}
    told: Facts = {"reason": f"{PLANTED} leaked", "ticked": [0]}
    put = intake.submission(view, kind="vouch", clock=ManualClock(), told=told)
    assert (put.payload["reason"], put.payload["ticked"]) == ("••• leaked", [0])


def test_a_known_secret_is_hidden_however_it_looks_and_a_field_is_judged_by_its_name() -> None:
    assert redaction.redact("the BMC said hunter2", secrets=["hunter2"]) == f"the BMC said {redaction.HIDDEN}"
    assert redaction.is_telltale("BMC_PASSWORD")
    assert not redaction.is_telltale("password policy")
