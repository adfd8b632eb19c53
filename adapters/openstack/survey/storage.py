"""What a survey reads of Cinder: its services and pools, and what a host manages.

The REST API says who manages a volume and hides whose a backup is: `cinder-manage backup list` alone tells that.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from adapters.openstack.model import names, translate
from adapters.openstack.model.resources import Backup, Service, Storage, Used, Volume, host_of
from adapters.openstack.wire.cinder_manage import CommandRunner
from adapters.openstack.wire.session import Session
from adapters.openstack.wire.versions import BACKEND_STATES, VOLUMES, up_to
from bot.domain.cloud import CloudError, Refused, Unreachable

BACKUP_LIST = ("backup", "list")
_ADMIN = "Give Muster's account the admin role on this cloud, then run `muster check`."
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_COLUMNS = 9  #: of `cinder-manage backup list` (cinder/cmd/manage.py): id, user, project, host, name, ...


async def take(
    session: Session,
    host: str,
    *,
    hosts: Collection[str],
    is_asked: bool,
    runner: CommandRunner | None,
    besides: Collection[str] = (),
) -> Storage | None:
    """Read what Cinder has on a host; None when the cloud has no Cinder.

    Args:
        session: the cloud.
        host: its name in Nova.
        hosts: the names of all compute hosts in Nova.
        is_asked: whether a new home may be needed, so that pools and backups are read too.
        runner: how `cinder-manage` is run; None: not by Muster.
        besides: full names of other managers whose volumes are wanted too.

    Raises:
        Refused, Unreachable: something could not be read.
    """
    offer = await session.offer("block-storage")
    if offer is None:
        return None
    services = await services_of(session)
    said = {name: names.meant(name, hosts) for name in sorted({host_of(s.host) for s in services})}
    others = [name for name, mine in said.items() if mine == (host,) and name != host]
    volumes = [v for name in dict.fromkeys((host, *others, *besides)) for v in await volumes_of(session, name)]
    storage = Storage(
        host=host,
        names=frozenset(others),
        doubtful=tuple(name for name, mine in said.items() if host in mine and len(mine) > 1),
        services=tuple(services),
        pools=await _pools(session) if is_asked and volumes else {},
        volumes=tuple(volumes),
        backups=None,
    )
    has_any = volumes or any(s.binary == "cinder-backup" for s in storage.here)
    return await _with_backups(storage, runner) if is_asked and has_any and runner is not None else storage


async def _with_backups(storage: Storage, runner: CommandRunner) -> Storage:
    """With whose backups are; it also shows whether `cinder-manage` can be run, before anybody relies on it."""
    try:
        return replace(storage, backups=tuple(await backups_of(runner)))
    except CloudError as error:
        return replace(storage, trouble=error.sentence, remedy=error.remedy)


async def services_of(session: Session) -> Sequence[Service]:
    """Cinder's services."""
    offer = await session.offer("block-storage")
    found = await session.get(
        "block-storage",
        "/os-services",
        microversion=up_to(BACKEND_STATES, offer.highest) if offer else "",
        doing="list Cinder's services",
    )
    return found.each("services", translate.service)


async def volumes_of(session: Session, manager: str) -> Sequence[Volume]:
    """The volumes of a manager: of a host, a backend or a pool, for Cinder's filter matches up to `@` and `#` too.

    Raises:
        Refused: Cinder dropped the filter, so what it listed means nothing.
        Unreachable
    """
    volumes = await _volumes(session, {"host": manager}, doing=f"list the volumes that {manager} manages")
    if not all(v.manager == manager or v.manager.startswith((f"{manager}@", f"{manager}#")) for v in volumes):
        raise Refused(
            f"Cinder did not restrict the list of volumes to {manager}: Muster's account may not filter by host.",
            remedy=_ADMIN,
        )
    return volumes


async def backups_of(runner: CommandRunner) -> Sequence[Backup]:
    """All backups with their hosts, by `cinder-manage backup list`.

    Raises:
        Refused: it cannot be run, or what it prints contradicts itself.
        Unreachable: no answer.
    """
    return backups_in(await runner.run((*runner.command, *BACKUP_LIST), doing="list the backups and their hosts"))


def backups_in(printed: str) -> Sequence[Backup]:
    """The backups in a list that `cinder-manage` printed; a backup's name may hold anything, line breaks too.

    Raises:
        Refused: one backup stands there twice, on two hosts.
    """
    found: dict[str, Backup] = {}
    for line in printed.splitlines():
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) < _COLUMNS or not _UUID.fullmatch(cells[0]):
            continue
        backup = Backup(id=cells[0], host=cells[3], name=cells[4])
        if found.setdefault(backup.id, backup).host != backup.host:
            raise Refused(
                f"`cinder-manage backup list` puts the backup {backup.id} on two hosts.",
                remedy="Look at the names of the backups: one of them may hold line breaks.",
            )
    return list(found.values())


async def in_use(session: Session, attached: frozenset[str]) -> Mapping[str, Used]:
    """The volumes in use, by id; none where nothing of the host's is. Cinder lists no volumes by id or key."""
    if not attached or await session.offer("block-storage") is None:
        return {}
    return dict(
        await session.pages(
            "block-storage",
            "/volumes/detail",
            "volumes",
            made=translate.used,
            params={"all_tenants": "1", "status": "in-use"},
            doing="list the volumes in use",
        )
    )


def must_be_whole(storage: Storage | None, used: Mapping[str, Used]) -> None:
    """That the list of the volumes that a host manages shows those that the list of all in use does.

    Raises:
        Unreachable: it leaves some of them out.
    """
    if storage is None:
        return
    listed = {v.id for v in storage.volumes}
    left_out = [id for id, u in used.items() if u.manager.partition("@")[0] == storage.host and id not in listed]
    if left_out:
        raise Unreachable(
            f"Cinder's list of the volumes that {storage.host} manages leaves out {len(left_out)} that are in use, so"
            " which there are could not be found out.",
            remedy="Compare `cinder list --all-tenants --filters host=…` with the list without filters.",
        )


async def picked_for(session: Session, host: str) -> Sequence[Volume]:
    """The volumes that a host manages, picked from the list of all: a second witness that there is none.

    Raises:
        Refused, Unreachable: could not ask.
    """
    volumes = await _volumes(session, {}, doing="list all volumes")
    return [v for v in volumes if v.manager.partition("#")[0].partition("@")[0] == host]


async def _volumes(session: Session, only: Mapping[str, str], *, doing: str) -> Sequence[Volume]:
    offer = await session.offer("block-storage")
    return await session.pages(
        "block-storage",
        "/volumes/detail",
        "volumes",
        made=translate.volume,
        microversion=up_to(VOLUMES, offer.highest) if offer else "",
        params={"all_tenants": "1", **only},
        doing=doing,
    )


async def _pools(session: Session) -> Mapping[str, str]:
    """Full names of the pools of the backends that the scheduler knows -> `location_info`, where a driver gives it."""
    found = await session.get(
        "block-storage", "/scheduler-stats/get_pools", params={"detail": "true"}, doing="list Cinder's pools"
    )
    return dict(found.each("pools", translate.pool, by="name"))
