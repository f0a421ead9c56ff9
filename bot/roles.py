"""Roles of users, from user ids and Slack user groups."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection

from bot.errors import MeshbotError
from bot.steps import Caller, Role
from bot.text import Listed, Text

log = logging.getLogger(__name__)

Members = Callable[[str], Awaitable[Collection[str]]]
"""Gives the user ids in a user group; raises MeshbotError when the chat does not say."""

FRESH = 300.0
"""Seconds that a group's members are remembered (Slack allows about 20 such calls a minute)."""


class Roles:
    """Reads roles from ids first and groups after.

    A group that cannot be read grants nothing, and `why` says so.
    """

    def __init__(
        self,
        *,
        users: dict[Role, Collection[str]],
        groups: dict[Role, Collection[str]],
        members: Members,
    ) -> None:
        self._users, self._groups, self._members = users, groups, members
        self._seen: dict[str, tuple[float, frozenset[str]]] = {}

    async def get_caller(self, user: str) -> Caller:
        """Return that user with their highest role, and why they have it."""
        admins = self._list_ids_with_role(Role.ADMIN)
        hosts = tuple(dict.fromkeys([*self._list_ids_with_role(Role.HOST), *admins]))
        unread: list[str] = []
        for role in (Role.ADMIN, Role.HOST):
            if user in self._users.get(role, ()):
                return Caller(
                    user,
                    role,
                    hosts,
                    Text("your user id is among the {role}s in the settings", role=role),
                    admins,
                )
            for group in self._groups.get(role, ()):
                try:
                    if user in await self._read_group_members(group):
                        return Caller(
                            user,
                            role,
                            hosts,
                            Text("you are in the user group {group}", group=group),
                            admins,
                        )
                except MeshbotError as problem:
                    log.warning("user group %s could not be read: %s", group, problem)
                    unread.append(group)
        why = Text("everyone in the channel is an attendee")
        if unread:
            why = Text(
                "everyone in the channel is an attendee; groups {groups} could not be read",
                groups=Listed(unread, "comma"),
            )
        return Caller(user, Role.ATTENDEE, hosts, why, admins, unsure=bool(unread))

    def _list_ids_with_role(self, role: Role) -> tuple[str, ...]:
        """Return the ids of users, then of groups, that the settings give this role."""
        return (*self._users.get(role, ()), *self._groups.get(role, ()))

    async def _read_group_members(self, group: str) -> frozenset[str]:
        known = self._seen.get(group)
        if known is not None and time.monotonic() - known[0] < FRESH:
            return known[1]
        members = frozenset(await self._members(group))
        self._seen[group] = (time.monotonic(), members)
        return members
