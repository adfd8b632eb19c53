"""VMs with hostile names: a whole evacuation, and every message stands, obeys none of them and mentions nobody."""

import json

from tests.stories.stage import Stage

HOSTILE = [
    "<!channel>",
    "<!here|x> <@U0BOB>",
    "*bold* _it_ ~gone~ `code`",
    "```\n:bomb:",
    "<http://evil.example|Approve>",
    "\u202egnp.exe\u2066",
    "&lt;!channel&gt;",
    "x" * 10_000,
]


def marked_up(value: object) -> list[str]:
    """The texts in which Slack obeys marks; everywhere else it shows them as they are."""
    if isinstance(value, list):
        return [text for one in value for text in marked_up(one)]
    if not isinstance(value, dict):
        return []
    own = value.get("text")
    obeyed = [own] if isinstance(own, str) and value.get("type", "mrkdwn") == "mrkdwn" else []
    return [*obeyed, *(text for one in value.values() for text in marked_up(one))]


async def test_hostile_names_mention_nobody_link_nowhere_and_break_no_message(stage: Stage) -> None:
    vms = stage.world.vms_on(stage.world.host("compute-2"))
    for vm, name in zip(vms, HOSTILE, strict=False):
        vm.name = name
    await stage.start_bot()
    await stage.evacuate(says="12 of 12 done and verified")
    texts, posted = "\n".join(marked_up(stage.everything())), json.dumps(stage.everything(), ensure_ascii=False)
    assert "channel" in posted  # it is shown, as data
    for live in ("<!channel", "<!here", "<http://evil.example"):
        assert live not in texts
    for turning in ("\u202e", "\u2066"):
        assert turning not in posted
    assert "x" * 1000 not in posted
    assert "invalid_blocks" not in stage.log()
    assert "msg_too_long" not in stage.log()
