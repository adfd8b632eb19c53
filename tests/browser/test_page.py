"""The workspace page in a real browser. Needs Chromium, so it is a tier of its own: make test-demo."""

import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright
from slack_bolt.async_app import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.demo.server import Served
from bot.demo.workspace.workspace import Workspace
from tests.demo.conftest import bolt, connected

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
EVIL = '<img src=x onerror="window.hit=1"> <script>window.hit=1</script> <javascript:window.hit=1|run> &lt;b&gt;'


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


@pytest.fixture
async def page(slack: Served) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(slack.url)
        await page.wait_for_selector("[data-user=U0ALICE]")
        yield page
        await browser.close()
    assert errors == []


async def test_text_never_becomes_html(ws: Workspace, page: Page) -> None:
    rich = [{"type": "rich_text_section", "elements": [{"type": "text", "text": EVIL}]}]
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": plain(EVIL)},
        {"type": "section", "text": {"type": "mrkdwn", "text": EVIL}},
        {"type": "markdown", "text": EVIL + " [x](javascript:window.hit=1)"},
        {"type": "image", "image_url": "javascript:window.hit=1", "alt_text": EVIL},
        {"type": "table", "rows": [[{"type": "raw_text", "text": EVIL}]]},
        {"type": "rich_text", "elements": rich},
    ]
    ws.add_message("C0OPS", author="U0MUSTER", text=EVIL)
    last = ws.add_message("C0OPS", author="U0MUSTER", text=EVIL, blocks=blocks)
    await page.wait_for_selector(f'[data-ts="{last.ts}"]')
    assert await page.evaluate("window.hit") is None
    assert await page.locator("#messages script, #messages [onerror], a[href^=javascript]").count() == 0


async def test_mrkdwn_looks_as_in_slack(ws: Workspace, page: Page) -> None:
    text = "*bold* _it_ ~gone~ `a*b*` <@U0ALICE> <#C0OPS> <!subteam^S0LEADS> <https://e.x/|link> :tada: snake_case_x"
    message = ws.add_message("C0OPS", author="U0MUSTER", text=text + "\n> quoted\n```\n*raw*\n```")
    shown = page.locator(f'[data-ts="{message.ts}"] .content')
    await shown.wait_for()
    assert await shown.locator("strong").all_inner_texts() == ["bold"]
    assert await shown.locator("em").all_inner_texts() == ["it"]
    assert await shown.locator("s").all_inner_texts() == ["gone"]
    assert await shown.locator("code").all_inner_texts() == ["a*b*"]
    assert await shown.locator(".mention").all_inner_texts() == ["@Alice Ferrer", "#ops", "@on-call-leads"]
    assert await shown.locator("blockquote").all_inner_texts() == ["quoted"]
    assert await shown.locator("pre").all_inner_texts() == ["*raw*"]
    assert "🎉 snake_case_x" in await shown.inner_text()


async def test_a_long_section_is_folded_unless_it_says_that_it_must_be_read(ws: Workspace, page: Page) -> None:
    def section(text: str, **more: object) -> dict[str, Any]:
        return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}

    long = "\n".join(f"line {n}" for n in range(20))
    folded = ws.add_message("C0OPS", author="U0MUSTER", text="", blocks=[section(long), section("short")])
    whole = ws.add_message("C0OPS", author="U0MUSTER", text="", blocks=[section(long, expand=True)])
    await page.wait_for_selector(f'[data-ts="{whole.ts}"]')
    assert await page.locator(".see-more:visible").count() == 1
    text = page.locator(f'[data-ts="{folded.ts}"] .section-body .text').first
    before = int(await text.evaluate("node => node.clientHeight"))
    await page.locator(f'[data-ts="{folded.ts}"] .see-more').first.click()
    assert int(await text.evaluate("node => node.clientHeight")) > 2 * before
    assert await page.locator(".see-more:visible").count() == 0


async def test_a_person_types_clicks_confirms_and_reads_the_thread(ws: Workspace, slack: Served, page: Page) -> None:
    app = bolt(slack)
    confirm = {"title": plain("Sure?"), "text": plain("4 VMs"), "confirm": plain("Approve"), "deny": plain("Cancel")}
    button = {"type": "button", "action_id": "approve", "text": plain("Approve"), "confirm": confirm}

    @app.command("/evacuate")
    async def evacuate(ack: AsyncAck, client: AsyncWebClient, command: dict[str, Any]) -> None:
        await ack("Surveying")
        blocks = [{"type": "actions", "elements": [button]}]
        card = await client.chat_postMessage(channel=command["channel_id"], text="card", blocks=blocks)
        await client.chat_postMessage(channel=command["channel_id"], text="line one", thread_ts=card["ts"])

    @app.action("approve")
    async def approve(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        text = f"Approved by <@{body['user']['id']}>"
        await client.chat_update(channel=body["channel"]["id"], ts=body["message"]["ts"], text=text)

    async with connected(app, slack):
        await page.fill("#composer textarea", "/ev")
        await page.click("[data-command='/evacuate']")
        await page.type("#composer textarea", "prod/compute-2")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".message.ephemeral:has-text('Surveying')")
        await page.click("[data-role=open-thread]")
        await page.wait_for_selector("#thread .message:has-text('line one')")
        await page.click("[data-user=U0BOB]")
        await page.wait_for_selector(".message.ephemeral", state="detached")
        await page.click("#messages [data-action-id=approve]")
        await page.click("[data-role=deny]")
        assert ws.channel_messages("C0OPS")[0].buttons == ["Approve"]
        await page.click("#messages [data-action-id=approve]")
        await page.click("[data-role=confirm]")
        await page.wait_for_selector("#messages .message:has-text('Approved by @Bob Okafor') .edited")


async def test_a_modal_keeps_what_was_typed_when_the_app_refuses_it(ws: Workspace, slack: Served, page: Page) -> None:
    app, taken = bolt(slack), []
    field = {"type": "plain_text_input", "action_id": "why"}
    menu = {"type": "external_select", "action_id": "host", "min_query_length": 0}
    view = {
        "type": "modal",
        "callback_id": "ask",
        "title": plain("Enter"),
        "submit": plain("Go"),
        "blocks": [
            {"type": "input", "block_id": "where", "label": plain("Host"), "element": menu},
            {"type": "input", "block_id": "reason", "label": plain("Reason"), "element": field},
        ],
    }

    @app.command("/maintenance")
    async def ask(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=view)

    @app.options("host")
    async def hosts(ack: AsyncAck) -> None:
        await ack(options=[{"text": plain(name), "value": name} for name in ("node-1", "node-2")])

    @app.view("ask")
    async def submitted(ack: AsyncAck, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        taken.append((values["where"]["host"]["selected_option"]["value"], values["reason"]["why"]["value"]))
        if len(taken) == 1:
            await ack(response_action="errors", errors={"reason": "Say more"})
        else:
            await ack()

    async with connected(app, slack):
        await page.fill("#composer textarea", "/maintenance")
        await page.keyboard.press("Enter")
        await page.click("[data-action-id=host] .select")
        await page.click("[data-option=node-2]")
        await page.fill("[data-action-id=why]", "fan")
        await page.click("[data-role=submit]")
        await page.wait_for_selector(".input-error:has-text('Say more')")
        assert await page.input_value("[data-action-id=why]") == "fan"
        await page.click("[data-role=submit]")
        await page.wait_for_selector(".modal", state="detached")
    assert taken == [("node-2", "fan")] * 2
