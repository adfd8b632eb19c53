"""Operations: stored, read, saved by compare-and-set."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import col

from bot.domain.cloud import Request
from bot.domain.errors import AlreadyUnderWay, UnknownOperation
from bot.domain.operation import Operation, State
from bot.domain.plans.plan import Plan
from bot.domain.ports import Entry, Stale
from bot.domain.rules import targets
from bot.domain.values import HostId, OperationId
from bot.store.rows import codec
from bot.store.rows.mapping import operation_columns, operation_of, request_of
from bot.store.rows.tables import OperationRow, PlanRow, table_of
from bot.store.transaction import Transaction

T = TypeVar("T")
R = TypeVar("R")

_LARGE = 200
"""VMs and steps of a plan that is written and read beside everything else, since that takes long."""
_CHARACTERS = 400  #: of a plan's text for each of them, about

_OPERATION = table_of(OperationRow)
_PLAN = table_of(PlanRow)

# Asked for in every round, and built once: to build one takes longer than to ask it.
_BY_ID = select(OperationRow).where(col(OperationRow.id) == bindparam("id"))
_THOSE = select(OperationRow).where(col(OperationRow.id).in_(bindparam("ids", expanding=True)))
_LIVE = select(_OPERATION.c.body).where(_OPERATION.c.cloud == bindparam("cloud"), _OPERATION.c.live)
_BEFORE = select(_OPERATION.c.live, _OPERATION.c.plan_sha, _OPERATION.c.approved_plan_sha).where(
    _OPERATION.c.id == bindparam("id"), _OPERATION.c.version == bindparam("version")
)
_REVISE = update(_OPERATION).where(_OPERATION.c.id == bindparam("of")).values(revision=_OPERATION.c.revision + 1)


class SqlOperations:
    """`bot.domain.ports.operations.Operations` over rows."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._texts: dict[int, tuple[Plan, str]] = {}  #: of plans that this unit stores, by their place in memory

    async def add(self, operation: Operation, entry: Entry) -> None:
        columns = operation_columns(operation) | await self._plan_columns(operation)
        columns |= {"id": operation.id, "version": operation.version, "revision": 1, "fence": 0}
        columns |= {"waiting_since": await self._transaction.now()}
        statement = insert(_OPERATION).values(**columns)
        if operation.is_live:
            await self._check_targets(operation)
        if not operation.is_live:
            await self._transaction.run(statement)
        elif await self._transaction.try_run(statement) is None:
            raise await self._under_way(operation)
        await self._keep_plans(operation, stored=())
        self._transaction.note(operation.id, entry)

    async def get(self, id: OperationId) -> Operation:
        found: Sequence[OperationRow] = await self._transaction.scalars(_BY_ID, id=id)
        if not found:
            raise _unknown(id)
        return (await self.values_of(found))[0]

    async def those(self, ids: Sequence[OperationId]) -> Sequence[Operation]:
        found = await self.values_of(await self._transaction.scalars(_THOSE, ids=ids))
        by_id = {operation.id: operation for operation in found}
        return [by_id[id] for id in ids if id in by_id]

    async def save(self, operation: Operation, entry: Entry) -> Operation:
        before = await self._transaction.all(_BEFORE, id=operation.id, version=operation.version)
        if not before:
            raise _stale(operation)
        saved = replace(operation, version=operation.version + 1)
        columns = operation_columns(saved) | await self._plan_columns(saved)
        columns |= {"version": saved.version, "revision": _OPERATION.c.revision + 1}
        is_it = (_OPERATION.c.id == operation.id, _OPERATION.c.version == operation.version)
        statement = update(_OPERATION).where(*is_it).values(**columns)
        takes_the_host = saved.is_live and not before[0].live
        if takes_the_host:
            await self._check_targets(operation)
        met = await (self._transaction.try_run(statement) if takes_the_host else self._transaction.run(statement))
        if met is None:
            raise await self._under_way(operation)
        if met == 0:
            raise _stale(operation)
        await self._keep_plans(saved, stored=(before[0].plan_sha, before[0].approved_plan_sha))
        self._transaction.note(operation.id, entry)
        return saved

    async def newest(
        self,
        *,
        live: bool | None = None,
        states: frozenset[State] | None = None,
        cloud: str = "",
        host: HostId | None = None,
        limit: int = 50,
    ) -> Sequence[Operation]:
        query = select(OperationRow).order_by(col(OperationRow.created_at).desc(), col(OperationRow.id).desc())
        if live is not None:
            query = query.where(col(OperationRow.live) if live else ~col(OperationRow.live))
        if states is not None:
            query = query.where(col(OperationRow.state).in_(sorted(states)))
        if cloud:
            query = query.where(col(OperationRow.cloud) == cloud)
        if host is not None:
            query = query.where(col(OperationRow.host_id) == host)
        return await self.values_of(await self._transaction.scalars(query.limit(limit)))

    async def requests(self, cloud: str) -> Sequence[Request]:
        return [request_of(body) for body in await self._transaction.scalars(_LIVE, cloud=cloud)]

    async def overdue(self, now: datetime) -> Sequence[OperationId]:
        query = (
            select(col(OperationRow.id))
            .where(col(OperationRow.state) == State.AWAITING_APPROVAL.value, col(OperationRow.expires_at) <= now)
            .order_by(col(OperationRow.expires_at))
        )
        return [OperationId(found) for found in await self._transaction.scalars(query)]

    async def dry_runs(self, before: datetime, *, limit: int) -> Sequence[OperationId]:
        query = (
            select(col(OperationRow.id))
            .where(col(OperationRow.state) == State.READY.value, col(OperationRow.created_at) < before)
            .order_by(col(OperationRow.created_at))
            .limit(limit)
        )
        return [OperationId(found) for found in await self._transaction.scalars(query)]

    async def values_of(self, rows: Sequence[OperationRow]) -> list[Operation]:
        """The operations of rows, with their plans."""
        plans = await self._plans_of(rows)
        return [
            operation_of(
                row,
                plan=plans[row.plan_sha] if row.plan_sha else None,
                approved_plan=plans[row.approved_plan_sha] if row.approved_plan_sha else None,
            )
            for row in rows
        ]

    async def revise(self, id: OperationId) -> None:
        """Count a change, so that the card is drawn again; locks the operation's row."""
        if await self._transaction.run(_REVISE, [{"of": id}]) == 0:
            raise _unknown(id)

    async def _plans_of(self, rows: Sequence[OperationRow]) -> Mapping[str, Plan]:
        wanted = {sha for row in rows for sha in (row.plan_sha, row.approved_plan_sha) if sha}
        plans = {sha: plan for sha in wanted if (plan := self._transaction.plans.find(sha)) is not None}
        if missing := sorted(wanted - plans.keys()):
            query = select(_PLAN.c.sha, _PLAN.c.body).where(
                _PLAN.c.operation_id.in_([row.id for row in rows]), _PLAN.c.sha.in_(missing)
            )
            for row in await self._transaction.all(query):
                plans[row.sha] = await _beside(partial(codec.decode, Plan), row.body, size=len(row.body) // _CHARACTERS)
                self._transaction.plans.keep(plans[row.sha], row.body)
        return plans

    async def _plan_columns(self, operation: Operation) -> dict[str, str | None]:
        return {
            "plan_sha": await self._sha_of(operation.plan) if operation.plan else None,
            "approved_plan_sha": await self._sha_of(operation.approved_plan) if operation.approved_plan else None,
        }

    async def _sha_of(self, plan: Plan) -> str:
        known = self._transaction.plans.sha_of(plan)
        return known or self._transaction.plans.keep(plan, await self._text_of(plan))

    async def _text_of(self, plan: Plan) -> str:
        """Its text, made once in a unit."""
        if id(plan) not in self._texts:
            text = await _beside(codec.encode, plan, size=len(plan.vms) + len(plan.steps))
            self._texts[id(plan)] = (plan, text)
        return self._texts[id(plan)][1]

    async def _keep_plans(self, operation: Operation, *, stored: Sequence[str | None]) -> None:
        """Store the plans of an operation that are not stored yet."""
        for plan in (operation.plan, operation.approved_plan):
            if plan is None or (sha := await self._sha_of(plan)) in stored:
                continue
            row = {"operation_id": operation.id, "sha": sha, "body": await self._text_of(plan)}
            await self._transaction.run(self._transaction.insert(_PLAN).values(**row).on_conflict_do_nothing())

    async def lock_hosts(self, cloud: str) -> None:
        """Let nobody else begin an operation, or send a VM anywhere, in a cloud until this unit is over."""
        await self._transaction.lock(f"pace of {cloud}")

    async def _check_targets(self, operation: Operation) -> None:
        """Refuse one whose target is under an operation, or whose host is a target of one."""
        await self.lock_hosts(operation.request.cloud)
        refusal = targets.conflict(operation.request, await self.requests(operation.request.cloud))
        if refusal is not None:
            raise refusal

    async def _under_way(self, operation: Operation) -> Exception:
        """What to say when the index of live operations refused one."""
        query = select(_OPERATION.c.id).where(
            _OPERATION.c.cloud == operation.request.cloud,
            _OPERATION.c.host_id == operation.request.host,
            _OPERATION.c.live,
        )
        other = await self._transaction.first(query)
        if other is None:
            return Stale(f"The operation that held {operation.request.host_name} ended meanwhile.")
        return AlreadyUnderWay(
            OperationId(other),
            f"Operation {other} already holds {operation.request.host_name}.",
            remedy="Wait for its end, or cancel it first.",
        )


async def _beside(turn: Callable[[T], R], value: T, *, size: int) -> R:
    """What it makes of the value, on another thread if that is large."""
    return await asyncio.to_thread(turn, value) if size > _LARGE else turn(value)


def _stale(operation: Operation) -> Stale:
    return Stale(f"Operation {operation.id} was saved by somebody else since it was read.")


def _unknown(id: OperationId) -> UnknownOperation:
    named = f"No operation has the id {id[:_LONGEST_ID]}." if id else "This belongs to no operation of Muster's."
    return UnknownOperation(named, remedy="List them with `/muster list`.")


_LONGEST_ID = 40
"""Characters of what is no id that are said again."""
