"""CloudTower's query language over rows: `where`, `orderBy` and paging, with an error for every key it does not know.

`where` takes fields with suffixes, relations (`host: {...}`), lists of relations (`vms_some: {...}`) and AND/OR/NOT; an
empty one selects everything, also in a mutation (sheet §2).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
Test: TypeAlias = Callable[[Any, Any], bool]


class BadQuery(Exception):
    """The server answers 400."""


def _ordered(holds: Callable[[Any, Any], bool]) -> Test:
    return lambda have, want: have is not None and holds(have, want)


_TESTS: dict[str, Test] = {
    "": lambda have, want: bool(have == want),
    "_not": lambda have, want: bool(have != want),
    "_in": lambda have, want: have in want,
    "_not_in": lambda have, want: have not in want,
    "_lt": _ordered(lambda have, want: bool(have < want)),
    "_lte": _ordered(lambda have, want: bool(have <= want)),
    "_gt": _ordered(lambda have, want: bool(have > want)),
    "_gte": _ordered(lambda have, want: bool(have >= want)),
    "_contains": _ordered(lambda have, want: want in have),
    "_not_contains": lambda have, want: have is None or want not in have,
    "_starts_with": _ordered(lambda have, want: bool(have.startswith(want))),
    "_not_starts_with": lambda have, want: have is None or not have.startswith(want),
    "_ends_with": _ordered(lambda have, want: bool(have.endswith(want))),
    "_not_ends_with": lambda have, want: have is None or not have.endswith(want),
}
_LONGEST_FIRST = sorted(_TESTS, key=len, reverse=True)
_PAGING = ("after", "before", "first", "last", "skip", "orderBy", "where")


@dataclass(frozen=True, kw_only=True)
class QueryTable:
    """A kind of object: its rows as shown to the asker, and what may be asked of them."""

    name: str
    rows: Sequence[Row]
    columns: frozenset[str]  #: fields that can be filtered and sorted by
    relations: Mapping[str, Callable[[], "QueryTable"]] = field(
        default_factory=dict
    )  #: field holding {id} -> its table
    lists: Mapping[str, Callable[[], "QueryTable"]] = field(default_factory=dict)  #: field holding [{id}] -> its table


def select(table: QueryTable, where: Any) -> list[Row]:
    """The rows that `where` selects.

    Raises:
        BadQuery: it is not an object, or a key is unknown.
    """
    if where is None:
        return list(table.rows)
    if not isinstance(where, Mapping):
        raise BadQuery(f"where of {table.name} is not an object")
    _validate(table, where)
    return [row for row in table.rows if _matches(table, row, where)]


def page(table: QueryTable, body: Any) -> list[Row]:
    """The rows that a `get-…` body asks for.

    Raises:
        BadQuery
    """
    if not isinstance(body, Mapping):
        raise BadQuery("the body is not an object")
    unknown = [key for key in body if key not in _PAGING]
    if unknown:
        raise BadQuery(f"unknown parameters: {', '.join(map(str, unknown))}")
    rows = _sorted(table, select(table, body.get("where")), body.get("orderBy"))
    ids = [row["id"] for row in rows]
    if body.get("after") in ids:
        rows = rows[ids.index(body["after"]) + 1 :]
    elif body.get("before") in ids:
        rows = rows[: ids.index(body["before"])]
    rows = rows[_amount(body, "skip") or 0 :]
    first, last = _amount(body, "first"), _amount(body, "last")
    if first is not None:
        return rows[:first]
    return rows[len(rows) - last :] if last is not None and last < len(rows) else rows


def _amount(body: Mapping[str, Any], key: str) -> int | None:
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadQuery(f"{key} is not a number of rows")
    return value


def _sorted(table: QueryTable, rows: list[Row], order: Any) -> list[Row]:
    if order is None:
        return rows
    column, _, direction = str(order).rpartition("_")
    if direction not in {"ASC", "DESC"} or column not in table.columns:
        raise BadQuery(f"{table.name} cannot be ordered by {order}")
    return sorted(rows, key=lambda r: (r.get(column) is not None, r.get(column)), reverse=direction == "DESC")


def _split(table: QueryTable, key: str) -> tuple[str, str] | None:
    """A column and a suffix, longest suffix first: `name_not_in` is not `name_not` of `_in`."""
    for suffix in _LONGEST_FIRST:
        column = key.removesuffix(suffix) if suffix else key
        if key.endswith(suffix) and column in table.columns:
            return column, suffix
    return None


def _validate(table: QueryTable, where: Mapping[str, Any]) -> None:
    """Refuse unknown keys even when there is no row to look at."""
    for key, want in where.items():
        if key in {"AND", "OR", "NOT"}:
            if not isinstance(want, list) or not all(isinstance(w, Mapping) for w in want):
                raise BadQuery(f"{key} is not a list of conditions")
            for inner in want:
                _validate(table, inner)
            continue
        other = _related(table, key)
        if other is not None:
            if not isinstance(want, Mapping):
                raise BadQuery(f"{key} is not an object")
            _validate(other, want)
            continue
        found = _split(table, key)
        if found is None:
            raise BadQuery(f'Field "{key}" is not defined by type {table.name}WhereInput')
        if found[1] in {"_in", "_not_in"} and not isinstance(want, list):
            raise BadQuery(f"{key} is not a list")


def _related(table: QueryTable, key: str) -> QueryTable | None:
    if key in table.relations:
        return table.relations[key]()
    name, _, how = key.rpartition("_")
    return table.lists[name]() if how in {"some", "every", "none"} and name in table.lists else None


def _matches(table: QueryTable, row: Row, where: Mapping[str, Any]) -> bool:
    return all(_holds(table, row, key, want) for key, want in where.items())


def _holds(table: QueryTable, row: Row, key: str, want: Any) -> bool:
    if key == "AND":
        return all(_matches(table, row, w) for w in want)
    if key == "OR":
        return any(_matches(table, row, w) for w in want)
    if key == "NOT":
        return not any(_matches(table, row, w) for w in want)
    if key in table.relations:
        other = table.relations[key]()
        return any(_matches(other, r, want) for r in other.rows if row.get(key) and r["id"] == row[key]["id"])
    other_list = _related(table, key)
    if other_list is not None:
        name, _, how = key.rpartition("_")
        ids = {entry["id"] for entry in row.get(name) or ()}
        hits = [_matches(other_list, r, want) for r in other_list.rows if r["id"] in ids]
        return {"some": any(hits), "every": all(hits), "none": not any(hits)}[how]
    column, suffix = _split(table, key) or (key, "")
    return _TESTS[suffix](row.get(column), want)
