"""What Slack would refuse, and what it takes."""

from typing import Any

import pytest

from bot.demo.block_kit.blockkit import check_blocks, check_view

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "x", **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text)} | more


def button(**more: Any) -> Json:
    return {"type": "button", "action_id": "go", "text": plain("Go")} | more


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def option(text: str = "One", value: str = "1") -> Json:
    return {"text": plain(text), "value": value}


def select(**more: Any) -> Json:
    return {"type": "static_select", "action_id": "pick", "options": [option()]} | more


def table(rows: int = 2, columns: int = 2, text: str = "x") -> Json:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": text}] * columns for _ in range(rows)]}


def text_input(**more: Any) -> Json:
    return {"type": "input", "label": plain("Why"), "element": {"type": "plain_text_input", "action_id": "why"}} | more


def confirm(**more: Any) -> Json:
    return {"title": plain("Sure?"), "text": mrkdwn("x"), "confirm": plain("Yes"), "deny": plain("No")} | more


LONG = "x" * 3001
RICH = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]}]}

INVALID_MESSAGES: dict[str, tuple[list[Json], str, str]] = {
    "no type": ([{"text": mrkdwn("x")}], "/blocks/0/type", "missing required field: type"),
    "unknown type": ([{"type": "marquee"}], "/blocks/0/type", "unsupported type: marquee"),
    "long section": ([section(LONG)], "/blocks/0/text/text", "must be less than 3001 characters"),
    "empty section text": ([section("")], "/blocks/0/text/text", "must be more than 0 characters"),
    "section without text": ([{"type": "section"}], "/blocks/0", "missing required field: text"),
    "bad text type": (
        [{"type": "section", "text": {"type": "html", "text": "x"}}],
        "/blocks/0/text/type",
        "unsupported type: html",
    ),
    "eleven fields": (
        [{"type": "section", "fields": [mrkdwn("x")] * 11}],
        "/blocks/0/fields",
        "no more than 10 items allowed",
    ),
    "long field": (
        [{"type": "section", "fields": [mrkdwn("x" * 2001)]}],
        "/blocks/0/fields/0/text",
        "must be less than 2001 characters",
    ),
    "mrkdwn header": ([{"type": "header", "text": mrkdwn("x")}], "/blocks/0/text/type", "unsupported type: mrkdwn"),
    "long header": (
        [{"type": "header", "text": plain("x" * 151)}],
        "/blocks/0/text/text",
        "must be less than 151 characters",
    ),
    "unknown key": ([section(colour="red")], "/blocks/0", "invalid additional property: colour"),
    "long block id": ([section(block_id="x" * 256)], "/blocks/0/block_id", "must be less than 256 characters"),
    "two equal block ids": ([section(block_id="a"), section(block_id="a")], "/blocks", "block_id 'a' already exists"),
    "51 blocks": ([section()] * 51, "/blocks", "no more than 50 items allowed"),
    "26 buttons": (
        [actions(*(button(action_id=str(i)) for i in range(26)))],
        "/blocks/0/elements",
        "no more than 25 items allowed",
    ),
    "no buttons": ([actions()], "/blocks/0/elements", "must have at least 1 item"),
    "two equal action ids": ([actions(button(), button())], "/blocks/0", "action_id 'go' already exists"),
    "long button text": (
        [actions(button(text=plain("x" * 76)))],
        "/blocks/0/elements/0/text/text",
        "must be less than 76 characters",
    ),
    "mrkdwn button text": (
        [actions(button(text=mrkdwn("x")))],
        "/blocks/0/elements/0/text/type",
        "unsupported type: mrkdwn",
    ),
    "long button value": (
        [actions(button(value="x" * 2001))],
        "/blocks/0/elements/0/value",
        "must be less than 2001 characters",
    ),
    "odd button style": ([actions(button(style="default"))], "/blocks/0/elements/0/style", "invalid value: default"),
    "long accessibility label": (
        [actions(button(accessibility_label="x" * 76))],
        "/blocks/0/elements/0/accessibility_label",
        "must be less than 76 characters",
    ),
    "long confirm title": (
        [actions(button(confirm=confirm(title=plain("x" * 101))))],
        "/blocks/0/elements/0/confirm/title/text",
        "must be less than 101 characters",
    ),
    "long confirm text": (
        [actions(button(confirm=confirm(text=mrkdwn("x" * 301))))],
        "/blocks/0/elements/0/confirm/text/text",
        "must be less than 301 characters",
    ),
    "long confirm button": (
        [actions(button(confirm=confirm(confirm=plain("x" * 31))))],
        "/blocks/0/elements/0/confirm/confirm/text",
        "must be less than 31 characters",
    ),
    "101 options": (
        [actions(select(options=[option(value=str(i)) for i in range(101)]))],
        "/blocks/0/elements/0/options",
        "no more than 100 items allowed",
    ),
    "no options": ([actions(select(options=[]))], "/blocks/0/elements/0/options", "must have at least 1 item"),
    "long option": (
        [actions(select(options=[option("x" * 76)]))],
        "/blocks/0/elements/0/options/0/text/text",
        "must be less than 76 characters",
    ),
    "long option value": (
        [actions(select(options=[option(value="x" * 151)]))],
        "/blocks/0/elements/0/options/0/value",
        "must be less than 151 characters",
    ),
    "strange initial option": (
        [actions(select(initial_option=option("Two", "2")))],
        "/blocks/0/elements/0",
        "initial option must match one of the options",
    ),
    "long placeholder": (
        [actions(select(placeholder=plain("x" * 151)))],
        "/blocks/0/elements/0/placeholder/text",
        "must be less than 151 characters",
    ),
    "six overflow entries": (
        [
            section(
                accessory={"type": "overflow", "action_id": "o", "options": [option(value=str(i)) for i in range(6)]}
            )
        ],
        "/blocks/0/accessory/options",
        "no more than 5 items allowed",
    ),
    "eleven radio buttons": (
        [actions({"type": "radio_buttons", "action_id": "r", "options": [option(value=str(i)) for i in range(11)]})],
        "/blocks/0/elements/0/options",
        "no more than 10 items allowed",
    ),
    "eleven context parts": (
        [{"type": "context", "elements": [mrkdwn("x")] * 11}],
        "/blocks/0/elements",
        "no more than 10 items allowed",
    ),
    "button in context": (
        [{"type": "context", "elements": [button()]}],
        "/blocks/0/elements/0",
        "failed to match all allowed schemas",
    ),
    "image without alt text": (
        [{"type": "image", "image_url": "https://example.com/x.png"}],
        "/blocks/0",
        "missing required field: alt_text",
    ),
    "input without label": (
        [{"type": "input", "element": {"type": "plain_text_input"}}],
        "/blocks/0",
        "missing required field: label",
    ),
    "long input label": (
        [text_input(label=plain("x" * 2001))],
        "/blocks/0/label/text",
        "must be less than 2001 characters",
    ),
    "two tables": ([table(), table()], "/blocks", "no more than 1 items allowed"),
    "101 rows": ([table(rows=101)], "/blocks/0/rows", "no more than 100 items allowed"),
    "21 columns": ([table(columns=21)], "/blocks/0/rows/0", "no more than 20 items allowed"),
    "too much text in a table": ([table(rows=51, text="x" * 100)], "/blocks/0", "must be less than 10001 characters"),
    "empty cell": ([table(text="")], "/blocks/0/rows/0/0/text", "must be more than 0 characters"),
    "number cell without text": (
        [{"type": "table", "rows": [[{"type": "raw_number", "value": 3}]]}],
        "/blocks/0/rows/0/0",
        "missing required field: text",
    ),
    "alert in a message": ([{"type": "alert", "text": plain("x")}], "/blocks/0/type", "unsupported type: alert"),
    "much markdown": ([{"type": "markdown", "text": "x" * 12_001}], "/blocks", "must be less than 12001 characters"),
    "number as text": (
        [{"type": "section", "text": {"type": "mrkdwn", "text": 3}}],
        "/blocks/0/text/text",
        "must provide a string",
    ),
}

VALID_MESSAGES: dict[str, list[Json]] = {
    "section": [section("x" * 3000)],
    "fields": [{"type": "section", "fields": [mrkdwn("x" * 2000)] * 10}],
    "header, divider, context": [{"type": "header", "text": plain("x" * 150)}, {"type": "divider"}, {"type": "context", "elements": [mrkdwn("x")] * 10}],
    "25 buttons": [actions(*(button(action_id=str(i), style="danger", value="v" * 2000, confirm=confirm()) for i in range(25)))],
    "menus": [actions(select(initial_option=option()), {"type": "users_select", "action_id": "u"}, {"type": "datepicker", "action_id": "d"})],
    "accessory": [section(accessory=button()), section(accessory={"type": "overflow", "action_id": "o", "options": [option()]})],
    "table": [table(rows=100, columns=20, text="xxxxx")],
    "table with rich text": [{"type": "table", "column_settings": [{"is_wrapped": True}, {"align": "right"}], "rows": [[RICH, {"type": "raw_number", "value": 3, "text": "3"}]]}],
    "rich text": [RICH],
    "markdown": [{"type": "markdown", "text": "x" * 12_000}],
    "input": [text_input()],
    "image": [{"type": "image", "image_url": "https://example.com/x.png", "alt_text": "x"}],
    "checkboxes": [actions({"type": "checkboxes", "action_id": "c", "options": [{"text": mrkdwn("*x*"), "value": "1", "description": plain("y")}]})],
    "50 blocks": [section()] * 50,
}  # fmt: skip


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("T"), "blocks": list(blocks or [section()])} | more


INVALID_VIEWS: dict[str, tuple[Json, str, str]] = {
    "unknown type": ({"type": "popup"}, "/view/type", "unsupported type: popup"),
    "no title": ({"type": "modal", "blocks": []}, "/view", "missing required field: title"),
    "long title": (modal(title=plain("x" * 25)), "/view/title/text", "must be less than 25 characters"),
    "long submit": (modal(submit=plain("x" * 25)), "/view/submit/text", "must be less than 25 characters"),
    "mrkdwn title": (modal(title=mrkdwn("x")), "/view/title/type", "unsupported type: mrkdwn"),
    "long metadata": (modal(private_metadata=LONG), "/view/private_metadata", "must be less than 3001 characters"),
    "long callback id": (modal(callback_id="x" * 256), "/view/callback_id", "must be less than 256 characters"),
    "input without submit": (modal(text_input()), "/view", "missing required field: submit"),
    "101 blocks": (modal(*[section()] * 101), "/view/blocks", "no more than 100 items allowed"),
    "table in a modal": (modal(table()), "/view/blocks/0/type", "unsupported type: table"),
    "markdown in a modal": (
        modal({"type": "markdown", "text": "x"}),
        "/view/blocks/0/type",
        "unsupported type: markdown",
    ),
    "alert on home": (
        {"type": "home", "blocks": [{"type": "alert", "text": plain("x")}]},
        "/view/blocks/0/type",
        "unsupported type: alert",
    ),
    "unknown key": (modal(width=3), "/view", "invalid additional property: width"),
    "no blocks": ({"type": "modal", "title": plain("T")}, "/view", "missing required field: blocks"),
}

VALID_VIEWS: dict[str, Json] = {
    "modal": modal(text_input(), {"type": "alert", "level": "warning", "text": plain("x")}, submit=plain("Go"), close=plain("No"), notify_on_close=True, private_metadata="x" * 3000, external_id="e"),
    "external select": modal(text_input(element={"type": "external_select", "action_id": "h", "min_query_length": 0}), submit=plain("Go")),
    "home": {"type": "home", "blocks": [section(), table(), actions(button())]},
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID_MESSAGES)
def test_blocks_that_slack_refuses_are_refused_at_the_place_and_in_the_words(name: str) -> None:
    blocks, pointer, message = INVALID_MESSAGES[name]
    assert (pointer, message) in [(c.pointer, c.message) for c in check_blocks(blocks)]


@pytest.mark.parametrize("name", VALID_MESSAGES)
def test_blocks_that_slack_takes_are_taken(name: str) -> None:
    assert [c.sentence for c in check_blocks(VALID_MESSAGES[name])] == []


@pytest.mark.parametrize("name", INVALID_VIEWS)
def test_views_that_slack_refuses_are_refused(name: str) -> None:
    view, pointer, message = INVALID_VIEWS[name]
    assert (pointer, message) in [(c.pointer, c.message) for c in check_view(view)]


@pytest.mark.parametrize("name", VALID_VIEWS)
def test_views_that_slack_takes_are_taken(name: str) -> None:
    assert [c.sentence for c in check_view(VALID_VIEWS[name])] == []


def test_slack_sdks_own_checks_are_asked_where_ours_have_nothing_to_say() -> None:
    dates = [actions({"type": "datepicker", "action_id": "d", "initial_date": "tomorrow"})]
    assert [c.kind for c in check_blocks(dates)] == ["sdk"]


def test_something_that_is_no_list_of_blocks_is_refused() -> None:
    assert [c.message for c in check_blocks("hello")] == ["must provide an array"]
    assert [c.message for c in check_blocks(["hello"])] == ["must provide an object"]
    assert [c.message for c in check_view(None)] == ["must provide an object"]
