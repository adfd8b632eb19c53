"""Modals and App Home: trigger ids, the stack of three, hashes, and what people have put in so far."""

import copy
import json
import secrets
from dataclasses import dataclass, field

from bot.demo.block_kit.blocks import filled, first_values, keep_values
from bot.demo.web_api.errors import ApiRefusal
from bot.demo.workspace.people import Json
from bot.demo.workspace.records import WorkspaceRecords

STACK_LIMIT = 3
VIEW_BYTES = 250_000


@dataclass(kw_only=True)
class View:
    """One open view of one user."""

    body: Json
    user: str
    errors: dict[str, str] = field(default_factory=dict)
    """What the last submission complained of, by block id."""
    notice: str = ""
    """What Slack itself says on the view when the app did not answer properly."""

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def callback_id(self) -> str:
        return str(self.body["callback_id"])

    @property
    def blocks(self) -> list[Json]:
        return list(self.body["blocks"])

    @property
    def title(self) -> str:
        return str(self.body["title"]["text"])

    @property
    def values(self) -> dict[str, dict[str, Json]]:
        """`state.values` as it stands."""
        found: dict[str, dict[str, Json]] = self.body["state"]["values"]
        return found

    @property
    def is_form(self) -> bool:
        """Whether it can be sent in."""
        return self.body["submit"] is not None

    def copied(self) -> "View":
        """A copy that later changes do not reach."""
        return copy.deepcopy(self)


@dataclass(kw_only=True)
class _Trigger:
    user: str
    issued: float
    used: bool = False


class ViewStack:
    """All views of the workspace's users."""

    def __init__(self, records: WorkspaceRecords) -> None:
        self._records = records
        self._triggers: dict[str, _Trigger] = {}
        self.modals: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.expire_next_triggers = 0
        """Fault: so many of the next trigger ids are too old when they are exchanged."""

    def issue_trigger(self, user: str) -> str:
        """A trigger id: it lives as long as Slack waits for an answer, for one use."""
        trigger = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**13)}.{secrets.token_hex(16)}"
        issued = self._records.seconds()
        if self.expire_next_triggers > 0:
            self.expire_next_triggers -= 1
            issued -= self._records.patience + 1
        self._triggers[trigger] = _Trigger(user=user, issued=issued)
        return trigger

    def exchange_trigger(self, trigger_id: str) -> str:
        """Whose trigger it is. Raises the Web API's error for an old, used or invented one."""
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise ApiRefusal("invalid_trigger_id")
        if trigger.used:
            raise ApiRefusal("exchanged_trigger_id")
        if self._records.seconds() - trigger.issued > self._records.patience:
            raise ApiRefusal("expired_trigger_id")
        trigger.used = True
        return trigger.user

    def check_size(self, view: Json) -> None:
        """Refuse a view of more than 250 kB."""
        if len(json.dumps(view).encode()) > VIEW_BYTES:
            raise ApiRefusal("view_too_large")

    def _body(self, view: Json, *, view_id: str, root: str, previous: str | None, old: View | None) -> Json:
        blocks = filled(view["blocks"])
        values = keep_values(old.values, blocks) if old else first_values(blocks)
        return {
            "id": view_id,
            "team_id": self._records.team.id,
            "type": view["type"],
            "blocks": blocks,
            "private_metadata": view.get("private_metadata") or "",
            "callback_id": view.get("callback_id") or "",
            "state": {"values": values},
            "hash": f"{int(self._records.seconds())}.{secrets.token_urlsafe(6)[:8]}",
            "title": {"emoji": True, **(view.get("title") or {"type": "plain_text", "text": "View Title"})},
            "clear_on_close": bool(view.get("clear_on_close")),
            "notify_on_close": bool(view.get("notify_on_close")),
            "close": {"emoji": True, **view["close"]} if view.get("close") else None,
            "submit": {"emoji": True, **view["submit"]} if view.get("submit") else None,
            "previous_view_id": previous,
            "root_view_id": root,
            "app_id": self._records.app.id,
            "external_id": view.get("external_id") or "",
            "app_installed_team_id": self._records.team.id,
            "bot_id": self._records.app.bot_id,
        }

    def _check_external_id(self, view: Json, *, but: View | None = None) -> None:
        wanted = view.get("external_id")
        if wanted and any(v.body["external_id"] == wanted for v in self._all() if v is not but):
            raise ApiRefusal("duplicate_external_id")

    def _all(self) -> list[View]:
        return [view for stack in self.modals.values() for view in stack] + list(self.homes.values())

    def open(self, user: str, view: Json) -> View:
        """Show a new modal; one that was open is put away."""
        self._check_external_id(view)
        new_id = "V0" + secrets.token_hex(5).upper()
        opened = View(body=self._body(view, view_id=new_id, root=new_id, previous=None, old=None), user=user)
        self.modals[user] = [opened]
        self._records.changed()
        return opened

    def push(self, user: str, view: Json) -> View:
        """Put a modal upon the one that is open."""
        stack = self.modals.get(user) or []
        if not stack:
            raise ApiRefusal("not_found")
        if len(stack) >= STACK_LIMIT:
            raise ApiRefusal("push_limit_reached")
        self._check_external_id(view)
        new_id = "V0" + secrets.token_hex(5).upper()
        body = self._body(view, view_id=new_id, root=stack[0].id, previous=stack[-1].id, old=None)
        stack.append(View(body=body, user=user))
        self._records.changed()
        return stack[-1]

    def find(self, *, view_id: str | None = None, external_id: str | None = None) -> View:
        """The open view with that id. Raises the Web API's not_found."""
        for view in self._all():
            if (view_id and view.id == view_id) or (external_id and view.body["external_id"] == external_id):
                return view
        raise ApiRefusal("not_found")

    def update(self, view: View, new: Json, *, hash_: str | None = None) -> View:
        """Rewrite an open view. `hash_` is what the writer believes it to be at."""
        if hash_ and hash_ != view.body["hash"]:
            raise ApiRefusal("hash_conflict")
        self._check_external_id(new, but=view)
        root, previous = view.body["root_view_id"], view.body["previous_view_id"]
        view.body = self._body(new, view_id=view.id, root=root, previous=previous, old=view)
        view.errors, view.notice = {}, ""
        self._records.changed()
        return view

    def publish(self, user: str, view: Json, *, hash_: str | None = None) -> View:
        """Write the App Home of one user."""
        old = self.homes.get(user)
        if hash_ and (old is None or hash_ != old.body["hash"]):
            raise ApiRefusal("hash_conflict")
        self._check_external_id(view, but=old)
        view_id = old.id if old else "V0" + secrets.token_hex(5).upper()
        self.homes[user] = View(body=self._body(view, view_id=view_id, root=view_id, previous=None, old=old), user=user)
        self._records.changed()
        return self.homes[user]

    def top(self, user: str) -> View | None:
        """The modal that the user looks at."""
        stack = self.modals.get(user) or []
        return stack[-1] if stack else None

    def close_top(self, user: str) -> None:
        """Put the uppermost modal away; the one below shows again."""
        self.modals[user].pop()
        self._records.changed()

    def clear(self, user: str) -> None:
        """Put all modals of the user away."""
        self.modals[user] = []
        self._records.changed()
