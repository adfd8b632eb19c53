"""What the records of a VM's moves are worth, judged by what has happened since. Pure.

Nova closes no record but by the move itself: an order lost in the message queue stays `accepted` for ever, one whose
target died in the middle stays `pre-migrating` or `running`, deleting a server closes nothing, and no API does. And a
record that ended well is no proof that the server's row followed: where the target's last call to the database failed,
the guest runs there and the row knows nothing of it (releases before Nova 25 do not mend that).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from adapters.openstack.model import translate
from adapters.openstack.model.resources import ABORTED, EVACUATION, Migration, Server

ENDED_BADLY = frozenset({"failed", "error", "cancelled", "reverted"})
"""Statuses of a migration that came to nothing."""
ENDED_WELL = frozenset({"done", "completed", "finished", "confirmed"})
IN_REBUILD = "pre-migrating"
"""The status of an evacuation that its target has taken up."""
AT_REST = timedelta(minutes=5)
"""How long nothing may have touched a record and its VM for the record to be orphaned; more than clocks differ."""
_WRITTEN = timedelta(seconds=30)
"""How long Nova may take to write of a VM what it wrote of its record."""
_LOST = timedelta(hours=1)
"""The same of an order that no target has: by then no conductor has it in its queue any more."""
_GIVEN_UP = timedelta(days=1)
"""The same of an order that waits in the queue of a target."""
_FOUND = timedelta(hours=1)
"""So long after a record and its VM were touched last, a host that lives has looked for the guest."""
_WITH_TARGET = frozenset({"post-migrating", "running (completed)"})
"""Statuses of a live migration whose guest runs on the target already."""


def is_at_rest(touched: str, *, now: datetime, span: timedelta = AT_REST) -> bool:
    """Whether a stamp of Nova's is so old; not when there is none.

    Args:
        touched: the stamp.
        now: aware UTC.
        span: how old.
    """
    at = translate.moment(touched)
    return at is not None and now - at >= span


def is_superseded(move: Migration, moves: Sequence[Migration]) -> bool:
    """Whether the VM has moved since, and well: nothing can stand behind an open record from before that.

    Args:
        move: an open record.
        moves: records, of this VM and of others.
    """
    return any(m.server == move.server and m.id > move.id and m.status in ENDED_WELL for m in moves)


def is_orphaned(move: Migration, server: Server, *, now: datetime, earlier: Collection[int] = ()) -> bool:
    """Whether the open record of a VM that is still at its source will never end, and nothing stands behind it.

    A target that dies in the middle leaves the record of an evacuation `pre-migrating` for ever, also once it is back,
    and the VM its task until somebody resets its state; a second evacuation works then (measured on Nova 34). While
    one runs, the VM has a task but for moments. One that is `accepted` waits in its target's queue, and begins when
    that is back; without a target it was lost before the scheduler chose one. A VM that is migrated has its task from
    the request on until it is elsewhere.

    Args:
        move: the record.
        server: its VM.
        now: aware UTC.
        earlier: ids of the records there were before our start. One of them that is open was orphaned then, or nothing
            would have been started; what touched the VM since is our own.
    """
    if not move.is_open or move.status in _WITH_TARGET:
        return False
    if move.id not in earlier and (server.task is not None or not is_at_rest(server.updated_at, now=now)):
        return False
    return is_at_rest(move.updated_at or move.created_at, now=now, span=_span(move))


def _span(move: Migration) -> timedelta:
    if move.type != EVACUATION or move.status == IN_REBUILD:
        return AT_REST
    return _GIVEN_UP if move.target else _LOST


def is_just_ending(move: Migration, server: Server, *, now: datetime) -> bool:
    """Whether a record has just failed and its VM, with the reason, is about to: Nova writes the record first.

    Where it finds no host, its conductor saves `error`, and then the VM's state and fault
    (nova/conductor/manager.py, `rebuild_instance`).

    Args:
        move: the record.
        server: its VM.
        now: aware UTC.
    """
    has_failed = move.status in ENDED_BADLY - {ABORTED} and translate.moment(move.updated_at) is not None
    return has_failed and server.task is not None and not is_at_rest(move.updated_at, now=now, span=_WRITTEN)


def is_over(move: Migration, server: Server | None, moves: Sequence[Migration], *, now: datetime) -> bool:
    """Whether nothing stands behind a record any more, be it open or not.

    Args:
        move: the record.
        server: its VM as Nova shows it now, wherever it is; None: it is deleted.
        moves: records, of this VM and of others.
        now: aware UTC.
    """
    if not move.is_open or server is None or server.is_gone or is_superseded(move, moves):
        return True
    if server.host == move.source:
        return is_orphaned(move, server, now=now)
    if server.host != move.target:
        return True  # it has moved on by other means
    return server.task is None and all(is_at_rest(t, now=now) for t in (server.updated_at, _touched(move)))


def still_open(moves: Sequence[Migration], seen: Mapping[str, Server | None], *, now: datetime) -> Sequence[Migration]:
    """The open records behind which something may stand.

    Args:
        moves: records.
        seen: their VMs by id as Nova shows them now, None: deleted; of one that is not in it anything may be so.
        now: aware UTC.
    """
    by_server: dict[str, list[Migration]] = {}
    for move in moves:
        by_server.setdefault(move.server, []).append(move)
    return [
        m
        for m in moves
        if m.is_open
        and not is_superseded(m, by_server[m.server])
        and not (m.server in seen and is_over(m, seen[m.server], by_server[m.server], now=now))
    ]


def went(server: Server, moves: Sequence[Migration], *, heard: datetime | None) -> Migration | None:
    """The last move of a VM, where that brought it to another host and its row did not follow; None: it is at home.

    Of an open one only a live migration that has handed its guest over. A guest that was started anew since then, by a
    rebuild or an unshelving, is where the row says. So is one that its host has found since then: every ten minutes it
    asks its hypervisor for each of its VMs without a task, and writes down where there is none
    (`ComputeManager._sync_power_states`).

    Args:
        server: the VM.
        moves: records from and to its host, of this VM and of others.
        heard: when the host of its row was heard of last.
    """
    mine = [m for m in moves if m.server == server.id]
    last = max(mine, key=lambda m: m.id, default=None)
    if last is None or last.source != server.host or not last.target or last.target == server.host:
        return None
    if last.status not in ENDED_WELL | _WITH_TARGET or _is_found_since(server, last, heard):
        return None
    return last


def _is_found_since(server: Server, move: Migration, heard: datetime | None) -> bool:
    made, touched = translate.moment(server.created_at), translate.moment(server.updated_at)
    started, ended = translate.moment(server.launched_at), translate.moment(_touched(move))
    if made is None or ended is None or made >= ended:
        return False  # a record from before its VM tells that clocks cannot be relied on
    if started is not None and started > ended:
        return True
    is_settled = heard is not None and touched is not None and heard - max(touched, ended) >= _FOUND
    return is_settled and server.task is None and server.is_found


def _touched(move: Migration) -> str:
    return move.updated_at or move.created_at


def where_it_went(move: Migration) -> str:
    """What is said of a VM whose row did not follow its move, as the end of "it …"."""
    return (
        f"was moved to {move.target} ({move.type} #{move.id}, {move.status}) and Nova's record of the VM did not"
        f" follow, so its guest probably runs on {move.target}. Look there (`virsh list`): if it does, have the VM's"
        f" host and node corrected in Nova's database; if it does not, have #{move.id} set to `error` there. Then"
        " check again"
    )


def alike(reason: str) -> str:
    """A reason without what differs from one VM to the next: numbers of records, and for how long."""
    return _SPAN.sub("", _NUMBER.sub("its record", _OF_RECORD.sub("", reason)))


_OF_RECORD = re.compile(r" \([^()]*#\d+[^()]*\)")
_NUMBER = re.compile(r"#\d+")
_SPAN = re.compile(r" for \d+ (?:s|min|h|days)\b")
