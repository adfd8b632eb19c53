"""What people ask Muster to show, why they say no, and how one of them goes ahead alone; one evening of one bot."""

from pathlib import Path

from tests.stories.stage import ALICE, BOB, CAROL, DAVE, INCIDENT, OPS, Stage, staged

POLICY = """
[policy.evacuate]
quorum = 2
break_glass = ["U0DAVE"]

[policy.enter]
quorum = 3
"""


async def test_an_evening_of_questions_a_reasoned_no_and_broken_glass(tmp_path: Path) -> None:
    async with staged(tmp_path, settings=POLICY, forks=True) as stage:
        await stage.start_bot()
        await shows_hosts(stage)
        await explains_the_policy(stage)
        await refuses_what_nobody_could_approve(stage)
        await is_told_no_with_a_reason(stage)
        await goes_ahead_for_one_alone(stage)
        await tells_the_past_of_the_host(stage)


async def answered(stage: Stage, who: str, line: str, says: str) -> str:
    """Type a command; the private answer to it."""
    answer = await stage.answer(who, line)
    assert says in answer, answer
    return answer


async def shows_hosts(stage: Stage) -> None:
    answer = await answered(stage, ALICE, "/muster hosts", "prod/compute-2")
    assert "tower/node-1" in answer
    (dead,) = [line for line in answer.splitlines() if "prod/compute-2" in line]
    assert "down" in dead
    assert "12 VMs" in dead
    assert ":white_check_mark: `prod/compute-1`" in answer
    assert "tower" not in await answered(stage, ALICE, "/muster hosts prod compute-4", "*1 host*")
    await answered(stage, ALICE, "/muster hosts prod nothing", "No host of `prod` has `nothing` in its name.")
    await answered(stage, ALICE, "/muster hosts moon x", "no cloud named moon")


async def explains_the_policy(stage: Stage) -> None:
    answer = await answered(stage, BOB, "/muster policy prod", "Evacuate a dead host")
    assert "2 approvals needed" in answer
    assert "breaks glass: <@U0DAVE>" in answer
    assert "*You can* ask for it" in answer
    answer = await answered(stage, DAVE, "/muster policy", "*You can* break glass")
    assert "Policy wants 3 approvals, but only 2 people could give one." in answer


async def refuses_what_nobody_could_approve(stage: Stage) -> None:
    await stage.workspace.type_command(ALICE, OPS, "/maintenance enter check tower/node-1")
    card = await stage.card_says("Blocked")
    assert "Policy wants 3 approvals, but only 2 people besides the requester could give one." in card.plain
    assert "Approve" not in card.buttons


async def is_told_no_with_a_reason(stage: Stage) -> None:
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.card_says("Waiting for approval*, 0 of 2")
    answer = await answered(stage, ALICE, "/muster hosts prod compute-2", "awaiting approval")
    assert stage.link() in answer
    await stage.window(CAROL, "Reject")
    await stage.workspace.submit(CAROL, values={"reason": "Rack 4 is being recabled."})
    await stage.card_says("Reason: Rack 4 is being recabled.")
    await stage.until(lambda: stage.thread_says("<@U0ALICE>, nothing was changed"), what="the requester is told")
    assert stage.mutations() == []


async def goes_ahead_for_one_alone(stage: Stage) -> None:
    await stage.workspace.type_command(ALICE, OPS, "/evacuate prod/compute-2")
    await stage.until(lambda: len(stage.cards()) == 3, what="a third card")
    await stage.card_says("Waiting for approval*, 0 of 2")
    await stage.workspace.click(BOB, stage.card, label="Break Glass…")
    await stage.hears(BOB, "not among those who may break glass")
    shown = await stage.window(DAVE, "Break Glass…")
    assert "0 of 2 approvals" in str(shown.blocks)
    assert stage.mutations() == []
    await stage.workspace.submit(DAVE, values={"reason": "Shop is down, leads do not answer."})
    await stage.card_says("12 of 12 done and verified")
    assert "Glass broken by <@U0DAVE>" in stage.card.plain
    loud = [m.plain for m in stage.workspace.channel_messages(INCIDENT) if "Glass broken" in m.plain]
    assert len(loud) == 1
    assert "Shop is down, leads do not answer." in loud[0]
    assert stage.link() in loud[0]


async def tells_the_past_of_the_host(stage: Stage) -> None:
    answer = await answered(stage, BOB, "/muster history compute-2", "Operations on compute-2: 2")
    newer, older = [line for line in answer.splitlines() if line.startswith("•")]
    assert "*done*" in newer
    assert stage.link() in newer
    assert "Rejected by <@U0CAROL>" in older
    id = newer.split("id `")[1].split("`")[0]
    audit = await answered(stage, BOB, f"/muster audit {id}", f"Audit of `{id}`")
    (glass,) = [line for line in audit.splitlines() if "*glass broken*" in line]
    assert "<@U0DAVE>" in glass
    assert "reason: Shop is down, leads do not answer." in glass
    assert "*finished*" in audit.splitlines()[-1]
    await answered(stage, BOB, "/muster history compute-22", "compute-22")
