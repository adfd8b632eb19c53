"""Keeps the footing where an adapter stumbles: an error that nobody named becomes one that people are told of.

A `TypeError` out of an adapter says nothing about what became of a call, so it is taken for a lost answer: whoever
survives it looks before anything else. The log has the whole of it once, under the reference that people are told.
"""

import secrets
import traceback
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.abilities import FindsVms, VmPlace
from bot.domain.cloud import (
    NO_BOOKS,
    AnyCloud,
    Books,
    CloudError,
    Host,
    NotSupported,
    Request,
    Sighting,
    Unreachable,
)
from bot.domain.counting import listed
from bot.domain.plans.plan import Plan, Receipt, Step
from bot.domain.values import StepKey, VmId
from bot.runtime.log import logger

log = logger(__name__)


class AdapterFailed(Unreachable):
    """Muster itself failed where a cloud was asked: nobody knows what it would have said."""


class AdapterFailures:
    """What went wrong so far, each with its reference; logged the first time, not at every repetition."""

    def __init__(self) -> None:
        self._references: dict[str, str] = {}

    def said(self, over: str, error: Exception) -> AdapterFailed:
        """What people are told of an error that nobody named; never its text, which may hold anything.

        Args:
            over: what was being done, as people say it.
            error: what was raised.
        """
        frames = traceback.extract_tb(error.__traceback__)
        kind = type(error).__name__
        where = f"{over} {kind} {frames[-1].filename}:{frames[-1].lineno}" if frames else f"{over} {kind}"
        reference = self._references.get(where)
        if reference is None:
            reference = self._references[where] = secrets.token_hex(4)
            log.error("muster stumbled", reference=reference, over=over, exc_info=error)
        return AdapterFailed(
            f"Muster stumbled over {over} ({kind}).",
            remedy=f"Look into Muster's log for the reference {reference} and report it.",
        )


class GuardedCloud:
    """A cloud whose every call ends as the port says, however its adapter is made.

    Args:
        cloud: the adapter.
        failures: where what it stumbles over is kept.
    """

    def __init__(self, cloud: AnyCloud, failures: AdapterFailures) -> None:
        self.name = cloud.name
        self.actions = cloud.actions
        self.concurrency = cloud.concurrency
        self.rate = cloud.rate
        self.poll = cloud.poll
        self.deadline = cloud.deadline
        self._cloud = cloud
        self._failures = failures

    async def hosts(self, matching: str, *, limit: int) -> Sequence[Host]:
        """See `bot.domain.cloud.Cloud`."""
        try:
            return await self._cloud.hosts(matching, limit=limit)
        except CloudError:
            raise
        except Exception as error:
            raise self._failures.said(f"the list of hosts of {self.name}", error) from error

    async def survey(self, request: Request, books: Books = NO_BOOKS) -> Any:
        """See `bot.domain.cloud.Cloud`."""
        try:
            return await self._cloud.survey(request, books)
        except CloudError:
            raise
        except Exception as error:
            raise self._failures.said(f"the survey of {request.host_name}", error) from error

    def plan(self, request: Request, survey: Any) -> Plan:
        """See `bot.domain.cloud.Cloud`.

        Raises:
            AdapterFailed
            NotSupported: two of its steps could not be told apart.
        """
        try:
            made = self._cloud.plan(request, survey)
        except CloudError:
            raise
        except Exception as error:
            raise self._failures.said(f"the plan for {request.host_name}", error) from error
        if doubled := listed(made.doubled_keys, most=3):
            raise NotSupported(
                f"The plan for {request.host_name} has several steps of one key ({doubled}), so it is not to be used.",
                remedy=f"That is a fault in Muster's part for {self.name}: report it with this sentence.",
            )
        return made

    async def look(self, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:
        """See `bot.domain.cloud.Cloud`."""
        try:
            return await self._cloud.look(steps)
        except CloudError:
            raise
        except Exception as error:
            raise self._failures.said(f"a look at {self.name}", error) from error

    async def find(self, last: Mapping[VmId, str]) -> Sequence[VmPlace]:
        """See `bot.domain.abilities.FindsVms`; nothing of any where the cloud cannot be asked."""
        if not isinstance(self._cloud, FindsVms):
            return ()
        try:
            return await self._cloud.find(last)
        except CloudError:
            raise
        except Exception as error:
            raise self._failures.said(f"a search of VMs in {self.name}", error) from error

    async def start(self, step: Step) -> Receipt:
        """See `bot.domain.cloud.Cloud`."""
        try:
            return await self._cloud.start(step)
        except CloudError:
            raise
        except Exception as error:
            raise self._failures.said(f"the start of “{step.title}”", error) from error

    async def check(self) -> Sequence[str]:
        """See `bot.domain.cloud.Cloud`."""
        return await self._cloud.check()

    async def aclose(self) -> None:
        """See `bot.domain.cloud.Cloud`."""
        await self._cloud.aclose()
