"""The message of an alarm: what is wrong, what shows it, and the button that begins the ordinary path."""

from collections.abc import Callable, Mapping, Sequence

from bot.domain.counting import counted, further
from bot.domain.messages.alarm import Alarm, AlarmKind, Alert
from bot.domain.messages.news import Unheard
from bot.domain.values import HostId
from bot.slack.refusals import because
from bot.slack.views import button_values, message, text
from bot.slack.views.message import Block, Message

EVACUATE = "evacuate_from_alarm"
_MOST_ALERTS = 10
_NO_PROOF = (
    "A host that a cloud calls down may still run its VMs. *Evacuate…* only asks: Muster looks closer and shows a plan."
)


def render(alarm: Alarm, *, link: str = "") -> Message:
    """The whole message, open or over.

    Args:
        alarm: what to show.
        link: the address of the card of the operation that explains it, when there is one.
    """
    if not alarm.is_open:
        said = _ENDS[alarm.kind](alarm)
        return Message(text=said, blocks=(message.section(said),))
    headline, *rest = _open_lines(alarm)
    blocks = [message.section(text.cut_lines([headline, *rest], limit=text.MAX_SECTION, most=40))]
    if alarm.operation is not None:
        blocks.append(message.context(_dealt_with(alarm, link)))
    elif alarm.may_evacuate and alarm.host is not None:
        blocks += [_button(alarm, alarm.host), message.context(_NO_PROOF)]
    return Message(text=text.cut(headline, limit=text.MAX_TEXT), blocks=tuple(blocks))


def by_direct_message(
    alarm: Alarm, *, below: Sequence[Alarm] = (), goes_on: bool = False, link: str = "", instead: Unheard
) -> Message:
    """The same for somebody who may act and does not hear it in the incident channel, with why it comes to them.

    Args:
        alarm: what to tell.
        below: of a storm, the alarms that it counts and of which they were not told before.
        goes_on: whether they were told of the storm before.
        link: as in `render`.
        instead: where it should have been heard.
    """
    closed = f"{text.room(instead.channel)}, the incident channel ({because(instead.why)})"
    lines = _open_lines(alarm) if alarm.is_open else [_ENDS[alarm.kind](alarm)]
    lines += ["Since the last message of it there came:"] if goes_on and below else []
    lines += [f"• {_named(one)}: {_count(one)}" for one in below]
    if alarm.is_open and alarm.operation is not None:
        lines.append(_dealt_with(alarm, link))
    elif alarm.is_open and alarm.may_evacuate and alarm.host_name:
        command = text.code(f"/evacuate {alarm.cloud}/{alarm.host_name}", limit=200)
        lines.append(f"{command} only asks: Muster looks closer and shows a plan.")
    lines.append(f"You read it here because Muster cannot post in {closed}.")
    *first, last = lines
    shown = text.cut_lines(first, limit=text.MAX_TEXT - len(last), most=40)
    return Message(text=f"{shown}\n{last}")


def _open_lines(alarm: Alarm) -> list[str]:
    """What is wrong, and what shows it."""
    lines = [_HEADLINES[alarm.kind](alarm), *_alerts(alarm), *(f"• {text.sentence_of(e)}" for e in alarm.evidence)]
    if alarm.sentence and alarm.kind is not AlarmKind.STORM:
        lines.append(text.sentence_of(alarm.sentence))
    return lines


def _dealt_with(alarm: Alarm, link: str) -> str:
    where = f": {text.link(link, 'Open the card')}" if link else f", id {text.code(str(alarm.operation))}"
    return f"A Muster operation is dealing with this host{where}"


def _button(alarm: Alarm, host: HostId) -> Block:
    value = button_values.by_host(alarm.cloud, host)
    button = message.button("Evacuate…", action=EVACUATE, value=value, style="primary")
    return message.actions([button], block_id=f"alarm:{alarm.id}")


def _named(alarm: Alarm) -> str:
    name = alarm.host_name or alarm.cloud or "no host"
    return text.code(f"{alarm.cloud}/{name}" if alarm.cloud and alarm.host_name else name, limit=90)


def _down(alarm: Alarm) -> str:
    span = text.minutes((alarm.raised_at or alarm.first_seen_at) - alarm.since)
    number = "" if alarm.vms is None else f", {counted(alarm.vms, 'VM')}"
    return (
        f":rotating_light: *{_named(alarm)} has been down for {span}{number}*, since {text.day_and_time(alarm.since)}"
    )


def _most_down(alarm: Alarm) -> str:
    return (
        f":satellite_antenna: *Most hosts of {_named(alarm)} look down at once.* It is more likely that they "
        "cannot be heard than that all of them died: check the network between Muster, the cloud's controllers and its "
        "hosts first. "
        "Muster reports no single host of this cloud until this is over."
    )


def _alert(alarm: Alarm) -> str:
    number = counted(sum(1 for alert in alarm.alerts if not alert.is_over), "alert")
    about = f" about {_named(alarm)}" if alarm.host_name else ""
    vms = "" if alarm.vms is None else f", {counted(alarm.vms, 'VM')}"
    return f":rotating_light: *{number}{about}{vms}*, since {text.day_and_time(alarm.since)}"


def _storm(alarm: Alarm) -> str:
    return (
        f":rotating_light: *{text.escape(alarm.sentence)}* in a short time, since {text.day_and_time(alarm.since)}. "
        "Each host is told below, with what shows it."
    )


def _alerts(alarm: Alarm) -> list[str]:
    lines = [f"• {_line(alert)}" for alert in alarm.alerts[:_MOST_ALERTS]]
    return [*lines, *further(len(alarm.alerts) - _MOST_ALERTS)]


def _line(alert: Alert) -> str:
    said = text.sentence_of(alert.summary)
    return f":white_check_mark: {said} (resolved)" if alert.is_over else said


def _back(alarm: Alarm) -> str:
    if alarm.sentence:
        return f":white_check_mark: {_named(alarm)} was down for {_lasted(alarm)}. {text.sentence_of(alarm.sentence)}"
    return f":white_check_mark: {_named(alarm)} is back after {_lasted(alarm)}."


def _up_again(alarm: Alarm) -> str:
    looked = f":white_check_mark: Most hosts of {_named(alarm)} looked down for {_lasted(alarm)}"
    return f"{looked}. {text.sentence_of(alarm.sentence)}" if alarm.sentence else f"{looked}; that is over."


def _resolved(alarm: Alarm) -> str:
    about = f" about {_named(alarm)}" if alarm.host_name else ""
    lines = [f":white_check_mark: Resolved after {_lasted(alarm)}: {_count(alarm)}{about}", *_alerts(alarm)]
    return text.cut_lines(lines, limit=text.MAX_SECTION)


def _count(alarm: Alarm) -> str:
    return counted(len(alarm.alerts), "alert")


def _lasted(alarm: Alarm) -> str:
    return text.minutes((alarm.cleared_at or alarm.since) - alarm.since)


_HEADLINES: Mapping[AlarmKind, Callable[[Alarm], str]] = {
    AlarmKind.HOST_DOWN: _down,
    AlarmKind.MOST_DOWN: _most_down,
    AlarmKind.ALERT: _alert,
    AlarmKind.STORM: _storm,
}
_ENDS: Mapping[AlarmKind, Callable[[Alarm], str]] = {
    AlarmKind.HOST_DOWN: _back,
    AlarmKind.MOST_DOWN: _up_again,
    AlarmKind.ALERT: _resolved,
    AlarmKind.STORM: lambda alarm: (
        f":white_check_mark: All alerts of the last {_lasted(alarm)} are resolved"
        f" ({text.escape(alarm.sentence)} at last count)."
    ),
}
