"""At the end of an operation its whole story stands in the thread, as one file."""

import pytest

from bot.domain.audit import AuditEvent, Entry
from bot.domain.messages.kind import Kind
from bot.domain.operation import Operation, State
from bot.domain.values import UserId
from tests.news import news_of
from tests.slack.conftest import NOON, Office, operation
from tests.slack.views.examples import HOSTILE, plan, records


async def ended(office: Office) -> Operation:
    """An operation that ended, and whose story is to be told."""
    of = plan(2)
    made = operation(plan=of, state=State.SUCCEEDED, started_at=NOON, ended_at=NOON)
    await office.add(made, records(State.SUCCEEDED, of))
    async with office.archive.unit() as unit:
        facts = {"step": "evacuate id-0001", "verb": "evacuate", "sentence": "Now on compute-2."}
        await unit.audit.record(
            made.id,
            Entry(
                event=AuditEvent.APPROVED,
                actor=UserId("U0BOB"),
                facts={"digest": "ab", "by": "U0BOB", "approved_by": ["U0BOB", "U0GONE"]},
            ),
        )
        await unit.audit.record(made.id, Entry(event=AuditEvent.STEP_DONE, facts=facts))
        await unit.outbox.tell(news_of(Kind.TIMELINE, operation=made.id))
        await unit.commit()
    return made


async def test_it_tells_who_decided_what_when_and_what_became_of_each_vm(office: Office) -> None:
    await ended(office)
    await office.until(office.files, office.board())
    (story,) = office.files()
    assert story.startswith("# Evacuation: prod/h-OP1\n")
    assert "Asked for by Alice" in story
    assert "`2026-11-21 12:00:00` Bob" in story
    assert ") approved: by Bob Okafor (U0BOB), " in story
    assert "U0GONE" in story
    assert "Done: *evacuate web-1*. Now on compute-2." in story
    assert "| Server UUID | Server | Accepted | Error Message | Target | Seconds |" in story
    assert "| id-0001 | web-1 | " in story


async def test_an_upload_whose_answer_was_lost_is_not_repeated(office: Office) -> None:
    await ended(office)
    office.served.faults.lose_reply(method="files.completeUploadExternal")
    await office.until(office.files, office.board())
    await office.quiet(office.board(), seconds=120)
    assert len(office.files()) == 1
    assert office.served.faults.used["lost_reply"] == 1


async def test_a_file_that_appears_some_time_after_its_upload_is_not_uploaded_twice(office: Office) -> None:
    await ended(office)
    office.served.faults.upload_delay = 20
    office.served.faults.lose_reply(method="files.completeUploadExternal")
    board = office.board()
    await office.quiet(board, seconds=10)
    assert office.files() == [], "Slack has answered nothing, and shows nothing yet"
    await office.until(office.files, board)
    await office.quiet(board, seconds=120)
    assert len(office.files()) == 1


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
async def test_an_upload_that_broke_off_is_made_again(office: Office, method: str) -> None:
    await ended(office)
    office.served.faults.fail(503, method=method, times=2)
    await office.until(office.files, office.board())
    assert len(office.files()) == 1


@pytest.mark.parametrize("code", ["missing_scope", "not_in_channel"])
async def test_where_slack_takes_no_file_the_line_says_where_the_story_is(office: Office, code: str) -> None:
    await ended(office)
    office.served.faults.refuse(code, method="files.*", times=1_000)
    await office.until(office.replies, office.board())
    await office.quiet(office.board(), seconds=120)
    (line,) = office.replies()
    assert "`/muster audit OP1`" in line.plain
    assert code in line.plain


async def test_what_clouds_and_people_wrote_makes_no_markup_in_it(office: Office) -> None:
    made = await ended(office)
    async with office.archive.unit() as unit:
        for words in HOSTILE:
            await unit.audit.record(made.id, Entry(event=AuditEvent.REFUSED, facts={"sentence": words}))
        await unit.commit()
    await office.until(office.files, office.board())
    (story,) = office.files()
    assert "<" not in story
    assert "\u202e" not in story
    assert "\x1b" not in story
    assert max(len(line) for line in story.splitlines()) < 1_000
