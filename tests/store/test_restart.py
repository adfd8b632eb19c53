"""What a restart finds on an embedded database."""

from datetime import timedelta

from bot.domain.audit import AuditEvent, Entry
from bot.store import SqlArchive
from tests.store import examples

SPAN = timedelta(hours=1)


async def test_the_lease_of_a_dead_process_does_not_keep_the_next_one_waiting(archive: SqlArchive) -> None:
    operation = examples.operation()
    async with archive.unit() as unit:
        await unit.operations.add(operation, Entry(event=AuditEvent.REQUESTED))
        await unit.commit()
    async with archive.unit() as unit:
        first = await unit.leases.claim("dead", span=SPAN)
        await unit.commit()
    assert first is not None
    async with archive.unit() as unit:
        assert await unit.leases.claim("another", span=SPAN) is None

    await archive.close()
    await archive.open()
    async with archive.unit() as unit:
        again = await unit.leases.claim("next", span=SPAN)
        await unit.commit()
    assert again is not None
    assert (again.operation, again.fence) == (operation.id, first.fence + 1)
