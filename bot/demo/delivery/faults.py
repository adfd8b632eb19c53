"""What can be made to go wrong between the app and its Slack, on purpose and counted."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal

Harm = Literal["delay", "rate_limited", "server_error", "lost_reply", "late", "refused"]


@dataclass(kw_only=True)
class ApiFault:
    """One thing that happens to the next calls of some Web API methods."""

    harm: Harm
    method: str
    """A method's name, or a pattern such as `chat.*`."""
    times: int
    seconds: float = 0.0
    """How long the call is delayed, how much later it takes effect, or what Retry-After says."""
    status: int = 500
    error: str = ""
    """The error of a `refused` call."""
    channel: str = ""
    """Only calls for this channel; empty: for any."""
    block: str = ""
    """Only calls whose blocks or view hold a block of this type; empty: whatever they hold."""

    def meets(self, method: str, args: Mapping[str, Any]) -> bool:
        """Whether this call is one of those."""
        if not fnmatchcase(method, self.method) or (self.channel and args.get("channel") != self.channel):
            return False
        sent = str(args.get("blocks") or args.get("view") or "").replace(" ", "").replace("'", '"')
        return not self.block or f'"type":"{self.block}"' in sent

    def named_in(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """What Slack adds to its refusal of one block: where it stands."""
        blocks = args.get("blocks")
        found = json.loads(blocks) if isinstance(blocks, str) else blocks or []
        place = next((n for n, block in enumerate(found) if block.get("type") == self.block), None)
        if place is None:
            return {}
        told = f"[ERROR] unsupported type: {self.block} [json-pointer:/blocks/{place}/type]"
        return {"response_metadata": {"messages": [told]}}


@dataclass(kw_only=True)
class SlackFaults:
    """The knobs. Counts are used up; `used` tells a test that a fault really happened."""

    api: list[ApiFault] = field(default_factory=list)
    latency: float = 0.0
    """Seconds that every call of the Web API takes."""
    upload_delay: float = 0.0
    """Seconds from the end of an upload to the message that shows the file."""
    outage_until: float = 0.0
    """Unix time until which neither the Web API nor Socket Mode answers."""
    dropped_acks: int = 0
    """So many of the next acknowledgements get lost on their way."""
    duplicates: int = 0
    """So many of the next deliveries arrive `copies` times."""
    copies: int = 2
    held: int = 0
    """So many of the next deliveries arrive only after the one that follows them."""
    refused_handshakes: int = 0
    """So many of the next Socket Mode handshakes are refused, after their one-use ticket was taken."""
    withheld_hellos: int = 0
    """So many of the next Socket Mode connections are never greeted, and bring nothing."""
    used: Counter[str] = field(default_factory=Counter)

    def delay(self, seconds: float, *, method: str = "*", times: int = 1) -> None:
        """Answer late."""
        self.api.append(ApiFault(harm="delay", method=method, times=times, seconds=seconds))

    def rate_limit(self, retry_after: int, *, method: str = "*", times: int = 1) -> None:
        """Answer 429 with that many seconds in Retry-After."""
        self.api.append(ApiFault(harm="rate_limited", method=method, times=times, seconds=retry_after))

    def fail(self, status: int = 500, *, method: str = "*", times: int = 1) -> None:
        """Answer a 5xx and do nothing."""
        self.api.append(ApiFault(harm="server_error", method=method, times=times, status=status))

    def lose_reply(self, *, method: str = "*", times: int = 1) -> None:
        """Do what was asked, then cut the connection before the answer."""
        self.api.append(ApiFault(harm="lost_reply", method=method, times=times))

    def come_late(self, seconds: float, *, method: str = "*", times: int = 1) -> None:
        """Cut the connection before the answer, and do what was asked so many seconds later."""
        self.api.append(ApiFault(harm="late", method=method, times=times, seconds=seconds))

    def refuse(self, error: str, *, method: str, times: int = 1, channel: str = "", block: str = "") -> None:
        """Answer `{"ok": false, "error": error}`; to calls for that channel, or with that type of block, alone."""
        harm: Harm = "refused"
        self.api.append(ApiFault(harm=harm, method=method, times=times, error=error, channel=channel, block=block))

    def duplicate(self, deliveries: int = 1, *, copies: int = 2) -> None:
        """Deliver the next slash commands, interactions or events several times."""
        self.duplicates, self.copies = deliveries, copies

    def take_api(self, method: str, args: Mapping[str, Any]) -> ApiFault | None:
        """The fault that this call meets, used up by one; None for a call that goes well."""
        for fault in self.api:
            if fault.times > 0 and fault.meets(method, args):
                fault.times -= 1
                if fault.times == 0:
                    self.api.remove(fault)
                self.used[fault.harm] += 1
                return fault
        return None

    def take_dropped_ack(self) -> bool:
        """Whether this acknowledgement gets lost."""
        return self._take("dropped_acks")

    def take_duplicate(self) -> bool:
        """Whether this delivery is sent more than once."""
        return self._take("duplicates")

    def take_held(self) -> bool:
        """Whether this delivery waits for the next one to overtake it."""
        return self._take("held")

    def take_refused_handshake(self) -> bool:
        """Whether this handshake is refused, its ticket lost."""
        return self._take("refused_handshakes")

    def take_withheld_hello(self) -> bool:
        """Whether this connection is never greeted."""
        return self._take("withheld_hellos")

    def _take(self, name: str) -> bool:
        left = int(getattr(self, name))
        if left <= 0:
            return False
        setattr(self, name, left - 1)
        self.used[name] += 1
        return True
