"""One call of a Web API method, and the facts about a method that are checked before it
runs.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sandbox.workspace.core import Core
from sandbox.workspace.refusals import Refusal
from sandbox.workspace.state import Channel, State, User

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

    def get_required(self, name: str) -> str:
        """Return a string argument.

        Raises Refusal when it is missing or empty.
        """
        value = self.args.get(name)
        if not isinstance(value, str) or not value:
            raise Refusal(
                "invalid_arguments",
                response_metadata={"messages": [f"[ERROR] missing required field: {name}"]},
            )
        return value

    def get_flag(self, name: str) -> bool:
        """Return a boolean argument, which clients send as true, "true" or "1"."""
        return str(self.args.get(name, "")).lower() in ("1", "true")

    def get_channel(self, *, by_name: bool = False) -> Channel:
        """Return the channel argument.

        Raises Refusal; a private channel that the bot is not in does not exist for it.
        """
        name = self.get_required("channel")
        found = self.state.channels.get(name)
        if found is None and by_name:
            found = self.state.find_channel(name)
        if found is None or (found.is_private and self.core.bot.id not in found.members):
            raise Refusal("channel_not_found")
        return found

    def get_user(self, name: str = "user") -> User:
        """Return the user argument.

        Raises Refusal for an unknown one.
        """
        found = self.state.users.get(self.get_required(name))
        if found is None:
            raise Refusal("user_not_found")
        return found

    def paginate(self, key: str, items: list[Json], *, most: int = 1000) -> Json:
        """Return one page of a list by the arguments `limit` and `cursor`.

        Raises Refusal for a bad cursor.
        """
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
    """A Web API method: what runs it, the scope it needs, its rate tier (0: none) and the tokens it
    takes."""

    run: Callable[[Call], Awaitable[Json]]
    scope: str = ""
    tier: int = 0
    tokens: tuple[str, ...] = ("bot",)
