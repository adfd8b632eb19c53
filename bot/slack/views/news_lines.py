"""The words of each piece of news, as one person would tell another."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.domain.counting import counted, listed
from bot.domain.messages.alarm import AlarmUnheard
from bot.domain.messages.answered import Answered, OperationsListed, PastListed, RefusalTold
from bot.domain.messages.decided import (
    ApprovalWanted,
    CalledOff,
    CheckedAgain,
    ChoiceWanted,
    Decided,
    ExpiryNear,
    FindingsForbid,
    GlassBroken,
    OneApproved,
    OneVouched,
    PlanChanged,
    PlanShrunk,
    QuorumReached,
    RequestExpired,
    RequestRejected,
    StartNear,
    Undecided,
    VmsChosen,
    VouchWanted,
)
from bot.domain.messages.executed import (
    AllVerified,
    AnswerLost,
    BackInService,
    ByHandWanted,
    CardMoved,
    CloudBack,
    CloudSilent,
    Executed,
    ExecutionPaused,
    ExecutionResumed,
    ExecutionStarted,
    LeftUndone,
    NothingMoreBegins,
    PersonNeeded,
    PhaseBegun,
    PlanFile,
    RetryAsked,
    SaidDone,
    StepDone,
    StepFailed,
    StepUnclear,
    StillOut,
    StillWaits,
    StopAsked,
    TargetsStale,
    TimelineFile,
    VmDone,
    VmsSetAside,
)
from bot.domain.messages.news import News
from bot.domain.operation import STANDS, State
from bot.slack.refusals import because
from bot.slack.views import text
from bot.slack.views.cards import judgement

_RAW = 600
_SIGNED = 1_200
"""Characters of a sentence that somebody vouched for; it names each VM."""


def of(news: News) -> str:
    """The words of one piece of news."""
    said = text.cut(_said(news), limit=text.MAX_TEXT)
    return said or f"{news.kind.value}.".capitalize()


def late(news: Sequence[News], state: State) -> list[str]:
    """What there is to say of news by which people were to be called, when what it called for is over.

    Args:
        news: told as one; it calls nobody.
        state: of the operation now.
    """
    stands = f"he operation {STANDS[state]}."
    match news[0].what:
        case StepFailed() | StepUnclear():
            return [*(of(one) for one in news), f"T{stands}"]
        case PersonNeeded() as what:
            return [f"Then: {', '.join(_short_of(what))}. Now: t{stands}"]
        case QuorumReached(by=by, requester=requester):
            return [f":white_check_mark: Approved{_by(by)}. {_to([requester] if requester else [], f't{stands}')}"]
    return [f"Now: t{stands}"]


def _said(news: News) -> str:
    what = news.what
    if isinstance(what, Decided):
        return _decided(what, news.ask)
    if isinstance(what, Executed):
        return _executed(what, news.ask)
    if isinstance(what, AlarmUnheard):
        return ":rotating_light: An alarm was raised; what it was about is kept no more."
    return _answered(what)


def _decided(what: Decided, ask: Sequence[str]) -> str:  # noqa: C901, PLR0911, PLR0912 (an arm for each)
    match what:
        case FindingsForbid():
            return (
                ":no_entry: Findings forbid it; see the card. Nothing was changed. "
                "Once they are dealt with, press *Ask Again*."
            )
        case CheckedAgain():
            return _checked_again(what)
        case ApprovalWanted():
            return f":hourglass_flowing_sand: {_to(ask, 'this plan waits for approval.')}"
        case StartNear(at=at, is_approved=is_approved):
            said = f":alarm_clock: {_to(ask, f'this starts {text.day_and_time(at)}')}"
            return said + ("." if is_approved else ", and it is not approved yet.")
        case ExpiryNear(at=at):
            so_far = f"{what.count} of {counted(what.quorum, 'approval')} so far."
            return f":alarm_clock: {_to(ask, f'this request expires {text.day_and_time(at)}')}; {so_far}"
        case Undecided(at=at):
            return f":mega: {_to(ask, f'this has been waiting for a decision since {text.day_and_time(at)}.')}"
        case OneApproved():
            return f":white_check_mark: Approved{_by(what.by)}, {what.count} of {what.quorum} needed."
        case OneVouched():
            return _one_vouched(what)
        case VouchWanted():
            return _vouch_wanted(what, ask)
        case ChoiceWanted(may_take_all=may_take_all):
            labels = "*All Back*, *Choose VMs…* or *Leave All*" if may_take_all else "*Choose VMs…* or *Leave All*"
            said = f"press {labels} on the card. The approvers are called after that."
            return f":ballot_box_with_check: {_to(ask, said)}"
        case VmsChosen():
            return _vms_chosen(what)
        case QuorumReached():
            mention = _requester(what.requester)
            return f":white_check_mark: Approved{_by(what.by)}. {mention}{_start(what.starts_at)}"
        case GlassBroken():
            had = f"{what.count} of {counted(what.quorum, 'approval')}"
            return f":rotating_light: *Glass broken{_by(what.by)}*: it goes ahead with {had}.{_reason(what.reason)}"
        case RequestRejected():
            said = f":no_entry: Rejected{_by(what.by)}.{_reason(what.reason)}"
            return f"{said} {text.mention(what.requester)}, nothing was changed."
        case RequestExpired():
            return f":hourglass: Expired without a decision. {_to([what.requester], 'nothing was changed.')}"
        case CalledOff():
            why = _by(what.by) or f". {text.sentence_of(what.sentence)}".rstrip(". ")
            return f":no_entry: Cancelled{why}. Nothing was changed."
        case PlanChanged():
            lines = _lines(what.lines)
            return f":warning: The cloud has changed since the approval, so the plan needs a new approval:\n{lines}"
        case PlanShrunk():
            return f"The plan has become smaller since the approval; it goes on:\n{_lines(what.lines)}"


def _executed(what: Executed, ask: Sequence[str]) -> str:  # noqa: C901, PLR0911, PLR0912 (an arm for each)
    match what:
        case ExecutionStarted():
            return ":arrow_forward: Started."
        case PhaseBegun(phase=phase):
            return f"Phase: *{text.escape(phase, limit=80)}*"
        case VmDone():
            where = f" → {text.code(what.place)}" if what.place else ""
            took = "" if what.seconds is None else f" in {what.seconds:.0f} s"
            return f":white_check_mark: {_title(what.title)}{where}{took}"
        case StepDone():
            said = text.sentence_of(what.sentence, what.remedy)
            if said and what.title.startswith("verify that "):
                return f":white_check_mark: {said}"  # "compute-1 is empty: Nova lists no VM …"
            return f":white_check_mark: {_title(what.title)}" + (f": {said}" if said else "")
        case ByHandWanted():
            return _by_hand(what, ask)
        case SaidDone():
            return f":raised_hand: {text.mention(what.by)} says that this is done: {_title(what.title)}."
        case StepFailed():
            said = text.sentence_of(what.sentence, what.remedy)
            return f":x: {_called(ask)}*{_title(what.title)}* failed. {said}{_raw(what.raw)}"
        case StepUnclear():
            said = text.sentence_of(what.sentence, what.remedy)
            unclear = f"*{_title(what.title)}*: what became of it is unclear."
            return f":question: {_called(ask)}{unclear} {said}{_raw(what.raw)}"
        case AnswerLost():
            return _answer_lost(what)
        case CloudSilent():
            missed = "told what must be known" if what.answers else "answered"
            silent = f"The cloud has not {missed}{_for_how_long(what)}."
            return f":satellite_antenna: {silent} {text.sentence_of(what.sentence, what.remedy)} Muster keeps asking."
        case CloudBack():
            again = "tells what must be known" if what.answered else "answers"
            return f":satellite_antenna: The cloud {again} again. It had not{_for_how_long(what)}."
        case TargetsStale():
            return _targets_stale(what)
        case ExecutionPaused():
            return f":double_vertical_bar: Paused{_by(what.by)}."
        case ExecutionResumed():
            return f":arrow_forward: Resumed{_by(what.by)}."
        case StopAsked():
            moving = text.escape(what.moving, limit=80)
            said = f":octagonal_sign: Stopping: cancelled{_by(what.by)}. Nothing new is started."
            return f"{said} Still under way: {moving}."
        case RetryAsked():
            return f":repeat: Retrying {text.escape(what.what, limit=80)}, asked for{_by(what.by)}."
        case VmsSetAside():
            set_aside = f"{counted(len(what.vms), 'VM')} set aside{_by(what.by)}"
            return f":fast_forward: {set_aside}: {_names(what.vms)}.{_reason(what.reason)}"
        case NothingMoreBegins():
            moving = text.escape(what.moving, limit=80)
            return f":calendar: {text.sentence_of(what.sentence)} Nothing new is started. Still under way: {moving}."
        case PersonNeeded():
            return _person_needed(what, ask)
        case StillWaits():
            return _still_waits(what, ask)
        case AllVerified():
            return f":checkered_flag: Done: everything was verified in {_span(what.seconds)}."
        case LeftUndone():
            return _left_undone(what)
        case PlanFile():
            return ":page_facing_up: The whole plan: every VM, with what becomes of it and why."
        case TimelineFile():
            return ":page_facing_up: The whole story, for the postmortem."
        case CardMoved():
            where = f"{text.room(what.channel)} ({because(what.why)})"
            return f":warning: Muster cannot post in {where}, so the card stands elsewhere now."
        case StillOut():
            return _still_out(what)
        case BackInService():
            after = f"{_span(what.seconds)} after this operation ended"
            return f":white_check_mark: The host is back in service, and nothing is left over, {after}."


def _answered(what: Answered) -> str:
    """Where an answer is told in a line: its sentence, if it has one."""
    if isinstance(what, RefusalTold):
        return text.sentence_of(what.sentence, what.remedy)
    return text.sentence_of(what.sentence) if isinstance(what, OperationsListed | PastListed) else ""


# who and when ------------------------------------------------------------------------------------------------------


def _by(who: str | None) -> str:
    return f" by {text.mention(who)}" if who else ""


def _called(ask: Sequence[str]) -> str:
    """Who is called by it."""
    return f"{text.mentions(ask)}: " if ask else ""


def _to(ask: Sequence[str], said: str) -> str:
    """What is said to those who are called by it, or to all where each of those is called elsewhere."""
    called = _called(ask)
    return f"{called}{said}" if called else said[0].upper() + said[1:]


def _requester(who: str) -> str:
    """Who asked, called by name where something was decided for them."""
    return f"{text.mention(who)}: " if who else ""


def _start(at: datetime | None) -> str:
    """When what was approved starts."""
    when = f"starts {text.day_and_time(at)}, not earlier" if at else "starts"
    return f"The cloud is checked once more, then it {when}."


def _span(seconds: float) -> str:
    return text.minutes(timedelta(seconds=seconds))


def _for_how_long(silence: CloudSilent | CloudBack) -> str:
    since = f", since {text.moment(silence.since)}" if silence.since else ""
    return f" for {_span(silence.seconds)}{since}" if since else " for a while"


# what --------------------------------------------------------------------------------------------------------------


def _title(title: str) -> str:
    return text.escape(title, limit=160)


def _raw(raw: str) -> str:
    shown = text.plain(raw, limit=_RAW)
    return f"\n{text.preformatted([shown])}" if shown else ""


def _reason(reason: str) -> str:
    return f" {text.because(reason)}".rstrip()


def _lines(lines: Sequence[str]) -> str:
    return text.cut_lines(judgement.difference(lines), most=30)


def _names(vms: Sequence[str]) -> str:
    return listed([text.escape(name, limit=text.NAME) for name in vms], most=12)


def _checked_again(what: CheckedAgain) -> str:
    said = f":mag: Checked again{_by(what.by)}"
    if what.same:
        return f"{said}: the plan is the same."
    lines = _lines(what.lines)
    return f"{said}: the plan has changed:\n{lines}" if lines else f"{said}: the plan has changed."


def _one_vouched(what: OneVouched) -> str:
    said = "\n".join(f"• {_signed(sentence)}" for sentence in what.sentences)
    people = f"{what.count} of {counted(what.needed, 'person', 'people')}"
    return text.cut(f":writing_hand: Vouched{_by(what.by)}, {people}:\n{said}", limit=text.MAX_TEXT)


def _signed(sentence: str) -> str:
    """What somebody vouched for; where a line cannot hold all of the names in it, it says where they are."""
    if len(sentence) <= _SIGNED:
        return text.escape(sentence, limit=2 * _SIGNED)
    return f"{text.escape(sentence[:_SIGNED].rpartition(', ')[0], limit=_SIGNED)}, … (all are named in the audit)"


def _vouch_wanted(what: VouchWanted, ask: Sequence[str]) -> str:
    buttons = "*Approve* (an approver) or *Vouch* (whoever asked)" if what.may_vouch else "*Approve*"
    so_far = f"{what.count} of {counted(what.needed, 'person', 'people')} so far"
    return f":writing_hand: {_to(ask, f'a second person must vouch, {so_far}.')} Press {buttons} on the card."


def _vms_chosen(what: VmsChosen) -> str:
    if not what.chosen:
        stay = f"No VM chosen{_by(what.by)}: {_names(what.left)} {'stays' if len(what.left) == 1 else 'stay'}"
        return f":ballot_box_with_check: {stay} where {'it is' if len(what.left) == 1 else 'they are'}."
    said = f":ballot_box_with_check: {counted(what.chosen, 'VM')} chosen{_by(what.by)}"
    others = f", {len(what.left)} left where they are: {_names(what.left)}" if what.left else ""
    return f"{said}{others}. A new plan is being made; approvals of the old one no longer count."


def _still_waits(what: StillWaits, ask: Sequence[str]) -> str:
    since = text.day_and_time(what.at)
    if what.is_paused:
        return f":alarm_clock: {_to(ask, f'this has been paused since {since}: press *Resume* or *Cancel*.')}"
    said = f"this has needed a person since {since}. It holds its host until somebody goes on with it or cancels it."
    return f":alarm_clock: {_to(ask, said)}"


def _by_hand(what: ByHandWanted, ask: Sequence[str]) -> str:
    sentence = text.sentence_of(what.sentence, what.remedy)
    said = f":raised_hand: {_called(ask)}to be done by hand: *{_title(what.title)}*. {sentence}".rstrip()
    return f"{said} Say so with *Done* on the card.\n{text.typed(what.command)}" if what.command else said


def _answer_lost(what: AnswerLost) -> str:
    then = "makes the call again" if what.is_made_again else "asks a person"
    said = f"{text.sentence_of(what.sentence)} If it leaves no trace for {_span(what.seconds)}, Muster {then}."
    return f":grey_question: *{_title(what.title)}*: {said}{_raw(what.raw)}"


def _targets_stale(what: TargetsStale) -> str:
    named, verb, they = ", ".join(map(text.code, what.targets)), "has", "it does"
    if len(what.targets) > 1:
        verb, they = "have", "they do"
    return (
        f":snail: {named} {verb} not begun with a VM that was sent there {what.seconds:.0f} s ago. "
        f"Nothing more is sent there until {they}. See the log of nova-compute there."
    )


def _short_of(what: PersonNeeded) -> list[str]:
    """How much is done, and what is not."""
    numbers = {"failed": what.failed, "unknown": what.unknown, "not done": what.not_done, "set aside": what.aside}
    met = [f"{number:,} {name}" for name, number in numbers.items() if number]
    of_all = f" of {what.of}" if what.of else ""
    parts = [f"{what.done:,}{of_all} done", *met]
    host = [text.escape(title, limit=80) for title in what.of_host]
    return parts + ([f"of the host itself not done: {listed(host, most=3)}"] if host else [])


def _person_needed(what: PersonNeeded, ask: Sequence[str]) -> str:
    buttons = "*Retry Failed*, *Skip* or *Cancel*" if what.may_skip else "*Retry Failed* or *Cancel*"
    what_next = text.sentence_of(what.sentence, what.remedy) or f"Press {buttons} on the card."
    return f":rotating_light: {_called(ask)}*Needs a person*: {', '.join(_short_of(what))}. {what_next}"


def _left_undone(what: LeftUndone) -> str:
    titles = [f"• {text.escape(title, limit=120)}" for title in what.left]
    said = f" {text.sentence_of(what.sentence)}".rstrip()
    line = f":warning: Ended incomplete{_by(what.by)}.{said}"
    return f"{line} Left undone ({len(titles):,}):\n{text.cut_lines(titles, most=20)}" if titles else line


def _still_out(what: StillOut) -> str:
    left, after = text.escape(what.still, limit=200), f"{_span(what.seconds)} after this operation ended"
    if left and not what.out:
        return f":alarm_clock: Still left over {after}: {left}. Unlock them, or tell the next shift."
    state = text.escape(what.state) or "out of service"
    besides = f" Besides, {left}." if left else ""
    return (
        f":alarm_clock: Still not back in service {after}; "
        f"the cloud says: {state}. Return it to service, or tell the next shift.{besides}"
    )
