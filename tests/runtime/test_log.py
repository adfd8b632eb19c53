"""Log lines carry the operation and never a secret."""

import io
import json
import logging
import warnings
from collections.abc import Iterator

import httpx
import pytest
from slack_bolt.async_app import AsyncApp
from slack_bolt.logger import get_bolt_logger

from bot.domain.redaction import HIDDEN
from bot.domain.values import OperationId
from bot.runtime import log

KNOWN = "correct horse/battery+staple"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What the process logs, as the stream shows it. Puts the process's logging back afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    log.configure(level="debug", secrets=[KNOWN, "abc"], stream=stream)
    yield stream
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = before
    for name in (*log.OURS, *log.QUIETER):
        logging.getLogger(name).setLevel(logging.NOTSET)


def only(stream: io.StringIO) -> dict[str, object]:
    (line,) = stream.getvalue().splitlines()
    found: dict[str, object] = json.loads(line)
    return found


def crash(text: str) -> None:
    raise RuntimeError(text)


def test_a_line_is_one_json_object_with_time_level_and_room(lines: io.StringIO) -> None:
    log.logger("bot.engine").info("step done", vm="web-1", seconds=4.5)
    line = only(lines)
    assert line["event"] == "step done"
    assert (line["level"], line["logger"], line["vm"], line["seconds"]) == ("info", "bot.engine", "web-1", 4.5)
    assert str(line["at"]).endswith("Z")


def test_every_line_inside_an_operation_carries_its_id_also_those_of_libraries(lines: io.StringIO) -> None:
    with log.about(OperationId("OP-1")):
        logging.getLogger("somebody.else").warning("slow %s", "reply")
        log.logger("bot").info("looked")
    log.logger("bot").info("afterwards")
    first, second, third = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (first["event"], first["operation"]) == ("slow reply", "OP-1")
    assert second["operation"] == "OP-1"
    assert "operation" not in third


@pytest.mark.parametrize(
    "text",
    [
        "xoxb-123-PLANTED",
        "xapp-1-A0-PLANTED",
        "xoxe.xoxp-1-PLANTED",
        "posting with xoxp-1-PLANTED.",
        "X-Auth-Token: PLANTED",
        "{'X-Auth-Token': 'PLANTED', 'Accept': '*/*'}",
        '-H "X-Auth-Token: PLANTED"',
        "X-Subject-Token=PLANTED",
        "{'Authorization': 'Bearer PLANTED'}",
        "Authorization: PLANTED",
        "authorization = Basic PLANTED==",
        b"Cookie: connect.sid=PLANTED".decode(),
        "adminPass: PLANTED",
        '{"username": "bot", "password": "PLANTED"}',
        'body="{\\"password\\": \\"PLANTED\\"}"',
        "https://hooks.slack.com/commands/T1/PLANTED/x",
        "wss://wss-primary.slack.com/link/?ticket=PLANTED&app_id=1",
        "postgresql+psycopg://muster:PLANTED@db/muster",
        "gAAAAABPLANTEDPLANTEDPLANTEDPLANTED",
        "eyJhbGciOiJI.eyJPLANTEDPLANTED.sigPLANTED",
        "trigger_id=123.456.PLANTED",
        "SLACK_SIGNING_SECRET=PLANTED",
        "TOWER_TOKEN='PLANTED'",
    ],
)
def test_what_is_shaped_or_named_like_a_secret_is_hidden_wherever_it_stands(lines: io.StringIO, text: str) -> None:
    logger = log.logger("bot")
    logger.info(text)
    logger.info("event", detail=text, nested={"deep": [text]})
    logger.info("said %s", text)
    logging.getLogger("library").error("it failed: %s", text)
    try:
        crash(text)
    except RuntimeError:
        logger.exception("crashed")
    assert "PLANTED" not in lines.getvalue()
    assert lines.getvalue().count(HIDDEN) >= 6
    assert all(json.loads(line) for line in lines.getvalue().splitlines())


def test_a_known_secret_is_hidden_in_every_spelling(lines: io.StringIO) -> None:
    logger = log.logger("bot")
    logger.info("with %s inside", KNOWN, list=[KNOWN], thing=Exception(KNOWN))
    logger.info(
        "as an address", url=httpx.URL("https://x/y", params={"p": KNOWN}), path="correct%20horse%2Fbattery%2Bstaple"
    )
    assert "battery" not in lines.getvalue()


def test_a_value_under_a_secret_name_is_hidden_and_the_line_stays_json(lines: io.StringIO) -> None:
    log.logger("bot").info("login", password={"a": 1}, token=12345, api_key=["PLANTED"], secret=None, tokens=3)
    line = only(lines)
    assert (line["password"], line["token"], line["api_key"]) == (HIDDEN,) * 3
    assert line["secret"] is None
    assert line["tokens"] == 3


def test_ordinary_words_stay_readable(lines: io.StringIO) -> None:
    sentence = "evacuate web-1 (abc) of host:compute-89, volume xoxo at https://keystone:5000/v3, 3 tokens left"
    log.logger("bot").info(sentence)
    assert only(lines)["event"] == sentence


def test_a_page_long_value_is_cut(lines: io.StringIO) -> None:
    log.logger("bot").info("answer", raw="x" * 50_000)
    assert str(only(lines)["raw"]).endswith("… cut, 50000 characters")
    assert len(lines.getvalue()) < 5_000


def test_libraries_do_not_log_requests_and_bodies_even_when_we_debug(lines: io.StringIO) -> None:
    for name in (
        "slack_sdk.web.async_base_client",
        "openstack",
        "keystoneauth.session",
        "httpx",
        "urllib3.connectionpool",
    ):
        logging.getLogger(name).info("REQ: curl -d '{...}'")
    for name in ("sushy.connector", "a.library.that.comes.tomorrow"):
        logging.getLogger(name).debug("HTTP request: GET ...")
    get_bolt_logger(AsyncApp).debug("Responding with status: 200 body: ...")
    assert lines.getvalue() == ""
    log.logger("bot.main").debug("seen")
    assert only(lines)["event"] == "seen"
    lines.seek(0)
    lines.truncate()
    logging.getLogger("httpx").warning("connection lost")
    assert only(lines)["event"] == "connection lost"


def test_a_warning_of_python_becomes_a_line(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log.configure(stream=lines)
        warnings.warn("old way of X-Auth-Token: PLANTED", UserWarning, stacklevel=1)
    assert "old way" in lines.getvalue()
    assert "PLANTED" not in lines.getvalue()


def test_lines_below_the_level_are_not_written(lines: io.StringIO) -> None:
    log.configure(level="warning", stream=lines)
    log.logger("bot").info("quiet")
    log.logger("bot").warning("loud")
    assert only(lines)["event"] == "loud"


def test_the_console_shape_hides_secrets_too(lines: io.StringIO) -> None:
    log.configure(format="console", secrets=[KNOWN], stream=lines)
    try:
        crash(f"{KNOWN} xoxb-1-PLANTED")
    except RuntimeError:
        log.logger("bot").exception("crashed", token="PLANTED", header="X-Auth-Token: PLANTED", operation="OP-1")
    assert "crashed" in lines.getvalue()
    assert "OP-1" in lines.getvalue()
    assert "Traceback" in lines.getvalue()
    assert "PLANTED" not in lines.getvalue()
    assert "battery" not in lines.getvalue()
