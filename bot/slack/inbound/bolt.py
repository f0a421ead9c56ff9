"""The Bolt app: an empty one that asks Slack nothing by itself and reads nothing of the
environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.webapi.client import BotIdentity
from bot.slack.webapi.web_api_errors import get_library_logger


def build_app(client: AsyncWebClient, identity: BotIdentity) -> AsyncApp:
    """Build an app that asks Slack nothing by itself.

    The bot's identity is known, and requests are checked before they reach the app.
    """

    async def authorize() -> AuthorizeResult:
        return AuthorizeResult(
            enterprise_id=None,
            team_id=identity.team_id,
            bot_id=identity.bot_id,
            bot_user_id=identity.user_id,
            bot_token=client.token,
        )

    # Bolt warns of a client with a token beside `authorize`, which gives it for each request.
    nameless = AsyncWebClient(
        base_url=client.base_url, session=client.session, logger=get_library_logger("api")
    )
    nameless.proxy = client.proxy
    with _hide_slack_variables():
        return AsyncApp(
            name="meshbot",
            client=nameless,
            authorize=authorize,
            logger=get_library_logger("bolt"),
            signing_secret="",
            # Without it Bolt polls for the acknowledgement every 10 ms, and keeps no reference to
            # the listener's task, which can be garbage-collected while it waits.
            process_before_response=True,
            # The HTTP receiver checks signatures before it parses anything; Socket Mode has none.
            request_verification_enabled=False,
            ssl_check_enabled=False,
            attaching_function_token_enabled=False,
        )


@contextmanager
def _hide_slack_variables() -> Iterator[None]:
    """Hide Slack's variables while Bolt looks for them.

    SLACK_CLIENT_ID alone would switch it to another mode.
    """
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("SLACK_")}
    try:
        yield
    finally:
        os.environ.update(hidden)
