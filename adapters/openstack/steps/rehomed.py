"""What Cinder shows about the steps that give volumes and backups a new manager.

The lists are the truth, for the command says nothing whatever it did. It writes record after record, so it may be found
half done; run again with the same two names it moves the rest, and once nothing bears the old name it moves nothing.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from adapters.openstack.model.names import natural
from adapters.openstack.model.resources import Backup, Service, Volume
from adapters.openstack.steps import verbs
from adapters.openstack.survey import storage
from adapters.openstack.wire.cinder_manage import CommandRunner
from adapters.openstack.wire.session import Session
from bot.domain.cloud import NotSupported, Seen, Sighting
from bot.domain.counting import counted, listed
from bot.domain.plans.plan import By, Receipt, Step
from bot.domain.values import Facts, StepKey

_NAMED = 5
_READ = (
    "Read the lists (`cinder list --all --filters host=…`, `cinder service-list`), put it right by hand, then retry."
)
_ANEW = "Nothing was run for it. Cancel, and ask again for a plan of what is there now."


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What was read for a look."""

    volumes: Mapping[str, Volume]  #: by id
    services: Sequence[Service] = ()
    backups: Sequence[Backup] | None = field(default=None)  #: None: nobody could tell, or nobody asked

    def managed_by(self, name: str) -> dict[str, Volume]:
        """The volumes that stand under exactly this name, and under nobody else's care."""
        return {v.id: v for v in self.volumes.values() if v.manager == name and not v.is_clustered}

    def is_able(self, name: str, binary: str) -> bool:
        """Whether the service of a manager's name is there, up and enabled."""
        service = name.partition("#")[0]
        return any(s.host == service and s.binary == binary and s.is_up and s.is_enabled for s in self.services)


async def at(session: Session, runner: CommandRunner | None, steps: Sequence[Step]) -> dict[StepKey, Sighting]:
    """What is seen of each step, by a list for each name and one of the services.

    Raises:
        Refused, Unreachable: could not ask.
    """
    if not steps:
        return {}
    lists = await _read(session, runner, steps)
    return {step.key: _JUDGES[step.verb](step, lists) for step in steps}


async def start(step: Step, runner: CommandRunner | None) -> Receipt:
    """Run the one command of a step.

    Raises:
        NotSupported: it has none, or it is not Muster's to run.
        Refused: it was not run, or it ended with an error; a look says how far it came.
        Unreachable: nobody knows.
    """
    if runner is None or step.by is not By.MUSTER:
        raise NotSupported(f"This cloud's settings do not let Muster {step.title}.")
    words = _words(step.arguments, "command")
    await runner.run(words, doing=step.title)
    return Receipt(facts={"ran": shlex.join(words), "where": runner.where})


async def _read(session: Session, runner: CommandRunner | None, steps: Sequence[Step]) -> Lists:
    names = {name for step in steps for name in _names(step)}
    asks_backups = runner is not None and any(s.verb == verbs.REHOME_BACKUPS for s in steps)
    volumes = {v.id: v for name in sorted(names) for v in await storage.volumes_of(session, name)}
    ends = [s for s in steps if s.verb == verbs.REHOMED and not _left(s, volumes.values())]
    for host in {str(s.arguments["host"]) for s in ends}:  # what a list does not show is no proof
        volumes |= {v.id: v for v in await storage.picked_for(session, host)}
    return Lists(
        volumes=volumes,
        services=await storage.services_of(session),
        backups=await storage.backups_of(runner) if asks_backups and runner is not None else None,
    )


def _names(step: Step) -> list[str]:
    """The managers whose volumes a step is about."""
    said = step.arguments
    match step.verb:
        case verbs.REHOME_VOLUMES:
            return [str(said["old"]), str(said["new"])]
        case verbs.REHOME_SERVICE:
            return _words(said, "new")
        case verbs.REHOMED:
            return [str(said["host"]), *(_words(said, "names") if "names" in said else ())]
    return []


def _words(said: Facts, name: str) -> list[str]:
    value = said[name]
    return [str(word) for word in value] if isinstance(value, list | tuple) else []


def of_volumes(step: Step, lists: Lists) -> Sighting:
    """A pool's volumes: none with the old manager, all of those that were approved with the new one."""
    old, new = str(step.arguments["old"]), str(step.arguments["new"])
    left, there = lists.managed_by(old), lists.managed_by(new)
    return _moved(
        step,
        {id: v.name for id, v in left.items()},
        {id: v.name for id, v in there.items()},
        approved=set(_words(step.arguments, "volumes")),
        what="volumes",
        is_able=lists.is_able(new, "cinder-volume"),
    )


def of_backups(step: Step, lists: Lists) -> Sighting:
    """A host's backups; where Muster cannot read whose they are, a person's word must do."""
    old, new = str(step.arguments["old"]), str(step.arguments["new"])
    if lists.backups is None:
        if step.receipt is None:
            return Sighting(seen=Seen.NEVER_STARTED, sentence=f"Nobody has said that they are with {new}.")
        sentence = f"They are with {new}, as was said: Cinder's REST API does not show whose a backup is."
        return Sighting(seen=Seen.DONE, sentence=sentence)
    return _moved(
        step,
        {b.id: b.name for b in lists.backups if b.host == old},
        {b.id: b.name for b in lists.backups if b.host == new},
        approved=set(_words(step.arguments, "backups")),
        what="backups",
        is_able=lists.is_able(new, "cinder-backup"),
    )


def _moved(
    step: Step, left: Mapping[str, str], there: Mapping[str, str], *, approved: set[str], what: str, is_able: bool
) -> Sighting:
    """Judge a move by the names of what is left with the old manager and what is there with the new one."""
    old, new = str(step.arguments["old"]), str(step.arguments["new"])
    mark: Facts = {"left": len(left), "there": len(there)}
    arrived = approved & there.keys()
    if not left and len(arrived) < len(approved):
        return Sighting(
            seen=Seen.UNCLEAR,
            sentence=f"{len(approved) - len(arrived)} {what} are neither with {old} nor with {new}: somebody moved or"
            " deleted them.",
            remedy=_READ,
            mark=mark,
        )
    if not left:
        before = step.before["there"] if step.before else None
        counted = f" ({before} before, {len(there)} now)" if before is not None else f" ({len(there)} now)"
        return Sighting(seen=Seen.DONE, sentence=f"None is left with {old}; they are with {new}{counted}.", mark=mark)
    still = f"{len(left)} {what} are still with {old}: {_named(left)}"
    if strange := {id: name for id, name in left.items() if id not in approved}:
        return Sighting(
            seen=Seen.FAILED,
            sentence=f"{len(strange)} {what} came to {old} after the approval: {_named(strange)}.",
            remedy=_ANEW,
            mark=mark,
        )
    if not is_able:
        return Sighting(
            seen=Seen.FAILED, sentence=f"{new} is not up and enabled any more; {still}.", remedy=_ANEW, mark=mark
        )
    begun = bool(arrived) and step.before is not None
    if step.by is By.MUSTER and (begun or step.receipt is not None):
        ended = "`cinder-manage` ended well, yet " if step.receipt is not None else ""
        return Sighting(
            seen=Seen.UNDERWAY,
            sentence=f"{ended}{still}.",
            remedy="See that it works on the database of this Cinder (cinder.conf), then retry: that moves the rest.",
            movement=f"{len(left)} left",
            progress=len(arrived) / len(approved),
            mark=mark,
        )
    said = "It was said to be done, but " if step.receipt is not None else ""
    return Sighting(seen=Seen.NEVER_STARTED, sentence=f"{said}{still}.", movement=f"{len(left)} left", mark=mark)


def of_service(step: Step, lists: Lists) -> Sighting:
    """The service in the records: that of the volumes that the new manager had, or at least not the old one."""
    moved = set(_words(step.arguments, "volumes"))
    there = [v for name in _words(step.arguments, "new") for v in lists.managed_by(name).values() if v.service]
    mine = {v.service for v in there if v.id in moved}
    own = {v.service for v in there if v.id not in moved}
    several = len({name.partition("#")[0] for name in _words(step.arguments, "new")})
    is_done = len(mine | own) <= several if own else not mine & set(_words(step.arguments, "was"))
    if is_done:
        return Sighting(seen=Seen.DONE, sentence="The records of the volumes name their new service.")
    sentence = "The records of the volumes still name their old service."
    if step.receipt is None:
        return Sighting(seen=Seen.NEVER_STARTED, sentence=sentence)
    return Sighting(
        seen=Seen.UNDERWAY if step.by is By.MUSTER else Seen.NEVER_STARTED,
        sentence=f"The command is said to have ended well. {sentence}",
        remedy=_READ,
    )


def of_host(step: Step, lists: Lists) -> Sighting:
    """That nothing is left with a host but what was to stay: no list of it shows any, and neither does that of all."""
    host, stay = str(step.arguments["host"]), _words(step.arguments, "stay")
    left = _left(step, lists.volumes.values())
    if not left:
        rest = f" but the {len(stay):,} that {'stays' if len(stay) == 1 else 'stay'}" if stay else ""
        return Sighting(seen=Seen.DONE, sentence=f"{host} manages no volume{rest}.")
    return Sighting(
        seen=Seen.FAILED,
        sentence=f"{counted(len(left), 'volume is', 'volumes are')} with {host}: {_named(left)}.",
        remedy=_ANEW,
    )


def _left(step: Step, volumes: Iterable[Volume]) -> dict[str, str]:
    """What should have left the host of a step, by id."""
    stay = set(_words(step.arguments, "stay"))
    return {v.id: v.name for v in volumes if not v.is_clustered and v.id not in stay}


def _named(named: Mapping[str, str]) -> str:
    return listed(sorted(named.values(), key=natural), most=_NAMED)


_JUDGES = {
    verbs.REHOME_VOLUMES: of_volumes,
    verbs.REHOME_SERVICE: of_service,
    verbs.REHOME_BACKUPS: of_backups,
    verbs.REHOMED: of_host,
}
