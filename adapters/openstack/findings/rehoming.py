"""Giving the volumes and backups of a dead host a new manager, and back to the old one: where to. Pure.

`cinder-manage` takes every name in silence, so both names must be known: the old one and the new one are services that
Cinder lists, the new one up and enabled, of the same backend and with the same pool.
"""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from adapters.openstack.findings.selection import blocker
from adapters.openstack.model.handover import Handover
from adapters.openstack.model.names import natural
from adapters.openstack.model.resources import Backup, Service, Storage, Volume
from adapters.openstack.settings import CinderSettings
from bot.domain.counting import counted, listed
from bot.domain.plans.plan import Finding, Topic, Verdict

_LOCAL_STORAGE = "LVMVolumeDriver:"
"""How a driver's `location_info` begins whose volumes lie on the disks of one host (cinder/volume/drivers/lvm.py)."""
_NAMED = 5  #: so many volumes are named in a sentence


# ---------------------------------------------------------------------- where to


def moves(storage: Storage | None, cinder: CinderSettings) -> tuple[Handover, ...]:
    """A move for each manager's name on the dead host, with its new home or the reason why it has none."""
    if storage is None or cinder.by is None:
        return ()
    by_manager: dict[str, list[Volume]] = {}
    for volume in storage.managed:
        by_manager.setdefault(volume.manager, []).append(volume)
    # names without a pool come last: `update_host` takes those of every pool along with them
    names = sorted(by_manager, key=lambda name: (not _pool(name), natural(name)))
    found = [_of_volumes(name, tuple(by_manager[name]), storage) for name in names]
    if storage.backups is None:
        keepers = {s.host for s in storage.here if s.binary == "cinder-backup"}
    else:
        keepers = {b.host for b in storage.backups if storage.is_mine(b.host)}
    return (*found, *(_of_backups(name, storage, found) for name in sorted(keepers, key=natural)))


def _of_volumes(name: str, volumes: tuple[Volume, ...], storage: Storage) -> Handover:
    homes = [s.host for s in candidates(name, storage)]
    why = "" if homes else _why_none(name, storage)
    return Handover(
        old=name, new=_with_pool(homes[0], name) if homes else "", volumes=volumes, others=tuple(homes[1:]), why=why
    )


def can_take(service: Service, name: str, storage: Storage) -> bool:
    """Whether a service lives and has the pool of a manager's name, on storage that other hosts reach too."""
    pool = _pool(name)
    return (
        service.binary == "cinder-volume"
        and service.is_up
        and service.is_enabled
        and any(
            (place == f"{service.host}#{pool}" if pool else place.startswith(f"{service.host}#"))
            and not where.startswith(_LOCAL_STORAGE)
            for place, where in storage.pools.items()
        )
    )


def candidates(name: str, storage: Storage) -> Sequence[Service]:
    """The services that can take a manager's volumes: those of the same backend that live and have its pool."""
    service, backend = name.partition("#")[0], _backend(name)
    if not backend or service not in {s.host for s in storage.services if s.binary == "cinder-volume"}:
        return []
    others = [s for s in storage.services if s.host != service and _backend(s.host) == backend]
    return sorted((s for s in others if can_take(s, name, storage)), key=lambda s: natural(s.host))


def _why_none(name: str, storage: Storage) -> str:
    service, backend = name.partition("#")[0], _backend(name)
    if not backend:
        return f"the name {name} carries no backend, so nothing tells which service reaches the same storage"
    if service not in {s.host for s in storage.services if s.binary == "cinder-volume"}:
        return f"Cinder lists no service {service}"
    same = [s for s in storage.services if _backend(s.host) == backend and s.host != service]
    living = [s for s in same if s.is_up and s.is_enabled]
    if not living:
        return f"no other service of the backend {backend} is up and enabled"
    places = [where for place, where in storage.pools.items() if place.partition("#")[0] in {s.host for s in living}]
    if any(where.startswith(_LOCAL_STORAGE) for where in places):
        return f"the backend {backend} keeps its volumes on the disks of each host (LVM)"
    return f"no living service of the backend {backend} reports the pool {_pool(name) or 'of any name'}"


def _of_backups(name: str, storage: Storage, found: Sequence[Handover]) -> Handover:
    """The new home of a host's backups: where its volumes go, if a cinder-backup lives there; else the first one."""
    mine = None if storage.backups is None else tuple(b for b in storage.backups if b.host == name)
    living = [
        s.host
        for s in storage.services
        if s.binary == "cinder-backup" and not storage.is_mine(s.host) and s.is_up and s.is_enabled
    ]
    with_volumes = [move.new.partition("@")[0] for move in found if move.new]
    homes = sorted(living, key=lambda host: (host not in with_volumes, natural(host)))
    return Handover(
        old=name,
        new=homes[0] if homes else "",
        backups=mine,
        others=tuple(homes[1:]),
        why="" if homes else "no other cinder-backup is up and enabled",
    )


def _backend(name: str) -> str:
    return name.partition("#")[0].partition("@")[2]


def _pool(name: str) -> str:
    return name.partition("#")[2]


def _with_pool(service: str, like: str) -> str:
    """The same form as the old name: without `#pool` on both sides an `update_host` loses the pool."""
    return f"{service}#{_pool(like)}" if _pool(like) else service


# ---------------------------------------------------------------------- findings


def findings(storage: Storage | None, found: Sequence[Handover]) -> Iterator[Finding]:
    """What becomes of the volumes and backups of a dead host, and whether the commands can be run at all."""
    if storage is None:
        return
    if storage.trouble and found:
        yield Finding(
            code="cannot-run-cinder-manage",
            verdict=Verdict.UNKNOWN,
            topic=Topic.STORAGE,
            sentence=f"Volumes of {storage.host} need a new home first. {storage.trouble}",
            remedy=f'{storage.remedy} Or set `runner = "manual"` in [clouds.cinder], to run it by hand.'.strip(),
        )
    for move in found:
        yield _of_move(storage, move)
    clustered = [v for v in storage.volumes if v.is_clustered]
    if clustered:
        yield Finding(
            code="volumes-clustered",
            verdict=Verdict.OK,
            topic=Topic.STORAGE,
            sentence=f"Its living members serve what belongs to a cluster of cinder-volume:"
            f" {counted(len(clustered), 'volume')}.",
        )


def _of_move(storage: Storage, move: Handover) -> Finding:
    what = _what(move)
    kind = "backups" if move.is_of_backups else "volumes"
    if not move.new:
        return Finding(
            code=f"{kind}-stay",
            verdict=Verdict.WARNING,
            topic=Topic.STORAGE,
            sentence=f"{what} of {move.old} stay where they are: {move.why}. Until {storage.host} is back, what"
            " uses them may hang.",
            remedy="Bring up a service that can take them and check again, or leave out (`--vm`) the VMs that need"
            " them."
            if not move.is_of_backups
            else "",
        )
    chosen = f"; {', '.join(move.others[:_NAMED])} would do as well" if move.others else ""
    known = "only by their names can it be told that both reach the same storage"
    if move.is_of_backups:
        known = (
            "found by `cinder-manage backup list`, for the REST API hides a backup's host; whether both store in the"
            " same place Cinder does not tell"
            if move.backups is not None
            else "whose backups they are tells only `cinder-manage backup list`, for the REST API hides it"
        )
    return Finding(
        code=f"{kind}-rehomed",
        verdict=Verdict.WARNING,
        topic=Topic.STORAGE,
        sentence=f"{what} of {move.old} get a new manager, {move.new}{chosen} ({known}).",
        remedy="See that both services use the same storage with the same configuration before you approve.",
    )


def _what(move: Handover) -> str:
    if move.is_of_backups and move.backups is None:
        return "All backups"
    handed_over: Sequence[Volume | Backup] = move.volumes or move.backups or ()
    kind = "backup" if move.is_of_backups else "volume"
    names = listed(sorted((t.name for t in handed_over), key=natural), most=_NAMED)
    return f"{counted(len(handed_over), kind)} ({names})"


# ---------------------------------------------------------------------- the way back


def of_the_way_back(
    host_name: str, storage: Storage, found: Sequence[Handover], moved: AbstractSet[str]
) -> Iterator[Finding]:
    """What speaks against giving back what Muster moved, and what comes along with that.

    Args:
        host_name: of the host that gets it back.
        storage: what there is.
        found: what can be given back.
        moved: ids of the volumes and backups that Muster moved away.
    """
    if storage.trouble:
        yield Finding(
            code="cannot-run-cinder-manage",
            verdict=Verdict.UNKNOWN,
            topic=Topic.STORAGE,
            sentence=storage.trouble,
            remedy=storage.remedy or "Run `muster check`: it tries the way to `cinder-manage`. Then check again.",
        )
    if not found:
        yield blocker(
            "nothing-to-give-back",
            Topic.STORAGE,
            f"No volume that Muster took from {host_name} is where it was given to.",
            "See who manages them with `cinder list --all --filters host=…`.",
        )
    for move in found:
        if not _can_take_back(move, storage):
            yield blocker(
                "old-manager-not-up",
                Topic.STORAGE,
                f"{move.new} is not up and enabled, so nothing is given back to it.",
                f"Start Cinder's services on {host_name}, wait until they are up, then check again.",
            )
        handed_over: tuple[Volume | Backup, ...] = move.volumes or move.backups or ()
        others = sorted((t.name for t in handed_over if t.id not in moved), key=natural)
        if others and moved:
            yield Finding(
                code="comes-along",
                verdict=Verdict.WARNING,
                topic=Topic.STORAGE,
                sentence=f"{len(others)} that {move.old} had itself come along to {move.new}, for `cinder-manage` knows"
                f" names alone: {listed(others, most=_NAMED)}.",
                remedy="If that is not wanted, leave all of them: any manager of the backend serves them.",
            )


def _can_take_back(move: Handover, storage: Storage) -> bool:
    service = move.new.partition("#")[0]
    if move.is_of_backups:
        return any(
            s.host == service and s.binary == "cinder-backup" and s.is_up and s.is_enabled for s in storage.services
        )
    return any(s.host == service and can_take(s, move.new, storage) for s in storage.services)
