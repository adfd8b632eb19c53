"""The steps that give volumes and backups a new manager: a `cinder-manage` command each, and what Cinder shows of it.

The lists are the truth, for the command says nothing whatever it did. It writes record after record, so it may be found
half done; run again with the same two names it moves the rest, and once nothing bears the old name it moves nothing.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from adapters.openstack.model.handover import Handover
from adapters.openstack.model.names import natural
from adapters.openstack.model.resources import Backup, Service, Volume, host_of
from adapters.openstack.settings import CinderSettings
from adapters.openstack.steps.family import Access, Family
from adapters.openstack.survey import storage
from adapters.openstack.wire.cinder_manage import LONGEST, CommandRunner
from adapters.openstack.wire.session import Session
from bot.domain.cloud import NotSupported, Request, Seen, Sighting
from bot.domain.counting import counted, listed
from bot.domain.plans.plan import By, PlannedStep, Receipt, Step
from bot.domain.values import Action, Facts, Json, StepKey

REHOME_VOLUMES, REHOME_SERVICE, REHOME_BACKUPS = "rehome-volumes", "rehome-service", "rehome-backups"
REHOMED = "verify-rehomed"  #: brought about by those

PHASE = "Re-home volumes"
_PATIENCE = timedelta(minutes=5)
_BY_HAND = timedelta(hours=2)  #: for a person to find a controller and run a command there
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


def away(request: Request, found: Sequence[Handover], cinder: CinderSettings) -> tuple[PlannedStep, ...]:
    """One step for each command, one after the other, and one that sees that nothing is left with the host.

    Each follows the last: a name without a pool must come after those with one, and a count before and after says
    something only while nothing else is moved.
    """
    made = commands(request, found, cinder)
    if not made:
        return ()
    made = tuple(replace(step, undone_by=Action.REHOME) for step in made)
    return (*made, replace(_nothing_left(request, found), follows=made[-1].key))


def commands(request: Request, found: Sequence[Handover], cinder: CinderSettings) -> tuple[PlannedStep, ...]:
    """One step for each command, each following the last."""
    going = [move for move in found if move.new]
    if cinder.by is None or not going:
        return ()
    volumes = [v for move in going for v in move.volumes]
    made = [_of_pool(request, move, cinder) for move in going if not move.is_of_backups]
    if was := sorted({v.service for v in volumes if v.service}):
        made.append(_of_service(request, going, was, cinder))
    made += [_of_host(request, move, cinder) for move in going if move.is_of_backups]
    follows = [None, *(step.key for step in made)]
    return tuple(replace(step, follows=before) for step, before in zip(made, follows, strict=False))


def _of_pool(request: Request, move: Handover, cinder: CinderSettings) -> PlannedStep:
    number = counted(len(move.volumes), "volume")
    return _command(
        REHOME_VOLUMES,
        move.old,
        f"give {number} of {move.old} to {move.new}",
        ("volume", "update_host", "--currenthost", move.old, "--newhost", move.new),
        cinder,
        {"host": request.host, "old": move.old, "new": move.new, "volumes": sorted(v.id for v in move.volumes)},
    )


def _of_service(request: Request, going: Sequence[Handover], was: Sequence[str], cinder: CinderSettings) -> PlannedStep:
    """`update_host` leaves the record's service as it was."""
    return _command(
        REHOME_SERVICE,
        request.host,
        "enter the new service into the records of the volumes",
        ("volume", "update_service"),
        cinder,
        {
            "host": request.host,
            "was": list(was),
            "new": sorted({m.new for m in going if m.volumes}),
            "volumes": sorted(v.id for m in going for v in m.volumes),
        },
    )


def _of_host(request: Request, move: Handover, cinder: CinderSettings) -> PlannedStep:
    backups = None if move.backups is None else sorted(b.id for b in move.backups)
    return _command(
        REHOME_BACKUPS,
        move.old,
        f"give the backups of {move.old} to {move.new}",
        ("backup", "update_backup_host", "--currenthost", move.old, "--newhost", move.new),
        cinder,
        {"host": request.host, "old": move.old, "new": move.new, "backups": backups},
    )


def _nothing_left(request: Request, found: Sequence[Handover]) -> PlannedStep:
    names = sorted({host_of(m.old) for m in found} - {request.host})  # where Cinder calls it otherwise than Nova
    return PlannedStep(
        key=StepKey(f"{REHOMED}:{request.host}"),
        phase=PHASE,
        verb=REHOMED,
        target=request.host,
        title=f"verify that no volume is left with {request.host}",
        by=By.CLOUD,
        arguments={
            "host": request.host,
            "stay": sorted(v.id for m in found if not m.new for v in m.volumes),
            **({"names": list(names)} if names else {}),
        },
        essential=True,
        patience=_PATIENCE,
    )


def _command(
    verb: str, target: str, title: str, words: tuple[str, ...], cinder: CinderSettings, arguments: Mapping[str, Json]
) -> PlannedStep:
    by_hand = cinder.by is By.PERSON
    return PlannedStep(
        key=StepKey(f"{verb}:{target}"),
        phase=PHASE,
        verb=verb,
        target=target,
        title=title,
        by=By.PERSON if by_hand else By.MUSTER,
        command=shlex.join((*cinder.command, *words)) if by_hand else "",
        arguments={**arguments, "command": [*cinder.command, *words]},
        essential=True,
        patience=_BY_HAND if by_hand else _PATIENCE,
        quiet=timedelta(seconds=LONGEST + 30),
    )


async def start(access: Access, step: Step) -> Receipt:
    """Run the one command of a step.

    Raises:
        NotSupported: it is not Muster's to run.
        Refused: it was not run, or it ended with an error; a look says how far it came.
        Unreachable: nobody knows.
    """
    if access.runner is None or step.by is not By.MUSTER:
        raise NotSupported(f"This cloud's settings do not let Muster {step.title}.")
    words = _words(step.arguments, "command")
    await access.runner.run(words, doing=step.title)
    return Receipt(facts={"ran": shlex.join(words), "where": access.runner.where})


async def look(access: Access, host: str, steps: Sequence[Step]) -> Mapping[StepKey, Sighting]:  # noqa: ARG001
    """What is seen of each step, by a list for each name and one of the services.

    Raises:
        Refused, Unreachable: could not ask.
    """
    lists = await _read(access.session, access.runner, steps)
    return {step.key: _JUDGES[step.verb](step, lists) for step in steps}


async def _read(session: Session, runner: CommandRunner | None, steps: Sequence[Step]) -> Lists:
    names = {name for step in steps for name in _names(step)}
    asks_backups = runner is not None and any(s.verb == REHOME_BACKUPS for s in steps)
    volumes = {v.id: v for name in sorted(names) for v in await storage.volumes_of(session, name)}
    ends = [s for s in steps if s.verb == REHOMED and not _left(s, volumes.values())]
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
    if step.verb == REHOME_VOLUMES:
        return [str(said["old"]), str(said["new"])]
    if step.verb == REHOME_SERVICE:
        return _words(said, "new")
    if step.verb == REHOMED:
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
    REHOME_VOLUMES: of_volumes,
    REHOME_SERVICE: of_service,
    REHOME_BACKUPS: of_backups,
    REHOMED: of_host,
}

FAMILY = Family(
    starts={**dict.fromkeys((REHOME_VOLUMES, REHOME_SERVICE, REHOME_BACKUPS), start), REHOMED: None}, look=look
)
