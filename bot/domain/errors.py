"""Why Muster says no, as sentences for the person who asked.

Refusal
├── BadCommand            the text could not be understood
├── BadChoice             these VMs cannot be chosen
├── UnknownCloud          no such cloud is configured
├── UnknownHost           the cloud has no host of exactly that name
├── AmbiguousHost         two hosts answer to that name
├── NotOffered            this cloud cannot do this action
├── NotAllowed            policy: not a requester, not an approver, own request, not a full member
├── NotHere               its card could not stand where it was asked for
├── NotConfirmed          the host's name was not typed, or a sentence that must be vouched for was not ticked
├── AlreadyUnderWay       another operation holds this host
├── AlreadySettled        the click came too late: somebody decided, or it expired or was superseded
├── OldCard               the click was on a card that is not kept up to date any more
├── UnknownOperation      no operation has this id
└── CouldNotAsk           a question to Slack or a cloud had no answer, so nothing was done

Each carries a sentence (what is wrong) and a remedy (what to do next). Nothing changed when one is raised.
Errors of a cloud live in `bot.domain.cloud`; errors of the archive in `bot.domain.ports`.
"""

from datetime import datetime

from bot.domain.values import OperationId


class Refusal(Exception):
    """Muster will not do this."""

    def __init__(self, sentence: str = "", *, remedy: str = "", ask: tuple[str, ...] = ()) -> None:
        self.sentence = sentence or (type(self).__doc__ or "").strip()
        self.remedy = remedy
        self.ask = ask  #: ids of people and groups who can
        super().__init__(f"{self.sentence} {remedy}".strip())


class BadCommand(Refusal):
    """That command could not be understood."""


class BadChoice(Refusal):
    """These VMs cannot be chosen."""


class UnknownCloud(Refusal):
    """No cloud of that name is configured."""


class UnknownHost(Refusal):
    """The cloud has no host of exactly that name."""


class AmbiguousHost(Refusal):
    """More than one host answers to that name."""


class NotOffered(Refusal):
    """This cloud does not offer that action."""


class NotHere(Refusal):
    """Muster cannot show a card in that conversation."""


class NotAllowed(Refusal):
    """You are not allowed to do this."""


class NotConfirmed(Refusal):
    """This needs the host's name typed and every sentence ticked, so it was not counted."""


class AlreadyUnderWay(Refusal):
    """Another operation holds this host."""

    def __init__(self, other: OperationId, sentence: str = "", *, remedy: str = "") -> None:
        super().__init__(sentence, remedy=remedy)
        self.other = other


class AlreadySettled(Refusal):
    """This was settled before your click arrived."""

    def __init__(
        self, sentence: str = "", *, remedy: str = "", by: tuple[str, ...] = (), at: datetime | None = None
    ) -> None:
        super().__init__(sentence, remedy=remedy)
        self.by = by  #: who settled it
        self.at = at


class OldCard(Refusal):
    """That card is an old one: Muster cannot change it any more, and its buttons do nothing."""

    def __init__(self, room: str, *, remedy: str = "") -> None:
        super().__init__(remedy=remedy)
        self.room = room  #: id of the conversation in which the living card stands


class UnknownOperation(Refusal):
    """No operation has this id."""


class CouldNotAsk(Refusal):
    """A question that must be answered first had no answer, so nothing was done."""
