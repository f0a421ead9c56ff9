"""One call of a Web API method, and what is known of a method before it runs."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bot.sandbox.workspace.core import Core
from bot.sandbox.workspace.refusals import Refusal
from bot.sandbox.workspace.state import Channel, State, User

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """The arguments of one call, and the workspace that it is made to."""

    core: Core
    args: Json

    @property
    def state(self) -> State:
        """The workspace's state."""
        return self.core.state

    def need(self, name: str) -> str:
        """A string argument that must be there."""
        value = self.args.get(name)
        if not isinstance(value, str) or not value:
            raise Refusal(
                "invalid_arguments", response_metadata={"messages": [f"[ERROR] missing required field: {name}"]}
            )
        return value

    def flag(self, name: str) -> bool:
        """A boolean argument, which clients send as true, "true" or "1"."""
        return str(self.args.get(name, "")).lower() in ("1", "true")

    def channel(self, *, by_name: bool = False) -> Channel:
        """The channel argument; a private one that the bot is not in does not exist for it."""
        name = self.need("channel")
        found = self.state.channels.get(name)
        if found is None and by_name:
            found = self.state.channel_named(name)
        if found is None or (found.is_private and self.core.bot.id not in found.members):
            raise Refusal("channel_not_found")
        return found

    def user(self, name: str = "user") -> User:
        """The user argument."""
        found = self.state.users.get(self.need(name))
        if found is None:
            raise Refusal("user_not_found")
        return found

    def page(self, key: str, items: list[Json], *, most: int = 1000) -> Json:
        """One page of a list by `limit` and `cursor`."""
        try:
            limit = int(self.args.get("limit") or 100)
            start = int(base64.b64decode(self.args.get("cursor") or "MA=="))
        except ValueError as error:
            raise Refusal("invalid_cursor") from error
        end = start + max(1, min(limit, most))
        cursor = base64.b64encode(str(end).encode()).decode() if end < len(items) else ""
        return {key: items[start:end], "response_metadata": {"next_cursor": cursor}}


@dataclass(frozen=True)
class Method:
    """A Web API method: what runs it, the scope it needs, its rate tier (0: none) and the tokens it takes."""

    run: Callable[[Call], Awaitable[Json]]
    scope: str = ""
    tier: int = 0
    tokens: tuple[str, ...] = ("bot",)
