"""The questions that the adapter asks of CloudTower: hosts, VMs, tasks and clusters, page by page.

A missing thing is `200 []`, replies are bare arrays without a total, and no page size is promised: a page ends only
with an empty one, whatever the server makes of `first`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.cloudtower import translate
from adapters.cloudtower.client import Client
from adapters.cloudtower.translate import Reply, TowerCluster, TowerHost, TowerTask, TowerVm
from bot.domain.values import Json

PAGE = 500
NEWEST_TASKS = 20
"""How many of a host's tasks a look sees; what began since the last look is among them."""


async def pages(client: Client, path: str, where: Mapping[str, Json], *, expect: int | None = None) -> Sequence[Reply]:
    """Every object that `where` selects, each once, although things come and go between two pages.

    Args:
        client: the tower.
        path: of a `get-…` list.
        where: the filter.
        expect: how many there can be at most, when that is known: having them all saves the last, empty page.
    """
    found: dict[str, Reply] = {}
    skip = 0
    while expect is None or len(found) < expect:
        body: dict[str, Json] = {"where": where, "first": PAGE, "skip": skip, "orderBy": "id_ASC"}
        page = translate.rows(await client.read(path, body))
        if not page:
            break
        found |= {str(row.get("id")): row for row in page}
        skip += len(page)
    return list(found.values())


async def hosts(client: Client, where: Mapping[str, Json], *, expect: int | None = None) -> Sequence[TowerHost]:
    """Hosts."""
    return [translate.host(row) for row in await pages(client, "/get-hosts", where, expect=expect)]


async def host(client: Client, id: str) -> TowerHost | None:
    """One host by either of its ids."""
    where: Json = {"OR": [{"id": id}, {"local_id": id}]}
    found = translate.rows(await client.read("/get-hosts", {"where": where, "first": 2}))
    return next((translate.host(row) for row in found), None)


async def vms(client: Client, where: Mapping[str, Json]) -> Sequence[TowerVm]:
    """VMs."""
    return [translate.vm(row) for row in await pages(client, "/get-vms", where)]


async def vms_called(client: Client, uuids: Sequence[str]) -> Sequence[TowerVm]:
    """VMs by what maintenance mode calls them; those that the user may not see are missing."""
    found: list[TowerVm] = []
    for at in range(0, len(uuids), PAGE):
        some = list(uuids[at : at + PAGE])
        either: Json = [{"local_id_in": some}, {"id_in": some}]
        rows = await pages(client, "/get-vms", {"OR": either}, expect=len(some))
        found += [translate.vm(row) for row in rows]
    return found


async def tasks(client: Client, where: Mapping[str, Json]) -> Sequence[TowerTask]:
    """The newest tasks that `where` selects, newest first."""
    body: dict[str, Json] = {"where": where, "first": NEWEST_TASKS, "orderBy": "local_created_at_DESC"}
    return [translate.task(row) for row in translate.rows(await client.read("/get-tasks", body))]


async def cluster(client: Client, id: str) -> TowerCluster | None:
    """One cluster."""
    found: Any = await client.read("/get-clusters", {"where": {"id": id}, "first": 1})
    return next((translate.cluster(row) for row in translate.rows(found)), None)
