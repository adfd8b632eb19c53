"""Who types a command reads its answer there, wherever that was; where a card cannot stand, nothing is begun."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from bot.demo.workspace.messages import PostedMessage
from bot.demo.workspace.people import Channel
from bot.domain.messages.kind import Kind
from bot.domain.messages.news import Audience
from bot.domain.ports import ANSWER_AT, Delivery
from bot.domain.values import UserId
from tests.news import news_of
from tests.slack.conftest import Office
from tests.slack.house import House, opened

SECRET = "G0SECRET"
"""A private channel of Bob's, where the bot is not."""
BETWEEN = "D0BOBDAVE"
"""Two people's direct messages."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as made:
        between = Channel(id=BETWEEN, name="", members={"U0BOB", "U0DAVE"}, is_im=True)
        made.workspace.channels[BETWEEN] = between
        made.workspace.messages[BETWEEN] = []
        yield made


async def answer(house: House, channel: str, *, number: int = 1) -> str:
    """The newest private answer to Bob in that conversation, as soon as there are so many."""

    def there() -> list[PostedMessage]:
        return [m for m in house.workspace.ephemerals("U0BOB") if m.channel == channel]

    await house.workspace.until(lambda: len(there()) >= number)
    return there()[-1].plain


def methods(house: House) -> list[str]:
    return [method for method, _ in house.served.api.calls]


@pytest.mark.parametrize("channel", [SECRET, BETWEEN, "C0OPS"])
async def test_a_question_is_answered_where_it_was_typed_though_the_bot_is_not_there(
    house: House, channel: str
) -> None:
    await house.types("U0BOB", "/muster list", channel=channel)
    assert "No operation holds a host now" in await answer(house, channel)
    assert "chat.postEphemeral" not in methods(house)
    assert "conversations.open" not in methods(house)


async def test_a_refusal_is_read_where_the_command_was_typed(house: House) -> None:
    await house.types("U0BOB", "/muster show NOSUCHID", channel=SECRET)
    assert "Muster is not in this conversation" in await answer(house, SECRET)
    await house.types("U0BOB", "/muster audit NOSUCHID", channel=SECRET)
    assert "No operation has the id NOSUCHID" in await answer(house, SECRET, number=2)


async def test_where_the_card_cannot_stand_nothing_is_begun_and_the_same_words_work_once_the_bot_is_invited(
    house: House,
) -> None:
    words = "/evacuate toy/host-1 --reason DIMM"
    await house.types("U0BOB", words, channel=SECRET)
    said = await answer(house, SECRET)
    assert "its card cannot stand here, and nothing was begun" in said
    assert "/invite" in said
    assert await house.operations() == []
    await house.types("U0BOB", "/invite @muster", channel=SECRET)
    await house.types("U0BOB", words, channel=SECRET)
    await house.workspace.until(lambda: [m for m in house.workspace.channel_messages(SECRET) if m.author == "U0MUSTER"])
    (begun,) = await house.operations()
    assert begun.channel == SECRET


async def test_in_two_peoples_direct_messages_nothing_is_begun(house: House) -> None:
    await house.types("U0BOB", "/evacuate toy/host-1", channel=BETWEEN)
    said = await answer(house, BETWEEN)
    assert "direct conversation" in said
    assert "Type the same words in a channel" in said
    assert await house.operations() == []


async def test_in_a_channel_that_is_shared_with_others_nothing_is_begun(house: House) -> None:
    house.workspace.channels["C0OPS"].is_ext_shared = True
    await house.types("U0BOB", "/evacuate toy/host-1")
    assert "shared with another organisation" in await answer(house, "C0OPS")
    assert await house.operations() == []


@pytest.mark.parametrize("is_direct", [True, False])
async def test_in_the_direct_messages_with_the_bot_and_in_a_public_channel_a_card_can_stand(
    house: House, is_direct: bool
) -> None:
    channel = house.workspace.direct_channel("U0BOB").id if is_direct else "C0RANDOM"
    await house.types("U0BOB", "/evacuate toy/host-1", channel=channel)
    await house.workspace.until(
        lambda: [m for m in house.workspace.channel_messages(channel) if m.author == "U0MUSTER"]
    )
    (begun,) = await house.operations()
    assert begun.channel == channel


async def test_while_slack_does_not_say_what_a_conversation_is_nothing_is_begun(house: House) -> None:
    house.served.faults.refuse("internal_error", method="conversations.info", times=1)
    await house.types("U0BOB", "/evacuate toy/host-1")
    assert "Slack did not say whether Muster can post here" in await answer(house, "C0OPS")
    assert await house.operations() == []


async def test_when_the_address_is_used_up_the_answer_comes_as_a_private_note_where_the_bot_is(house: House) -> None:
    house.cloud.answers.clear()
    result = await house.workspace.type_command("U0BOB", "C0OPS", "/evacuate toy/host-7")
    async with aiohttp.ClientSession() as session:
        for _ in range(5):
            await session.post(result.response_url, data=json.dumps({"text": "used"}))
    house.cloud.answers.set()
    await house.workspace.until(lambda: "chat.postEphemeral" in methods(house))
    assert "host-7" in await answer(house, "C0OPS", number=6)


async def test_when_it_is_used_up_where_the_bot_is_not_the_answer_comes_by_direct_message(house: House) -> None:
    house.cloud.answers.clear()
    result = await house.workspace.type_command("U0BOB", SECRET, "/muster hosts toy")
    async with aiohttp.ClientSession() as session:
        for _ in range(5):
            await session.post(result.response_url, data=json.dumps({"text": "used"}))
    house.cloud.answers.set()
    direct = house.workspace.direct_channel("U0BOB").id
    await house.workspace.until(lambda: house.workspace.channel_messages(direct))
    assert "host-1" in house.workspace.channel_messages(direct)[0].plain


@pytest.mark.parametrize(("minutes", "whispers"), [(29, 0), (31, 1)])
async def test_the_address_is_used_while_slack_takes_answers_there(office: Office, minutes: int, whispers: int) -> None:
    address = office.workspace.response_urls.mint("commands", user="U0BOB", channel="C0OPS")
    payload = {ANSWER_AT: address}
    async with office.archive.unit() as unit:
        await unit.inbox.receive(Delivery(key="typed", kind="request", payload=payload, received_at=office.clock.now()))
        await unit.commit()
    await office.clock.pass_time(minutes * 60)
    facts = {"sentence": "There is no such host."}
    told = news_of(Kind.REFUSED, facts, audience=Audience.PERSON, person=UserId("U0BOB"), channel="C0OPS")
    await office.tell(replace(told, answers="typed"))
    await office.until(lambda: office.notes("U0BOB") == [":no_entry: There is no such host."], office.board())
    assert office.calls.count("chat.postEphemeral") == whispers
    async with office.archive.unit() as unit:
        kept = await unit.inbox.find("typed")
    assert kept is not None
    assert kept.payload == {}  # nothing is owed any more
