"""Holds what the clouds saw against the audit: nothing changes without a recorded approval of what was executed."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.simulated.records import LoggedCall


@dataclass
class _Story:
    """What the audit says of one operation so far."""

    requester: str = ""
    votes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    alone: set[str] = field(default_factory=set)  #: digests for which glass was broken
    vouched: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """Who vouched, by digest and sentence."""
    asked: dict[str, list[str]] = field(default_factory=dict)  #: what two people must vouch for, by digest
    started: bool = False


def complaints(database: Path, calls: Sequence[LoggedCall]) -> list[str]:
    """What the clouds were asked to change without the audit saying who approved it.

    Args:
        database: the bot's, which need not exist.
        calls: the mutating calls that the clouds saw, oldest first.
    """
    found: list[str] = []
    intents: list[tuple[datetime, str]] = []
    stories: dict[str, _Story] = defaultdict(_Story)
    for at, operation, actor, event, facts in _audit(database):
        story = stories[operation]
        if event in {"requested", "approval requested"}:
            story.requester = actor
        elif event in {"vote", "approved"}:
            story.votes[facts["digest"]] |= {actor} - {""}
        elif event in {"approval asked for", "plan changed"}:
            story.asked[facts["digest"]] = facts["vouches"]
        elif event == "vouched":
            story.vouched[facts["digest"], facts["sentence"]].add(actor)
        elif event == "glass broken":
            story.alone.add(facts["digest"])
        elif event == "started":
            story.started = True
            digest = facts["approved_digest"]
            if digest not in story.alone and not story.votes[digest] - {story.requester}:
                found.append(f"{operation} started the plan {digest[:8]} that nobody else approved")
            alone = [s for s in story.asked.get(digest, ()) if len(story.vouched[digest, s]) < 2]
            found += [f"{operation} started though no two people vouched for this: {s}" for s in alone]
            if facts["digest"] != digest and not facts["shrunk"]:
                found.append(f"{operation} started another plan than was approved, and did not say how it differs")
        elif event == "step intent":
            if not story.started:
                found.append(f"{operation}: {facts['step']} was begun before the operation was started")
            intents.append((at, facts["target"]))
    for nth, call in enumerate(calls, start=1):
        before = [target for at, target in intents if at <= call.at]
        if nth > len(before):
            found.append(f"{call.method} {call.path} came as change {nth}, but only {len(before)} were intended")
        parts = call.path.split("/")
        if parts[-1] == "ComputerSystem.Reset" and parts[-3] not in before:
            found.append(f"{call.method} {call.path}: nobody intended to touch the power of that machine")
        if "servers" in parts and parts[parts.index("servers") + 1] not in before:
            found.append(f"{call.method} {call.path}: nobody intended anything for that server")
    return found


def _audit(database: Path) -> list[tuple[datetime, str, str, str, dict[str, Any]]]:
    if not database.exists():
        return []
    connection = sqlite3.connect(database)
    try:
        query = "SELECT at, operation_id, actor, event, facts FROM audit ORDER BY seq"
        rows = connection.execute(query).fetchall()
    finally:
        connection.close()
    return [(_moment(at), op or "", actor or "", event, json.loads(facts)) for at, op, actor, event, facts in rows]


def _moment(stored: str) -> datetime:
    moment = datetime.fromisoformat(stored)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
