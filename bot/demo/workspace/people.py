"""Who is in the emulated workspace: team, users, user groups, channels, and the app itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NewType

Json = dict[str, Any]
UserId = NewType("UserId", str)

ENTERPRISE = "E0DEMO"
OTHER_TEAM = "T0ELSEWHERE"
DEFAULT_SCOPES: tuple[str, ...] = (
    "app_mentions:read",
    "channels:history",
    "channels:join",
    "channels:read",
    "chat:write",
    "commands",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "mpim:read",
    "pins:write",
    "reactions:write",
    "usergroups:read",
    "users:read",
    "users:read.email",
)


@dataclass(frozen=True, kw_only=True)
class Team:
    """The workspace's own name plate."""

    id: str
    domain: str
    name: str


@dataclass(frozen=True, kw_only=True)
class User:
    """One account, with the marks by which Slack tells people, guests, bots and strangers apart."""

    id: str
    name: str
    real_name: str
    team_id: str
    """The workspace that Slack names as theirs; "": it names none, as it may on Enterprise Grid."""
    teams: tuple[str, ...] = ()
    """On Enterprise Grid, all workspaces that they are a member of."""
    teams_in: Literal["enterprise_user", "teams"] = "enterprise_user"
    """Where the user object has them."""
    title: str = ""
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    deleted: bool = False
    tz: str = "Europe/Berlin"
    tz_offset: int = 3600

    @property
    def email(self) -> str:
        return f"{self.name}@example.com"

    def is_member_of(self, team: str) -> bool:
        """Whether the account belongs to that workspace, as its own or, on Enterprise Grid, as one of several."""
        return team in {self.team_id, *self.teams}

    def as_slack(self, *, home_team: str, with_email: bool) -> Json:
        """The user object of users.info. `with_email` follows the scope users:read.email."""
        profile: Json = {
            "avatar_hash": "g" + self.id.lower(),
            "status_text": "",
            "status_emoji": "",
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "display_name": self.name,
            "display_name_normalized": self.name,
            "title": self.title,
            "team": self.team_id,
        }
        if with_email and not self.is_bot:
            profile["email"] = self.email
        user: Json = {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "deleted": self.deleted,
            "profile": profile,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": 1_790_000_000,
        }
        if not self.team_id:
            del user["team_id"]
        if self.deleted:
            return user
        user |= self._on_grid() | {
            "color": "4bbe2e",
            "real_name": self.real_name,
            "tz": self.tz,
            "tz_label": self.tz,
            "tz_offset": self.tz_offset,
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": self.is_restricted or self.is_ultra_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_email_confirmed": True,
            "who_can_share_contact_card": "EVERYONE",
        }
        if not self.is_member_of(home_team):
            user["is_stranger"] = True
        return user

    def _on_grid(self) -> Json:
        """What the user object has on Enterprise Grid alone."""
        if not self.teams:
            return {}
        enterprise: Json = {"enterprise_id": ENTERPRISE, "teams": list(self.teams)}
        if self.teams_in == "teams":
            return enterprise
        marks = {"id": self.id, "enterprise_name": "Muster Demo Corporation", "is_admin": False, "is_owner": False}
        return {"enterprise_user": marks | enterprise}


@dataclass(frozen=True, kw_only=True)
class UserGroup:
    """A user group, mentioned as `<!subteam^ID>` and shown as `@handle`."""

    id: str
    handle: str
    name: str
    users: tuple[str, ...]
    disabled: bool = False

    def as_slack(self, *, team_id: str, with_users: bool, with_count: bool) -> Json:
        """The object of usergroups.list."""
        group: Json = {
            "id": self.id,
            "team_id": team_id,
            "is_usergroup": True,
            "is_subteam": True,
            "name": self.name,
            "description": "",
            "handle": self.handle,
            "is_external": False,
            "date_create": 1_790_000_000,
            "date_update": 1_790_000_000,
            "date_delete": 1_790_000_000 if self.disabled else 0,
            "auto_type": None,
            "created_by": self.users[0] if self.users else "",
            "updated_by": self.users[0] if self.users else "",
            "deleted_by": None,
            "prefs": {"channels": [], "groups": []},
        }
        if with_users:
            group["users"] = list(self.users)
        if with_count:
            group["user_count"] = len(self.users)
        return group


@dataclass(kw_only=True)
class Channel:
    """A public or private channel, or a direct conversation (`is_im`)."""

    id: str
    name: str
    members: set[str] = field(default_factory=set)
    is_private: bool = False
    is_im: bool = False
    is_archived: bool = False
    is_ext_shared: bool = False
    """Whether people of another organisation are in it (Slack Connect)."""
    topic: str = ""
    creator: str = "U0BOB"

    def as_slack(self, *, seen_by: str, team_id: str, with_count: bool = False) -> Json:
        """The conversation object. `seen_by` is the user on whose behalf it is asked for."""
        if self.is_im:
            other = next((member for member in sorted(self.members) if member != seen_by), seen_by)
            return {
                "id": self.id,
                "created": 1_790_000_000,
                "is_archived": False,
                "is_im": True,
                "is_org_shared": False,
                "user": other,
                "is_user_deleted": False,
                "priority": 0,
            }
        channel: Json = {
            "id": self.id,
            "name": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_im": False,
            "is_mpim": False,
            "is_private": self.is_private,
            "created": 1_790_000_000,
            "is_archived": self.is_archived,
            "is_general": False,
            "unlinked": 0,
            "name_normalized": self.name,
            "is_shared": self.is_ext_shared,
            "is_org_shared": False,
            "is_pending_ext_shared": False,
            "pending_shared": [],
            "context_team_id": team_id,
            "updated": 1_790_000_000_000,
            "creator": self.creator,
            "is_ext_shared": self.is_ext_shared,
            "shared_team_ids": [team_id, *([OTHER_TEAM] if self.is_ext_shared else [])],
            "is_member": seen_by in self.members,
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
            "previous_names": [],
        }
        if with_count:
            channel["num_members"] = len(self.members)
        return channel


@dataclass(frozen=True, kw_only=True)
class SlashCommand:
    """One command that the app has registered."""

    name: str
    description: str = ""
    usage_hint: str = ""
    should_escape: bool = True


@dataclass(frozen=True, kw_only=True)
class App:
    """The installed app: its ids, tokens, rights and commands."""

    id: str = "A0MUSTER"
    bot_user: str = "U0MUSTER"
    bot_id: str = "B0MUSTER"
    name: str = "Muster"
    bot_token: str = "xoxb-demo-muster"  # noqa: S105 - opens nothing but the emulator
    app_token: str = "xapp-demo-muster"  # noqa: S105 - opens nothing but the emulator
    signing_secret: str = "demo-signing-secret"  # noqa: S105 - opens nothing but the emulator
    verification_token: str = "demo-verification-token"  # noqa: S105 - opens nothing but the emulator
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    commands: tuple[SlashCommand, ...] = ()
    events: tuple[str, ...] = ("app_home_opened", "app_mention", "message.im", "subteam_members_changed", "user_change")
    home_tab: bool = True
    messages_read_only: bool = False
    """Whether people cannot write to the app directly."""
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    """Global shortcuts: callback id -> name in the menu."""

    def with_scopes(self, *scopes: str) -> "App":
        """The same app, installed with exactly these bot scopes."""
        return replace(self, scopes=scopes)
