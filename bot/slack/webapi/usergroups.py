"""Members of Slack user groups, for roles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection

from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.webapi.errors import await_slack_call


def build_member_lookup(client: AsyncWebClient) -> Callable[[str], Awaitable[Collection[str]]]:
    """Build a function that returns the user ids in a group.

    The function needs the scope usergroups:read, allows about 20 calls a minute, and raises
    SlackError.
    """

    async def members(group: str) -> Collection[str]:
        answer = await await_slack_call(
            "usergroups.users.list", client.usergroups_users_list(usergroup=group)
        )
        return frozenset(str(user) for user in answer.get("users") or ())

    return members
