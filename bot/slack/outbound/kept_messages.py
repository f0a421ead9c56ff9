"""Delivers what the outbox keeps and nothing else here delivers.

That is what a crash or an outage left, and what a channel or the workspace takes only now.
"""

from __future__ import annotations

from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.slack.outbound.deliveries import Deliveries
from bot.slack.outbound.edits import EditQueue
from bot.slack.outbound.final_edits import FinalEdits
from bot.slack.outbound.posts import PostQueue
from bot.slack.outbound.refusing_places import RefusingPlaces
from bot.slack.webapi.web_api_errors import RateLimited, SlackUnavailable, await_slack_call


@dataclass(frozen=True)
class KeptMessages:
    """The messages in the outbox that Slack does not show as wanted."""

    client: AsyncWebClient
    posts: PostQueue
    edits: EditQueue
    final_edits: FinalEdits
    deliveries: Deliveries
    places: RefusingPlaces

    async def deliver(self) -> None:
        """Deliver what waits; where a place refuses, try one message now and then."""
        self.posts.restart_stalled()
        self.edits.restart_if_stalled()
        await self._probe_workspace()
        for entry in await self.deliveries.list_undelivered():
            if (
                self.final_edits.is_reserved(entry.posted)
                or self.posts.is_queued(entry)
                or not self.places.claim_attempt(entry.channel)
            ):
                continue
            if entry.ts:
                self.final_edits.start_delivery(entry.posted, entry.message, entry)
                continue
            doubtful = self.deliveries.may_be_posted_already(entry)
            self.posts.enqueue(
                entry.channel, entry.message, entry.place, entry, keep=True, doubtful=doubtful
            )

    async def _probe_workspace(self) -> None:
        """Ask whether Slack takes the bot's token again, when it did not and it is time to ask."""
        if not self.places.claim_probe():
            return
        try:
            await await_slack_call("auth.test", self.client.auth_test())
        except (RateLimited, SlackUnavailable):
            return
        except SlackError as problem:
            self.places.note_refusal("", problem)
            return
        self.places.note_token_accepted(waiting=bool(self.deliveries.held))
