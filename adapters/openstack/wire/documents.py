"""An answer is what it is, not its status code: a JSON object of the API with what was asked for in it, or none at all.

A portal answers 200 with its login page, a gateway with JSON of its own, a service that is being restarted with half a
document. None of that is "nothing": whoever takes a thing out of a document that does not hold it as the API says hears
that somebody else answered.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, TypeVar

from adapters.openstack.wire import errors
from bot.domain.cloud import Unreachable

T = TypeVar("T")
SHAPES = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)
"""What reading raises where a thing is not as the API says."""
_NONE = object()


class Document(Mapping[str, Any]):
    """A JSON object that was answered, which complains of what it lacks.

    Args:
        body: what came, parsed.
        service: the service type that was asked.
        doing: what was asked, as a phrase that follows "to".
        text: what came, as it came.
    """

    def __init__(self, body: Any, *, service: str, doing: str, text: str = "") -> None:
        self._service, self._doing, self._text = service, doing, text or str(body)
        if not isinstance(body, Mapping):
            raise self.strange("it is not a JSON object")
        self._body = body

    def __getitem__(self, key: str) -> Any:
        """What stands under a key.

        Raises:
            Unreachable: nothing does.
        """
        found = self.get(key, _NONE)
        if found is _NONE:
            raise self.strange(f'it has no "{key}"')
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._body)

    def __len__(self) -> int:
        return len(self._body)

    def __contains__(self, key: object) -> bool:
        return key in self._body

    def get(self, key: str, default: Any = None) -> Any:
        """What stands under a key, or `default`."""
        return self._body.get(key, default)

    def each(self, key: str, made: Callable[[Mapping[str, Any]], T], *, by: str = "id") -> list[T]:
        """The entries of a list, each once.

        Args:
            key: under which the list stands.
            made: what an entry is turned into.
            by: the field that tells one entry from another; those without it are all kept.

        Raises:
            Unreachable: it is no list of objects, or one of them is not as the API says.
        """
        rows = self.rows(key)
        return [self.told(key, row, made) for row in once(rows, by, known=set())]

    def rows(self, key: str) -> list[Mapping[str, Any]]:
        """The entries of a list as they came.

        Raises:
            Unreachable: it is no list of objects.
        """
        found = self[key]
        if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
            raise self.strange(f'its "{key}" is not a list of objects')
        return found

    def one(self, key: str, made: Callable[[Any], T]) -> T:
        """One thing.

        Raises:
            Unreachable: there is none, or it is not as the API says.
        """
        return self.told(key, self[key], made)

    def told(self, key: str, found: Any, made: Callable[[Any], T]) -> T:
        """What was found under a key, turned into something.

        Raises:
            Unreachable: it is not as the API says.
        """
        try:
            return made(found)
        except SHAPES as error:
            raise self.strange(f'its "{key}" is not as the API says ({type(error).__name__}: {error})') from error

    def strange(self, why: str) -> Unreachable:
        """The error that somebody else than the API has answered.

        Args:
            why: what shows it, as the end of a clause.
        """
        return errors.not_the_api(self._text, service=self._service, doing=self._doing, why=why)


def once(rows: list[Mapping[str, Any]], by: str, *, known: set[Hashable]) -> list[Mapping[str, Any]]:
    """Those of the rows that are not known yet, each once; what is in them is known afterwards.

    Args:
        rows: any.
        by: the field that tells one row from another; rows without it are all new.
        known: what was seen of that field so far.
    """
    new = []
    for row in rows:
        mark = row.get(by)
        if mark is not None and str(mark) in known:
            continue
        known.add(str(mark))
        new.append(row)
    return new
