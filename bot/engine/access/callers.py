"""Resolves a user into a caller: their role, and what the access rules say of them."""

from __future__ import annotations

from dataclasses import dataclass

from bot.engine.access.policy import AccessPolicy
from bot.roles import Roles
from bot.steps import Caller


@dataclass(frozen=True)
class CallerResolver:
    """Resolves users by their roles and the access rules."""

    roles: Roles
    policy: AccessPolicy

    async def resolve_caller(self, user: str) -> Caller:
        """Return that user as a caller, with their role and what the access rules say of them."""
        return self.policy.complete_caller(await self.roles.get_caller(user))
