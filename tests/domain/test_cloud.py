"""What the errors of a cloud carry."""

from bot.domain.cloud import PartlySeen, Seen, Sighting, Unreachable
from bot.domain.values import StepKey


def test_a_look_that_could_be_made_at_some_steps_alone_says_what_it_saw_and_why_not_more() -> None:
    why = Unreachable("Nova answered 503.", remedy="Wait.", raw="HTTP 503")
    seen = {StepKey("a"): Sighting(seen=Seen.DONE)}
    partly = PartlySeen(why, seen)
    assert (partly.seen, partly.sentence, partly.remedy, partly.raw) == (seen, why.sentence, why.remedy, why.raw)
    assert not partly.is_over
