"""What Slack would say to a message: the emulated workspace's own judgement, and the total size."""

import json

from bot.demo.block_kit.blockkit import check_blocks
from bot.slack.views import text
from bot.slack.views.message import Message


def assert_slack_takes(message: Message) -> None:
    """Demand that Slack would show the message whole."""
    assert message.text.strip()
    assert len(message.text) <= text.MAX_TEXT
    if message.blocks:
        assert check_blocks(json.loads(json.dumps(message.blocks))) == []
        assert message.fits


def visible_text(message: Message) -> list[str]:
    """Every string of a message that Slack would read as mrkdwn."""
    found = [message.text]

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if node.get("type") == "mrkdwn":
                found.append(str(node["text"]))
            for value in node.values():
                walk(value)
        elif isinstance(node, list | tuple):
            for item in node:
                walk(item)

    walk(message.blocks)
    return found
