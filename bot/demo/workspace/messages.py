"""One message as it stands in a channel, or in front of one person only."""

import copy
from dataclasses import dataclass

from bot.demo.block_kit.blocks import elements, label_of, texts
from bot.demo.workspace.people import Json


@dataclass(kw_only=True)
class PostedMessage:
    """A stored message. What the read verbs hand out are copies: clicking on an old one is a stale click."""

    channel: str
    body: Json
    author: str
    visible_to: str | None = None
    """The only user who sees it; None for everybody in the channel."""
    broadcast: bool = False
    """A thread reply that is also shown in the channel."""

    @property
    def folded(self) -> list[str]:
        """Texts of which Slack may show the beginning alone, behind a "See more": long sections without `expand`."""
        texts = [str((block.get("text") or {}).get("text", "")) for block in self.blocks if may_fold(block)]
        return [text for text in texts if len(text) > LONGEST_UNFOLDED or text.count("\n") >= MOST_LINES_UNFOLDED]

    def entomb(self) -> None:
        """What Slack leaves of a deleted message that began a thread: it takes replies, and nobody can edit it."""
        for name in ("blocks", "metadata", "bot_id", "app_id", "bot_profile", "edited"):
            self.body.pop(name, None)
        self.author = "USLACKBOT"
        self.body |= {"subtype": "tombstone", "hidden": True, "user": self.author, "text": "This message was deleted."}

    @property
    def ts(self) -> str:
        return str(self.body["ts"])

    @property
    def text(self) -> str:
        """The fallback text."""
        return str(self.body.get("text", ""))

    @property
    def blocks(self) -> list[Json]:
        return list(self.body.get("blocks", []))

    @property
    def thread_ts(self) -> str | None:
        """The first message of the thread it stands in; None where there is no thread."""
        found = self.body.get("thread_ts")
        return None if found is None else str(found)

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None and self.thread_ts != self.ts

    @property
    def is_ephemeral(self) -> bool:
        return self.visible_to is not None

    @property
    def edited(self) -> bool:
        return "edited" in self.body

    @property
    def plain(self) -> str:
        """Everything a person reads: the blocks' texts, or the text where there are no blocks."""
        return "\n".join(texts(self.blocks)) if self.blocks else self.text

    @property
    def buttons(self) -> list[str]:
        """The labels of its buttons, in order."""
        return [label_of(b, e) for b, e in elements(self.blocks) if e.get("type") == "button"]

    def copied(self) -> "PostedMessage":
        """A copy that later edits do not reach."""
        return PostedMessage(
            channel=self.channel,
            body=copy.deepcopy(self.body),
            author=self.author,
            visible_to=self.visible_to,
            broadcast=self.broadcast,
        )


LONGEST_UNFOLDED, MOST_LINES_UNFOLDED = 500, 6
"""Slack does not say when it folds; so much is read on a phone without scrolling."""


def may_fold(block: Json) -> bool:
    """Whether Slack may fold it (https://docs.slack.dev/reference/block-kit/blocks/section-block, `expand`)."""
    return block.get("type") == "section" and not block.get("expand")
