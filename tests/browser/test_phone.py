"""A plan of 300 VMs on a lead's phone, 390 px wide: what the notification says, the card, the whole list, the end."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from adapters.simulated import datacentre
from adapters.simulated.records import Platform, Resources
from tests.stories.stage import ALICE, BOB, OPS, Stage, staged

pytestmark = pytest.mark.timeout(480)

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
PICTURES = os.environ.get("MUSTER_PICTURES")
VMS = 300
ADDED = 43
LOSE = ADDED + 3
"""VMs with disks of their own: the demo's host has three."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A dead host with 300 VMs, some of which have disks of their own, or are off."""
    async with staged(tmp_path, forks=True) as made:
        dead = made.world.host("compute-2")
        for number in range(ADDED):
            datacentre.add_server(made.world, f"db-{number:03}", dead, flavor="m1.small", from_image=True)
        datacentre.crowd(made.world, dead, number=VMS, seconds=0.1)
        for host in made.world.hosts_of(Platform.OPENSTACK):
            host.capacity = Resources(vcpus=1_000, memory_mb=4_000_000, disk_gb=100_000)
        made.config.write_text(made.config.read_text().replace("shared_storage = true", "shared_storage = false"))
        await made.start_bot()
        yield made


@pytest.fixture
async def phone(stage: Stage) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        page = await browser.new_page(viewport={"width": 390, "height": 844}, device_scale_factor=2)
        page.set_default_timeout(60_000)
        await page.goto(f"{stage.served.url}?user={BOB}")
        yield page
        await browser.close()


async def picture(page: Page, name: str) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing stands beside the screen"
    assert await wrapped(page) == [], "columns of fixed width stay columns"
    if PICTURES:
        await page.screenshot(path=f"{PICTURES}/phone-{name}.png")


async def wrapped(page: Page) -> list[str]:
    """Texts of fixed width of which a line is broken into two."""
    found: list[str] = await page.evaluate(
        """[...document.querySelectorAll("pre")].filter((pre) => pre.checkVisibility()).filter((pre) => {
            const style = getComputedStyle(pre);
            const lines = pre.textContent.replace(/\\n$/, "").split("\\n").length;
            const height = pre.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
            return height > (lines + 0.5) * parseFloat(style.lineHeight);
        }).map((pre) => pre.textContent)"""
    )
    return found


async def whole(page: Page, name: str) -> None:
    """The last message from its first line to its last, on a phone as long as that."""
    height = int(await page.locator("#messages .message").last.evaluate("node => node.clientHeight"))
    await page.set_viewport_size({"width": 390, "height": height + 120})
    await picture(page, name)
    await page.set_viewport_size({"width": 390, "height": 844})


async def test_a_lead_reads_300_vms_on_a_phone_before_approving(stage: Stage, phone: Page) -> None:
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2 --reason 'DIMM failed'")
    await stage.card_says("Waiting for approval")
    asked = f"Evacuate prod/compute-2, {VMS} VMs, asked for by Alice Ferrer. {LOSE} VMs lose their disks."
    await stage.until(
        lambda: any(push.startswith(f"Approval wanted: {asked}") for push in stage.workspace.phones.of(BOB)),
        what="a notification",
    )
    await phone.click("[data-role=menu]")
    await picture(phone, "pushes")
    await phone.click("[data-role=menu]")
    await picture(phone, "card")
    await whole(phone, "whole")

    await phone.locator("#messages [data-action-id=details]").last.click()
    read = ""
    for number in (1, 2, 3):
        await phone.wait_for_selector(f".modal :text('page {number} of 3')")
        await picture(phone, f"details-{number}")
        read += await phone.inner_text(".modal")
        if number < 3:
            await phone.click(".modal [data-action-id='details_page:next']")
    dead = stage.world.host("compute-2")
    assert [vm.name for vm in stage.world.vms_on(dead) if vm.name not in read] == []
    assert read.count("Nova makes them anew, empty") == 1, "what is true of many is said once"
    await phone.click(".modal [data-role=close]")

    await phone.locator("#messages [data-action-id=approve_confirmed]").last.click()
    await phone.wait_for_selector(".modal :text('You vouch for this with your name')")
    await picture(phone, "approve")
    assert [f"db-{n:03}" for n in range(ADDED) if f"db-{n:03}" not in await phone.inner_text(".modal")] == []
    await phone.fill(".modal [data-action-id=host]", "compute-2")
    await phone.check(".modal [data-action-id=vouch] input")
    await picture(phone, "approve-filled")
    await phone.click(".modal [data-role=submit]")
    await stage.card_says("1 of 2 vouched")
    window = await stage.window(ALICE, "Vouch")
    await stage.workspace.submit(ALICE, window, {"host": "compute-2", "vouch-0": ["yes"]})
    await stage.card_says("Running", seconds=60)
    await picture(phone, "running")
    if PICTURES:
        await to_the_end(stage, phone)


async def to_the_end(stage: Stage, phone: Page) -> None:
    """The card and the thread of an operation that is over: with 300 VMs that takes minutes."""
    await stage.card_says("Done and verified", seconds=300)
    await phone.wait_for_selector("#messages .message:last-child:has-text('Done and verified')")
    await picture(phone, "done")
    await whole(phone, "done-whole")
    await phone.locator("#messages [data-role=open-thread]").last.click()
    await phone.wait_for_selector("#thread .message:has-text('Done: everything was verified')")
    await picture(phone, "thread")


async def test_the_lists_of_a_maintenance_are_read_on_a_phone(stage: Stage, phone: Page) -> None:
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter tower/node-1")
    await stage.card_says("Waiting for approval")
    await phone.wait_for_selector("#messages .message:last-child:has-text('Waiting for approval')")
    await whole(phone, "enter")
    await stage.workspace.click(BOB, stage.card, label="Approve")
    await stage.card_says("Done and verified", seconds=120)
    await whole(phone, "enter-done")
    await stage.workspace.type_command(ALICE, OPS, "/maintenance exit tower/node-1")
    await stage.until(lambda: "Choose VMs…" in stage.card.buttons, what="the choice")
    await phone.wait_for_selector("#messages .message:last-child [data-action-id=choose_vms]")
    await whole(phone, "exit")
    await stage.workspace.type_command(BOB, OPS, "/muster hosts")
    await phone.wait_for_selector(".message.ephemeral")
    await picture(phone, "hosts")
