"""What was found when a part of the bot was asked whether it would work."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing that was looked at."""

    title: str
    detail: str = ""  #: what was found, when all is well
    complaint: str = ""  #: what is wrong; empty when all is well
    remedy: str = ""
    is_note: bool = False  #: neither well nor wrong: something to know
