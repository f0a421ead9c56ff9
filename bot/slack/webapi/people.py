"""Names of people, for files in which a mention is mere text."""

from __future__ import annotations

import logging

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.slack.webapi.web_api_errors import await_slack_call

METHOD = "users.info"

log = logging.getLogger(__name__)


class SlackPeople:
    """`bot.messages.People` over users.info, which needs the scope users:read. Never raises."""

    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def find_name(self, user: str) -> str:
        """Return the name that a person shows, "" when Slack does not tell."""
        try:
            answer = await await_slack_call(METHOD, self._client.users_info(user=user))
        except SlackError as problem:
            log.info("the name of %s is not known: %s", user, problem)
            return ""
        found = answer.get("user") or {}
        profile = found.get("profile") or {}
        names = (profile.get("display_name"), found.get("real_name"), found.get("name"))
        return next((str(name) for name in names if name), "")
