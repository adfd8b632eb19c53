"""The questions that the adapter asks of CloudTower: hosts, VMs, tasks and clusters, page by page.

A missing thing is `200 []`, replies are bare arrays without a total, and no page size is promised: a page ends only
with an empty one, whatever the server makes of `first`, or with one that brings nothing new, when it ignores `skip`.
Whether a list is whole is asked of the tower's own count of the same objects (`…-connection`, sheet §2).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from adapters.cloudtower.wire import translate
from adapters.cloudtower.wire.client import Client
from adapters.cloudtower.wire.translate import Reply, Strange, TowerCluster, TowerHost, TowerTask, TowerVm
from bot.domain.cloud import Refused, Unreachable
from bot.domain.listing import Listing
from bot.domain.values import Json

T = TypeVar("T")

PAGE = 500
MOST_PAGES = 200  #: of one list: more than any tower holds, even with pages of few rows
NEWEST_TASKS = 20
"""How many of a host's tasks a look sees; what began since the last look is among them."""
COUNT = "CloudTower's own count"
_NAMED = ("id", "name", "status")


async def asked(client: Client, path: str, body: Mapping[str, Json], understood: Callable[[Any], T]) -> T:
    """Ask, and understand the answer.

    Args:
        client: the tower.
        path: of the question.
        body: of it.
        understood: makes a value of the parsed answer, or raises `Strange`.

    Raises:
        Refused
        Unreachable: no answer, or it is not CloudTower's.
    """
    answer = await client.read(path, body)
    try:
        return understood(answer)
    except Strange as odd:
        raise client.stranger(path, str(odd)) from odd


def whole(listing: Listing[T]) -> Sequence[T]:
    """What a list shows, when nothing is known to be missing from it.

    Raises:
        Unreachable: it is not whole.
    """
    if listing.is_whole:
        return listing.items
    raise Unreachable(listing.gap, remedy="Muster asks again; if it stays so, look at CloudTower's own services.")


async def _listing(
    client: Client,
    path: str,
    where: Mapping[str, Json],
    make: Callable[[Reply], T],
    *needed: str,
    at_most: int | None = None,
) -> Listing[T]:
    """Every object that `where` selects, each once, although things come and go between two pages.

    The count is taken first, so that what is new in between is no contradiction; having as many saves the last, empty
    page.

    Args:
        client: the tower.
        path: of a `get-…` list.
        where: the filter.
        make: a value of a row.
        needed: which texts a row must have.
        at_most: how many there can be, when that is known: having them all is proof enough, without a count.
    """
    count = await _count(client, path, where) if at_most is None else at_most
    found, is_endless = await _paged(client, path, where, lambda reply: _by_id(reply, make, needed), enough=count)
    listing = Listing(items=tuple(found.values()))
    if at_most is not None:
        if len(found) >= at_most:
            return listing
        count = await _count(client, path, where)
    return _compared(
        listing, count, what="VMs" if path == "/get-vms" else path.removeprefix("/get-"), is_endless=is_endless
    )


def _by_id(reply: Any, make: Callable[[Reply], T], needed: Sequence[str]) -> Mapping[str, T]:
    return {row["id"]: make(row) for row in translate.rows(reply, *needed)}


async def _paged(
    client: Client,
    path: str,
    where: Mapping[str, Json],
    understood: Callable[[Any], Mapping[str, T]],
    *,
    enough: int | None,
) -> tuple[Mapping[str, T], bool]:
    """All pages, and whether they come without an end."""
    found: dict[str, T] = {}
    skip = 0
    for _ in range(MOST_PAGES):
        body: dict[str, Json] = {"where": where, "first": PAGE, "skip": skip, "orderBy": "id_ASC"}
        page = await asked(client, path, body, understood)
        before = len(found)
        found |= page
        if len(found) == before or len(found) == enough:
            return found, bool(page) and len(found) != enough
        skip += len(page)
    return found, True


async def _count(client: Client, path: str, where: Mapping[str, Json]) -> int | None:
    """How many the tower says there are; None when it does not tell."""
    try:
        return await asked(client, f"{path}-connection", {"where": where}, translate.count)
    except Refused:
        return None


def _compared(listing: Listing[T], count: int | None, *, what: str, is_endless: bool) -> Listing[T]:
    shown = len(listing.items)
    if count is None:
        gap = f"CloudTower's list of {what} does not come to an end: the same rows come again." if is_endless else ""
        return listing.lacking(gap)
    if shown < count:
        return listing.lacking(f"CloudTower listed {shown} of {count} {what}: its list is not whole.")
    return listing.agreed(COUNT) if shown == count else listing


async def hosts(client: Client, where: Mapping[str, Json], *, at_most: int | None = None) -> Listing[TowerHost]:
    """Hosts."""
    return await _listing(client, "/get-hosts", where, translate.host, *_NAMED, at_most=at_most)


async def host(client: Client, id: str) -> TowerHost | None:
    """One host by either of its ids; None when the tower says in two ways that it has none.

    Raises:
        Refused, Unreachable
    """
    found = await hosts(client, {"OR": [{"id": id}, {"local_id": id}]}, at_most=1)
    if not found.items and not found.is_proven_empty:
        whole(found)
        raise Unreachable(f"{client.name} does not list the host {id}, and does not say how many it has.")
    for one in found.items:
        if id in {one.id, one.local_id}:
            return one
    if found.items:
        raise client.stranger("/get-hosts", "another host than the one that was asked for")
    return None


async def vms(client: Client, where: Mapping[str, Json]) -> Listing[TowerVm]:
    """VMs."""
    return await _listing(client, "/get-vms", where, translate.vm, *_NAMED)


async def vms_called(client: Client, uuids: Sequence[str]) -> Sequence[TowerVm]:
    """VMs by what maintenance mode calls them; those that the user may not see are missing.

    Raises:
        Refused, Unreachable
    """
    found: list[TowerVm] = []
    for at in range(0, len(uuids), PAGE):
        some = list(uuids[at : at + PAGE])
        where: dict[str, Json] = {"OR": [{"local_id_in": some}, {"id_in": some}]}
        listing = await _listing(client, "/get-vms", where, translate.vm, *_NAMED, at_most=len(some))
        if len(listing.items) >= len(some) and not all(any(vm.is_called(id) for vm in listing.items) for id in some):
            listing = await _listing(client, "/get-vms", where, translate.vm, *_NAMED)  # several share an id
        found += [vm for vm in whole(listing) if vm.local_id in some or vm.id in some]
    return found


def told_apart(client: Client, vms: Sequence[TowerVm]) -> Sequence[TowerVm]:
    """The VMs of one cluster, when each has an id of its own.

    Raises:
        Unreachable: two of them share one, by which maintenance mode would mean either.
    """
    by_uuid: dict[str, TowerVm] = {}
    for vm in vms:
        other = by_uuid.setdefault(vm.uuid, vm)
        if other is not vm:
            raise Unreachable(
                f"{client.name} lists {other.name} and {vm.name} under one id ({vm.uuid}): which of them maintenance"
                " mode means cannot be told.",
                remedy="Look at both in CloudTower; it may not have noticed yet that one was moved or removed.",
            )
    return vms


async def tasks(client: Client, where: Mapping[str, Json]) -> Sequence[TowerTask]:
    """The newest tasks that `where` selects, newest first."""
    body: dict[str, Json] = {"where": where, "first": NEWEST_TASKS, "orderBy": "local_created_at_DESC"}
    return await asked(
        client, "/get-tasks", body, lambda reply: [translate.task(r) for r in translate.rows(reply, "id", "status")]
    )


async def tasks_counted(client: Client, where: Mapping[str, Json]) -> Listing[TowerTask]:
    """The same, held against the tower's own count, taken before: what began in between is no contradiction."""
    count = await _count(client, "/get-tasks", where)
    found = Listing(items=tuple(await tasks(client, where)))
    expected = count if count is None else min(count, NEWEST_TASKS)
    return _compared(found, expected, what="tasks", is_endless=False)


async def cluster(client: Client, id: str) -> TowerCluster | None:
    """One cluster."""
    body: dict[str, Json] = {"where": {"id": id}, "first": 1}
    found = await asked(client, "/get-clusters", body, lambda reply: translate.rows(reply, "id", "name"))
    return next((translate.cluster(row) for row in found if row["id"] == id), None)
