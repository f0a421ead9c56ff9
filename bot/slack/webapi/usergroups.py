"""Members of Slack user groups, for roles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.slack.webapi.web_api_errors import await_slack_call

METHOD, ELSEWHERE = "usergroups.users.list", "no_such_subteam"


def build_member_lookup(
    client: AsyncWebClient, teams: Sequence[str]
) -> Callable[[str], Awaitable[Collection[str]]]:
    """Build a function that returns the user ids in a group of one of these workspaces.

    The function needs the scope usergroups:read, allows about 20 calls a minute, and raises
    SlackError.
    """

    async def members(group: str) -> Collection[str]:
        unknown = SlackError(ELSEWHERE, METHOD)
        # The token of a whole organization must say in which workspace the group is; with that of
        # a workspace Slack ignores it.
        for team in teams:
            request = client.usergroups_users_list(usergroup=group, team_id=team)
            try:
                answer = await await_slack_call(METHOD, request)
            except SlackError as problem:
                if problem.code != ELSEWHERE:
                    raise
                unknown = problem
                continue
            users = answer.get("users")
            if not isinstance(users, list):
                raise SlackError("no_users", METHOD)
            return frozenset(str(user) for user in users)
        raise unknown

    return members
