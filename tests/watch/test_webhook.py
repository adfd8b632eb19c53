"""Alertmanager's door: who is let in, what is understood, and that telling something twice changes nothing."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.domain.messages.alarm import AlarmKind
from bot.domain.ports import StoreFailed
from bot.web import webhooks
from bot.web.health import LARGEST_REQUEST
from bot.web.webhooks import BadPayload, Labels
from tests.tiers import examples
from tests.watch.alertmanager import TOKEN, alert, door, payload, send
from tests.watch.conftest import Post


@pytest.fixture
async def url(post: Post) -> AsyncIterator[str]:
    async with door(post) as address:
        yield address


# ---------------------------------------------------------------------- who is let in


@pytest.mark.parametrize(
    "authorization", ["", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", "Bearer alert-token-2", "Bearer \xff\xfe"]
)
async def test_who_does_not_bear_the_token_is_turned_away(post: Post, url: str, authorization: str) -> None:
    status, answer = await send(url, payload(), authorization=authorization)
    assert status == 401
    assert TOKEN not in str(answer)
    assert await post.shown() == []


async def test_without_a_configured_token_nobody_is_let_in(post: Post) -> None:
    async with door(post, token="") as closed:
        for authorization in ("", "Bearer ", "Bearer x"):
            status, answer = await send(closed, payload(), authorization=authorization)
            assert status == 404
            assert "no token is configured" in answer["error"]
    assert await post.shown() == []


# ---------------------------------------------------------------------- what is understood


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.update(version="3"), 'version is not "4"'),
        (lambda p: p.update(version=4), 'version is not "4"'),
        (lambda p: p.pop("groupKey"), "groupKey is not a text"),
        (lambda p: p.update(alerts=[]), "alerts is not a list"),
        (lambda p: p.update(alerts=[alert()] * 1_001), "alerts is not a list"),
        (lambda p: p.update(alerts=["x"]), "alerts[0] is not an object"),
        (lambda p: p["alerts"][0].update(status="pending"), "alerts[0].status"),
        (lambda p: p["alerts"][0].update(status=[]), "alerts[0].status"),
        (lambda p: p["alerts"][0].update(fingerprint=""), "alerts[0].fingerprint"),
        (lambda p: p["alerts"][0].update(startsAt="today"), "alerts[0].startsAt"),
        (lambda p: p["alerts"][0].update(startsAt="2026-11-21T11:59:00"), "alerts[0].startsAt"),
        (lambda p: p["alerts"][0].update(startsAt="0001-01-01T00:00:00+01:00"), "alerts[0].startsAt"),
        (lambda p: p["alerts"][0].update(startsAt="9999-12-31T23:59:59-01:00"), "alerts[0].startsAt"),
        (lambda p: p["alerts"][0].update(labels={"a": 1}), "alerts[0].labels"),
        (lambda p: p["alerts"][0].pop("annotations"), "alerts[0].annotations"),
    ],
)
async def test_what_alertmanager_would_not_send_is_answered_400_with_a_sentence(
    post: Post, url: str, spoil: Callable[[dict[str, Any]], object], said: str
) -> None:
    body = {**payload(), "alerts": [alert()]}
    spoil(body)
    status, answer = await send(url, body)
    assert status == 400
    assert said in answer["error"]
    assert await post.shown() == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
async def test_what_is_no_json_object_is_answered_400(url: str, body: bytes) -> None:
    status, _ = await send(url, body)
    assert status == 400


async def test_a_body_that_is_too_large_is_answered_413(url: str) -> None:
    status, _ = await send(url, b" " * (LARGEST_REQUEST + 1))
    assert status == 413


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from(["version", "groupKey", "alerts"]), value=_JSON, inner=st.booleans())
@settings(max_examples=examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_a_payload_it_is_understood_or_refused(name: str, value: Any, inner: bool) -> None:
    inside = {"version": "labels", "groupKey": "status", "alerts": "startsAt"}[name]
    body = payload({**alert(), inside: value}) if inner else payload(**{name: value})
    with contextlib.suppress(BadPayload):
        webhooks.parse(json.dumps(body).encode(), labels=Labels())


# ---------------------------------------------------------------------- what comes of it


async def test_a_firing_alert_becomes_an_alarm_about_exactly_the_host_that_its_label_names(
    post: Post, url: str
) -> None:
    status, answer = await send(url, payload())
    assert (status, answer) == (200, {"alerts": 1, "new": 1})
    (alarm,) = await post.shown()
    assert (alarm.kind, alarm.cloud, alarm.host, alarm.vms) == (AlarmKind.ALERT, "toy", "host-3", 21)
    assert alarm.may_evacuate
    assert [a.summary for a in alarm.alerts] == ["HostDown (critical): host-3 does not answer"]


async def test_what_looks_like_a_secret_in_an_alert_is_hidden_before_it_is_stored(post: Post, url: str) -> None:
    told = alert(severity="Bearer eyJhbGciOiJIUzI1NiJ9.s3cret.signature")
    told["annotations"]["summary"] = "probe of http://root:s3cret@host-3/ failed, api_key=s3cret"
    await send(url, payload(told))
    (alarm,) = await post.shown()
    (kept,) = alarm.alerts
    assert kept.summary == "HostDown (Bearer •••): probe of http://•••@host-3/ failed, api_key=•••"
    async with post.archive.reading() as unit:
        assert "s3cret" not in str(await unit.transaction.all(text("SELECT payload FROM inbox")))


async def test_it_is_cleared_when_the_last_alert_of_the_group_and_host_is_resolved(post: Post, url: str) -> None:
    await send(url, payload(alert(), alert(fingerprint="f2")))
    assert len(await post.shown()) == 1
    await send(url, payload(alert("resolved"), alert(fingerprint="f2")))
    (alarm,) = await post.shown()
    assert (alarm.is_open, [a.is_over for a in alarm.alerts]) == (True, [True, False])
    await send(url, payload(alert("resolved"), alert("resolved", fingerprint="f2")))
    (alarm,) = await post.shown()
    assert not alarm.is_open


async def test_each_host_of_a_group_has_a_message_and_each_group_of_a_host_too(post: Post, url: str) -> None:
    await send(url, payload(alert(), alert(fingerprint="f2", instance="host-4")))
    await send(url, payload(alert(fingerprint="f3"), group="{}:{alertname=Disk}"))
    assert sorted(a.host_name for a in await post.shown()) == ["host-3", "host-3", "host-4"]


async def test_what_is_told_again_changes_nothing(post: Post, url: str) -> None:
    await send(url, payload())
    await post.shown()
    for _ in range(3):
        status, answer = await send(url, payload())
        assert (status, answer["new"]) == (200, 0)
    assert await post.shown() == []


async def test_five_deliveries_at_once_are_one(post: Post, url: str) -> None:
    answers = await asyncio.gather(*(send(url, payload()) for _ in range(5)))
    assert sorted(answer["new"] for _, answer in answers) == [0, 0, 0, 0, 1]
    assert len(await post.shown()) == 1


async def test_an_alert_whose_end_was_heard_first_does_not_fire_when_its_beginning_arrives(
    post: Post, url: str
) -> None:
    await send(url, payload(alert("resolved")))
    await send(url, payload(alert("firing")))
    assert await post.shown() == []


async def test_the_same_alert_fires_again_at_another_time(post: Post, url: str) -> None:
    await send(url, payload())
    await send(url, payload(alert("resolved")))
    await post.shown()
    await send(url, payload(alert(starts="2026-11-21T12:30:00Z")))
    (alarm,) = await post.shown()
    assert alarm.is_open


@pytest.mark.parametrize("host", ["host", "HOST-3", "host-33", "host-3.example", "", "-"])
async def test_a_label_that_names_no_host_exactly_gives_no_button(post: Post, url: str, host: str) -> None:
    await send(url, payload(alert(instance=host)))
    (alarm,) = await post.shown()
    assert not alarm.may_evacuate
    assert alarm.host is None


async def test_the_cloud_is_named_by_its_label_or_by_the_settings(post: Post, url: str) -> None:
    await send(url, payload(alert(cloud="elsewhere")))
    (alarm,) = await post.shown()
    assert (alarm.may_evacuate, alarm.sentence) == (
        False,
        "No cloud is named elsewhere, so which host is meant is not known.",
    )
    labels = Labels(host="node", cloud="region", default_cloud="toy")
    async with door(post, labels=labels) as other:
        await send(other, payload(alert(node="host-4", fingerprint="f4")))
    (alarm,) = await post.shown()
    assert (alarm.cloud, alarm.host) == ("toy", "host-4")


async def test_a_cloud_that_does_not_answer_leaves_the_alert_without_a_button(post: Post, url: str) -> None:
    post.fleet.answers = False
    status, _ = await send(url, payload())
    (alarm,) = await post.shown()
    assert (status, alarm.may_evacuate, alarm.host_name) == (200, False, "host-3:9100")
    assert "could not be asked" in alarm.sentence
    post.fleet.answers = True
    await send(url, payload(alert("resolved")))
    (alarm,) = await post.shown()
    assert not alarm.is_open


async def test_words_that_no_database_could_keep_are_kept(post: Post, url: str) -> None:
    body = b'{"version":"4","groupKey":"\\ud800","alerts":[{"status":"firing","fingerprint":"\\udfff\\u0000",'
    body += b'"startsAt":"2026-11-21T12:00:00Z","labels":{"instance":"\\ud800"},"annotations":{"summary":"\\u0000"}}]}'
    status, _ = await send(url, body)
    assert status == 200
    assert len(await post.shown()) == 1


async def test_what_cannot_be_stored_is_answered_503_so_that_it_is_sent_again(post: Post, url: str) -> None:
    await post.archive.close()
    with capture_logs() as lines:
        assert [(await send(url, payload()))[0] for _ in range(3)] == [503] * 3
    assert len([line for line in lines if "alerts cannot be stored" in line["event"]]) == 1
    with pytest.raises(StoreFailed):
        await post.shown()
    await post.archive.open()


async def test_while_the_database_takes_nothing_nobody_waits_for_long(
    post: Post, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "TAKE_SECONDS", 0.05)
    async with post.archive.unit():  # which has the only turn
        assert (await send(url, payload()))[0] == 503
        assert (await send(url, payload(group="another")))[0] == 503
    monkeypatch.undo()
    assert (await send(url, payload(group="another"))) == (200, {"alerts": 1, "new": 0})  # it was stored after all
    async with post.archive.reading() as unit:
        assert len(await unit.alarms.of(AlarmKind.ALERT, cloud=None)) == 1
