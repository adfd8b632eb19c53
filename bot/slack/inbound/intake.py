"""What is kept of a command, a click or a submitted window of Slack, and what a story reads of it."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.ports import ANSWER_AT, Clock, Delivery
from bot.domain.redaction import without_shapes
from bot.domain.rules.policy import Actor
from bot.domain.values import Digest, Facts, OperationId, StepKey, VmId
from bot.slack.views import button_values


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one person asks by one delivery, by the names that the desk has for it; empty where it says nothing."""

    by: Actor
    delivery: Delivery

    @property
    def key(self) -> str:
        """The delivery that is settled by what is done."""
        return self.delivery.key

    @property
    def channel(self) -> str:
        """Where they are."""
        return word(self.delivery, "channel")

    @property
    def action(self) -> str:
        """The action id of the button."""
        return word(self.delivery, "action")

    @property
    def operation(self) -> OperationId:
        """The operation of the card or of the window."""
        return OperationId(word(self.delivery, "operation"))

    @property
    def digest(self) -> Digest:
        """The plan that the card or the window showed."""
        return Digest(word(self.delivery, "digest"))

    @property
    def step(self) -> StepKey:
        """The step whose button it was."""
        return StepKey(word(self.delivery, "step"))

    @property
    def vms(self) -> list[VmId]:
        """The VMs that were ticked in the window."""
        ticked = self.delivery.payload.get("vms")
        return [VmId(str(vm)) for vm in ticked] if isinstance(ticked, list | tuple) else []

    @property
    def reason(self) -> str:
        """What was put in as the reason."""
        return word(self.delivery, "reason")


def word(delivery: Delivery, name: str) -> str:
    """A text of the payload; empty when it is not there."""
    value = delivery.payload.get(name)
    return value if isinstance(value, str) else ""


def command(body: Mapping[str, Any], *, kind: str, clock: Clock) -> Delivery:
    """A slash command.

    Of its trigger id only the hash is kept: it names the delivery and opens nothing. Its response_url is kept while an
    answer is owed.
    """
    return Delivery(
        key=_key("command", str(body.get("trigger_id") or secrets.token_hex())),
        kind=kind,
        payload={
            "command": str(body.get("command", "")),
            "text": without_shapes(str(body.get("text") or "")),
            "user": str(body.get("user_id", "")),
            "channel": str(body.get("channel_id", "")),
            **({ANSWER_AT: str(body["response_url"])} if body.get("response_url") else {}),
        },
        received_at=clock.now(),
    )


def click(body: Mapping[str, Any], *, kind: str, clock: Clock) -> Delivery:
    """A click on a button of a message. One click has one action_ts, however often it is delivered."""
    action = body["actions"][0]
    user, container = str(body["user"]["id"]), body.get("container", {})
    name, message_ts = str(action.get("action_id", "")), str(container.get("message_ts", ""))
    told = button_values.words_in(str(action.get("value") or ""))
    return Delivery(
        key=_key("click", str(action.get("action_ts", "")), user, name, message_ts),
        kind=kind,
        payload={
            "action": name,
            "operation": told.get("op", ""),
            "digest": told.get("digest", ""),
            **{name: told[name] for name in ("step", "cloud", "host") if name in told},
            **({"message": message_ts} if message_ts else {}),
            "user": user,
            "channel": str((body.get("channel") or {}).get("id") or container.get("channel_id") or ""),
        },
        received_at=clock.now(),
    )


def submission(body: Mapping[str, Any], *, kind: str, clock: Clock, told: Facts) -> Delivery:
    """A submitted window of ours. One window is submitted once, however often that is delivered.

    Args:
        body: what Slack sent.
        kind: of the delivery.
        clock: for the moment.
        told: what was put in, checked.
    """
    view = body["view"]
    told_back = button_values.words_in(str(view.get("private_metadata") or ""))
    return Delivery(
        key=_key("submission", str(view.get("id", "")), str(view.get("callback_id", ""))),
        kind=kind,
        payload={
            "operation": told_back.get("op", ""),
            "digest": told_back.get("digest", ""),
            "user": str(body["user"]["id"]),
            "channel": told_back.get("channel", ""),
            **{name: without_shapes(put) if isinstance(put, str) else put for name, put in told.items()},
        },
        received_at=clock.now(),
    )


def _key(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
