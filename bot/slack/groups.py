"""Members of Slack user groups, for roles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.calls import attempt


def members_of(client: AsyncWebClient) -> Callable[[str], Awaitable[Collection[str]]]:
    """Gives the user ids in a group (scope usergroups:read, about 20 calls a minute); raises SlackError."""

    async def members(group: str) -> Collection[str]:
        answer = await attempt("usergroups.users.list", client.usergroups_users_list(usergroup=group))
        return frozenset(str(user) for user in answer.get("users") or ())

    return members
