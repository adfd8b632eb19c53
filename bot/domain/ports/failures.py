"""How a unit of work may fail."""


class Stale(Exception):
    """Somebody saved this operation since it was read: read again and decide again."""


class LeaseLost(Exception):
    """This worker's time with the operation is over, and another may hold it by now: stop, write nothing."""


class StoreInUse(Exception):
    """Another process uses this embedded database."""


class StoreFailed(Exception):
    """The database did not answer or take it. Nothing of the unit is stored, unless its commit was under way."""
