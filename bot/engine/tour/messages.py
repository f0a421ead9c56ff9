"""The messages of tours: where they are, which page each shows, and when it is shown again."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.engine.tour.pages import TourPages
from bot.engine.tour.position import parse_request_key
from bot.jobs import Jobs
from bot.knowledge.workshop.tour import TourPage
from bot.ledger import Run
from bot.messages import Posted
from bot.text import Text

STEP = "workshop"
"""The step whose runs are the tours."""


@dataclass(frozen=True)
class TourMessages:
    """The messages of all tours; after a restart the ledger says where they are."""

    jobs: Jobs
    pages: TourPages
    _shown: dict[Posted, str] = field(default_factory=dict, init=False)
    """The step of the page that each message shows."""
    _turns: dict[Posted, int] = field(default_factory=dict, init=False)
    """How often the page of each message was turned."""

    async def find_current(self, channel: str) -> Posted | None:
        """Return the tour's message in a channel, None when it was ended."""
        run = await self.pages.ledger.run_queries.find_last_run(STEP, channel)
        return run.posted if run is not None and run.arguments == STEP else None

    def get_page(self, posted: Posted) -> TourPage | None:
        """Return the page that a message shows, None when this process has not shown it."""
        return self.pages.find_page(self._shown.get(posted, ""))

    def note_page(self, posted: Posted, page: TourPage) -> None:
        """Note which page a message shows."""
        self._shown[posted] = page.step

    def end(self, posted: Posted, page: TourPage, words: Text, *, news: bool = False) -> None:
        """Replace a tour by a sentence that says why it is not there any more."""
        self._shown.pop(posted, None)
        self._turns.pop(posted, None)
        self.pages.channel_messages.edit(posted, self.pages.render_end(page, words), news=news)

    async def show_page(self, posted: Posted, page: TourPage) -> None:
        """Show a page, unless it was turned again while this one was read."""
        self.note_page(posted, page)
        turn = self._turns[posted] = self._turns.get(posted, 0) + 1
        message = await self.pages.render_page(posted.channel, page)
        if self._turns.get(posted) == turn:
            self.pages.channel_messages.edit(posted, message, news=True)

    def handle_run_change(self, run: Run) -> None:
        """Refresh the tour in the run's channel, because a run has begun, asks or has ended."""
        if run.step != STEP:
            self.jobs.spawn(self._refresh_after(run), f"tour of {run.id}")

    async def _refresh_after(self, run: Run) -> None:
        """Refresh the page that the tour shows by now.

        After a restart, that is the page where the run was begun from it.
        """
        posted, position = await self.find_current(run.channel), parse_request_key(run.request_key)
        if posted is None:
            return
        page = self.get_page(posted) or self.pages.find_page(position.step if position else "")
        if page is not None:
            await self.show_page(posted, page)
