"""Whose phone lights up in the emulated workspace, and what it shows."""

import aiohttp

from bot.demo.server import serve
from bot.demo.workspace.phones import CHARACTERS
from bot.demo.workspace.workspace import Workspace, standard_workspace
from tests.demo.conftest import page_state

BOT = "U0MUSTER"


def told(ws: Workspace, text: str, *, channel: str = "C0OPS", visible_to: str | None = None) -> None:
    ws.add_message(channel, author=BOT, text=text, visible_to=visible_to)


def test_a_mention_lights_up_the_phones_of_members_alone() -> None:
    ws = standard_workspace()
    ws.kick("C0OPS", "U0CAROL")
    told(ws, "<!subteam^S0LEADS>: this plan waits")
    assert ws.phones.of("U0BOB") == ["@on-call-leads: this plan waits"]
    assert ws.phones.of("U0CAROL") == []
    assert ws.phones.of("U0DAVE") == []


def test_a_direct_message_lights_up_without_a_mention() -> None:
    ws = standard_workspace()
    told(ws, "hello", channel=ws.direct_channel("U0CAROL").id)
    assert ws.phones.of("U0CAROL") == ["hello"]


def test_an_edit_and_what_only_one_person_sees_light_up_nothing() -> None:
    ws = standard_workspace()
    told(ws, "<@U0BOB>: in private", visible_to="U0BOB")
    card = ws.add_message("C0OPS", author=BOT, text="being checked")
    ws.edit_message(card, text="<@U0BOB>: now it waits", blocks=None)
    assert ws.phones.pushes == []


def test_a_phone_shows_names_and_four_lines_at_most() -> None:
    ws = standard_workspace()
    told(ws, "<@U0ALICE>: <https://x.example|the *card*> " + "x" * 400)
    (shown,) = ws.phones.of("U0ALICE")
    assert shown.startswith("@Alice Ferrer: the card xxx")
    assert len(shown) == CHARACTERS


async def test_the_page_shows_every_phone_to_whoever_looks() -> None:
    ws = standard_workspace()
    async with serve(ws) as served, aiohttp.ClientSession(served.url) as browser:
        told(ws, "<@U0BOB>: come")
        seen = await page_state(browser, "U0ALICE")
    assert [(one["user"], one["text"]) for one in seen["phones"]] == [("U0BOB", "@Bob Okafor: come")]


async def test_what_only_one_person_saw_is_gone_when_they_load_the_page_anew() -> None:
    ws = standard_workspace()
    told(ws, "for Bob", visible_to="U0BOB")
    told(ws, "for Alice", visible_to="U0ALICE")
    async with serve(ws) as served, aiohttp.ClientSession(served.url) as browser:
        await browser.post("/_page/act/reload", json={"user": "U0BOB"})
    assert ws.ephemerals("U0BOB") == []
    assert [m.text for m in ws.ephemerals("U0ALICE")] == ["for Alice"]
