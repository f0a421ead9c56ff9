"""The installed app as the workspace knows it: its commands, shortcuts, events and granted scopes,
as a manifest declares them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.workspace.state import Message

SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:read",
        "chat:write",
        "chat:write.public",
        "commands",
        "files:write",
        "groups:read",
        "im:write",
        "reactions:write",
        "usergroups:read",
        "users:read",
    }
)
"""What an app of this kind is granted when its whole manifest is installed."""


@dataclass(frozen=True)
class InstalledApp:
    """The app as it is installed: its scopes, commands and events.

    `should_escape` turns typed names in commands into references; `home` tells whether
    there is a Home tab. `shortcuts` are those on messages: callback_ids by name.
    `organization` is the one to the whole of which the app is installed, "" for the
    workspace alone.
    """

    scopes: frozenset[str] = SCOPES
    commands: frozenset[str] = frozenset({"/mesh"})
    events: frozenset[str] = frozenset({"app_home_opened", "app_mention", "member_joined_channel"})
    should_escape: bool = False
    home: bool = True
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    organization: str = ""
    usage: Mapping[str, str] = field(default_factory=dict)
    """Each command's usage hint, as Slack shows it while the command is typed."""

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any]) -> InstalledApp:
        """Build the app from a parsed Slack app manifest (schema v2), with every scope granted."""
        features = manifest.get("features", {})
        commands = features.get("slash_commands", [])
        home = features.get("app_home", {}).get("home_tab_enabled", False)
        events = manifest.get("settings", {}).get("event_subscriptions", {}).get("bot_events", [])
        return cls(
            scopes=frozenset(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", [])),
            commands=frozenset(command["command"] for command in commands),
            events=frozenset(events),
            home=bool(home),
            # The others, of the type global, belong to no message.
            shortcuts={
                shortcut["name"]: shortcut["callback_id"]
                for shortcut in features.get("shortcuts", [])
                if shortcut["type"] == "message"
            },
            usage={
                command["command"]: str(command.get("usage_hint") or "") for command in commands
            },
            should_escape=any(command.get("should_escape", False) for command in commands),
        )


def list_message_shortcuts(app: InstalledApp, message: Message) -> tuple[str, ...]:
    """Return the names of the app's shortcuts that the menu of a message offers.

    A message that only one person sees has none.
    """
    return () if message.ephemeral_to else tuple(app.shortcuts)
