"""Which rows and names of Nova, Cinder and BMCs are the host's own, and which may be of another machine. Pure.

Nova merges the lists of its cells (`nova/compute/api.py`, `_service_get_all_cells`), so a host that was once registered
in another cell is listed twice. A living row decides that the host lives; of silent ones the one heard of last is its
own. Deleting a left-over row by the API takes the host's mapping and aggregates with it (`ServiceController.delete`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

from adapters.openstack.model import ages, names
from adapters.openstack.model.computes import Computes, is_retired
from adapters.openstack.model.resources import Service, Storage
from bot.domain.counting import counted, listed
from bot.domain.plans.plan import Finding, Topic, Verdict

_APART = timedelta(hours=1)
"""So far apart, the last signs of life of two silent rows tell which of them is the host's own."""
_NAMED = 8


def findings(computes: Computes, storage: Storage | None) -> Iterator[Finding]:
    """Judge a host that is listed more than once, and name the rows of others that are left out of account."""
    rows = computes.rows
    if len(rows) > 1:
        yield _twice(computes, rows)
    yield from _of_names(computes, storage)
    retired = sorted(s.host for s in computes.all if s.host != computes.host and is_retired(s, computes.services))
    if retired:
        yield Finding(
            code="retired-hosts",
            verdict=Verdict.OK,
            topic=Topic.HOST,
            sentence=f"Silent for long, and so no sign of trouble now: {listed(retired, most=_NAMED)}.",
        )


def _twice(computes: Computes, rows: Sequence[Service]) -> Finding:
    listed = "; ".join(f"{s.id} is {s.state}{_heard(computes, s)}" for s in rows)
    sentence = f"Nova lists {computes.host} {'twice' if len(rows) == 2 else counted(len(rows), 'time')}: {listed}."
    clean_up = (
        "Have the left-over row removed from the database of its cell; `openstack compute service delete` would take"
        f" {computes.host} out of its aggregates and its cell as well."
    )
    if _is_clear(rows):
        return Finding(
            code="listed-twice",
            verdict=Verdict.WARNING,
            topic=Topic.HOST,
            sentence=f"{sentence} Muster goes by the first of these rows, and acts on it alone.",
            remedy=clean_up,
        )
    return Finding(
        code="listed-twice-alike",
        verdict=Verdict.BLOCKER,
        topic=Topic.HOST,
        sentence=f"{sentence} Nothing tells which of these rows is that of the host.",
        remedy=f"Find out where they come from: two hosts of one name, or one in two cells. {clean_up} Then check"
        " again.",
    )


def _is_clear(rows: Sequence[Service]) -> bool:
    """Whether the first row is the host's own beyond doubt."""
    first, second, *_ = rows
    if first.is_up != second.is_up:
        return True
    if first.is_up or first.updated_at is None:
        return False
    return second.updated_at is None or first.updated_at - second.updated_at >= _APART


def _of_names(computes: Computes, storage: Storage | None) -> Iterator[Finding]:
    """Other names that may be the host's: of another row of Nova's, of its BMC, of services of Cinder."""
    host, mine = computes.host, computes.service
    twins = [s for s in computes.all if s.host != host and names.may_be_one(s.host, host)]
    living = [s for s in twins if s.is_up]
    is_off = computes.power is not None and computes.power.is_off
    if living and mine is not None and not mine.is_up and not is_off:
        name = living[0].host
        found = _name(
            "alive-as-another",
            f"Nova lists {name} as well, and that is up: probably the same machine under another name, on which the"
            f" VMs of {host} run.",
            f"See which machine each of them is. If it is the same one, have {host}'s VMs and row corrected in Nova's"
            " database instead.",
        )
        yield replace(found, vouch=f"{name} and {host} are two machines")
    elif twins:
        also = ", ".join(f"{s.host} ({s.state})" for s in twins)
        yield _name(
            "other-names",
            f"Nova lists a host that may be the same machine under another name: {also}. Muster takes them for two.",
            "See which machine each of them is before you approve.",
        )
    if computes.bmc_called:
        called = ", ".join(computes.bmc_called)
        yield _name(
            "bmc-by-another-name",
            f"No BMC is configured for {host}, but one for {called}: under that name it proves nothing here.",
            f"If that is the same machine, call it {host} in [clouds.fencing.redfish], then check again.",
        )
    if storage is not None and storage.doubtful:
        called = ", ".join(storage.doubtful)
        yield _name(
            "cinder-name-in-doubt",
            f"Cinder has services on {called}, which may mean {host} or another host: what they manage is left out.",
            f"See with `openstack volume service list` whether they are on {host}; if so, give their volumes a new home"
            " by hand.",
        )


def _name(code: str, sentence: str, remedy: str) -> Finding:
    return Finding(code=code, verdict=Verdict.WARNING, topic=Topic.HOST, sentence=sentence, remedy=remedy)


def _heard(computes: Computes, service: Service) -> str:
    return (
        "" if service.updated_at is None else f", its row written {ages.spoken(computes.at - service.updated_at)} ago"
    )
