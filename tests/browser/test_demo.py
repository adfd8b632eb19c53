"""The demo as a new user meets it: `muster demo` started, a browser opened, two hosts emptied by clicks."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright
from playwright.async_api import TimeoutError as NotThere

pytestmark = pytest.mark.timeout(480)

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PICTURES = os.environ.get("MUSTER_PICTURES")
"""A folder: screenshots are written there, for the README."""


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    """The page of a demo of its own."""
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "demo", "--no-browser", "--port", "0", "--folder", str(tmp_path / "demo")),
        stdout=asyncio.subprocess.PIPE,
    )
    assert demo.stdout is not None
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(rb"http://\S+", await demo.stdout.readline())):
                assert demo.returncode is None
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
            page = await browser.new_page(viewport={"width": 1440, "height": 1000})
            page.set_default_timeout(60_000)
            await page.goto(found[0].decode())
            yield page
            await browser.close()
    finally:
        demo.terminate()
        async with asyncio.timeout(60):
            assert await demo.wait() == 0


async def act_as(page: Page, user: str) -> None:
    await page.click(f"[data-user={user}]")


async def type_command(page: Page, line: str) -> None:
    await page.fill("#composer textarea", line)
    await page.keyboard.press("Enter")


async def shows_within(page: Page, selector: str, *, seconds: int) -> None:
    """Wait second by second: a machine that stands still costs one of them."""
    for _ in range(seconds - 1):
        with suppress(NotThere):
            await page.wait_for_selector(selector, timeout=1_000)
            return
    await page.wait_for_selector(selector, timeout=1_000)


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/{name}.png")


async def approve_and_follow(page: Page, *, name: str, ends: str) -> None:
    """As a lead: approve in the dialog, open the thread, wait for the end."""
    await act_as(page, "U0BOB")
    card = page.locator("#messages .message").last
    await picture(page, f"{name}-card")
    assert await page.locator(".see-more:visible").count() == 0, "what is approved is read whole"
    await card.locator("[data-action-id=approve]").click()
    await page.click("#confirm [data-role=confirm]")
    await card.locator("[data-role=open-thread]").click()
    await page.wait_for_selector(f"#messages .message:has-text('{ends}')", timeout=120_000)
    await page.wait_for_selector("#thread .message:has-text('Done: everything was verified')", timeout=150_000)
    await page.wait_for_selector("#messages .message:last-child:has-text('Done and verified')")
    await picture(page, f"{name}-done")


async def test_a_dead_host_is_evacuated_and_a_living_one_leaves_and_comes_back_by_clicks(page: Page) -> None:
    await act_as(page, "U0ALICE")
    await type_command(page, "/evacuate prod/compute-2")
    await shows_within(page, "#messages .message:has-text('compute-2')", seconds=3)
    await page.wait_for_selector("#messages [data-action-id=approve]")
    await approve_and_follow(page, name="evacuate", ends="12 of 12 done and verified")

    await page.click("[data-role=close-thread]")
    await act_as(page, "U0ALICE")
    await type_command(page, "/maintenance enter tower/node-1")
    await shows_within(page, "#messages .message:has-text('node-1')", seconds=3)
    await page.wait_for_selector("#messages [data-action-id=approve]")
    await approve_and_follow(page, name="maintenance", ends="done and verified in")

    await page.click("[data-role=close-thread]")
    await act_as(page, "U0ALICE")
    await type_command(page, "/maintenance exit tower/node-1")
    await page.wait_for_selector("#messages .message:last-child [data-action-id=choose_vms]")
    await page.click("#messages .message:last-child [data-action-id=choose_vms]")
    await page.wait_for_selector(".modal .block.input")
    await picture(page, "exit-choose")
    await page.click(".modal [data-role=close]")
    await approve_and_follow(page, name="exit", ends="Exit maintenance on")
