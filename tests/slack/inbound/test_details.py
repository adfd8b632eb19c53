"""*Details* in a real workspace: opened by a click, turned page by page, and the file in the thread."""

from bot.demo.workspace.messages import PostedMessage
from bot.domain.messages.kind import Kind
from bot.domain.operation import State
from bot.domain.plans.plan import digest_of
from bot.slack.views.cards import details
from tests.news import news_of
from tests.slack.conftest import Office, operation
from tests.slack.house import House
from tests.slack.views.examples import DIGEST, plan


async def planned(house: House, vms: int) -> PostedMessage:
    await house.planned()
    (one,) = await house.operations()
    drawn = plan(vms)
    await house.save(one.with_plan(drawn, digest_of(drawn, terms=house.rule.terms())))
    await house.workspace.until(lambda: f"*VMs*: {vms}" in house.cards()[0].plain)
    return house.cards()[0]


async def reads(house: House, who: str, words: str) -> str:
    def seen() -> bool:
        shown = house.workspace.modal(who)
        return shown is not None and words in str(shown.blocks)

    await house.workspace.until(seen)
    shown = house.workspace.modal(who)
    assert shown is not None
    return str(shown.blocks)


async def test_anybody_of_the_workspace_reads_all_of_300_vms_page_by_page(house: House) -> None:
    card = await planned(house, 300)
    assert (await house.workspace.click("U0DAVE", card, label="Details")).error == ""
    names: set[str] = set()
    for page in (1, 2, 3):
        said = await reads(house, "U0DAVE", f"page {page} of 3")
        names |= {f"web-{n}" for n in range(300) if f"`web-{n}`" in said}
        if page < 3:
            shown = house.workspace.modal("U0DAVE")
            assert shown is not None
            await house.workspace.click("U0DAVE", shown, label="Next")
    assert len(names) == 300


async def test_the_whole_plan_hangs_in_the_thread_as_a_file(office: Office) -> None:
    of = plan(300)
    shown = await office.add(operation(state=State.AWAITING_APPROVAL, plan=of, digest=DIGEST))
    await office.tell(news_of(Kind.PLAN, {"digest": shown.digest}, operation=shown.id))
    office.served.faults.lose_reply(method="files.completeUploadExternal")
    await office.until(office.files, office.board())
    await office.quiet(office.board())
    (said,) = office.files()
    assert all(f"- {vm.name} · " in said for vm in of.vms)
    assert details.file_name(shown.id, str(shown.digest)) in str([m.body.get("files") for m in office.replies()])


async def test_where_slack_takes_no_file_the_line_says_where_the_plan_is_read(office: Office) -> None:
    shown = await office.add(operation(state=State.AWAITING_APPROVAL, plan=plan(300), digest=DIGEST))
    office.served.faults.refuse("not_in_channel", method="files.*", times=9)
    await office.tell(news_of(Kind.PLAN, {"digest": shown.digest}, operation=shown.id))
    board = office.board()
    await office.until(lambda: office.cards() and office.thread(office.cards()[0]), board)
    assert "*Details* on the card" in office.thread(office.cards()[0])[0]


async def test_of_a_plan_that_was_replaced_before_its_file_hung_there_no_file_is_made(office: Office) -> None:
    shown = await office.add(operation(state=State.AWAITING_APPROVAL, plan=plan(300), digest=DIGEST))
    await office.tell(news_of(Kind.PLAN, {"digest": "of an earlier one"}, operation=shown.id))
    await office.until(lambda: office.cards() and office.thread(office.cards()[0]), office.board())
    assert office.files() == []
    assert "Another plan has taken the place" in office.thread(office.cards()[0])[0]
