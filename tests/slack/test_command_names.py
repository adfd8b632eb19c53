"""The commands can have other names, and every sentence knows them."""

from pathlib import Path

import pytest

from bot.slack.command_names import CommandNames
from bot.slack.views import message
from bot.slack.views.message import Message
from tests.slack.house import opened

OPS = CommandNames(prefix="ops-")
PATHS = "https://muster.example/muster and /run/secrets/muster"


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        ("Type `/muster show X1`, or /evacuate.", "Type `/ops-muster show X1`, or /ops-evacuate."),
        ("'/maintenance exit compute-1' returns it", "'/ops-maintenance exit compute-1' returns it"),
        (PATHS, PATHS),
        ("/mustering", "/mustering"),
    ],
)
def test_sentences_have_the_names_that_people_type(said: str, spoken: str) -> None:
    assert OPS.spoken(said) == spoken
    assert CommandNames().spoken(said) == said


def test_a_name_is_understood_both_ways() -> None:
    assert OPS.typed("/evacuate") == "/ops-evacuate"
    assert OPS.meant("/ops-evacuate") == "/evacuate"
    assert CommandNames().meant("/evacuate") == "/evacuate"


def test_what_comes_back_to_us_stays_as_it_is() -> None:
    buttons = message.actions([message.button("Go", action="/muster", value="/muster")], block_id="/muster")
    told = OPS.told(Message(text="/muster", blocks=(buttons, message.section("/muster"))))
    assert told.text == "/ops-muster"
    assert told.blocks == (buttons, message.section("/ops-muster"))


def test_what_is_said_instead_where_slack_refuses_it_has_them_too() -> None:
    plainer = Message(text="/muster show X1", blocks=(message.section("/muster show X1"),))
    told = OPS.told(Message(text="a", blocks=(message.section("b"),), retreat=(plainer, Message(text="/muster list"))))
    assert [form.text for form in told.plainer()] == ["/ops-muster show X1", "/ops-muster list"]
    assert told.plainer()[0].blocks == (message.section("/ops-muster show X1"),)


async def test_with_a_prefix_people_type_and_read_the_prefixed_names_alone(tmp_path: Path) -> None:
    async with opened(tmp_path, prefix="ops-") as house:
        assert "`/ops-evacuate [check]" in await house.types("U0ALICE", "/ops-muster help")
        assert "Usage: `/ops-maintenance enter" in await house.types("U0ALICE", "/ops-maintenance")
        await house.types("U0ALICE", "/ops-evacuate toy/host-1")
        await house.workspace.until(house.cards)
        await house.types("U0ALICE", "/ops-muster policy")
        assert "/muster" not in await house.note_to("U0ALICE")
