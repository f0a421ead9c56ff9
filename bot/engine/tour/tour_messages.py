"""The messages of tours: where they are, which page each shows, and when it is shown again.

Slack does not tell what people see on their screens, but the bot knows what it posted itself. The
message of a run is half a screen high, and more than one on a phone: what stands above it has left
the screen. So when a run has ended, and everybody looks there, the tour's message is posted anew
below it, and the old one is folded to a line. Turning a page never moves it, for who turns it has
it before them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.engine.runs.error_messages import get_message
from bot.engine.tour.pages import TourPages
from bot.engine.tour.position import parse_request_key
from bot.engine.tour.session import TourSession, read_session
from bot.errors import MeshbotError
from bot.jobs import Jobs
from bot.knowledge.workshop.tour_pages import TourPage
from bot.ledger import DuplicateRequest, NewRun, Run
from bot.messages import Posted
from bot.text import Text

STEP = "workshop"
"""The step whose runs are the tours."""
MOST_BELOW = 0
"""Messages of the bot's that may stand below a tour's when a run has ended."""
GOES_ON = Text("the tour goes on further down.")


@dataclass(frozen=True)
class TourMessages:
    """The messages of all tours; after a restart the ledger says where they are."""

    jobs: Jobs
    pages: TourPages
    _shown: dict[Posted, str] = field(default_factory=dict, init=False)
    """The step of the page that each message shows."""
    _turns: dict[Posted, int] = field(default_factory=dict, init=False)
    """How often the page of each message was turned."""
    _moving: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def find_current(self, channel: str) -> TourSession | None:
        """Return the tour in a channel, None when it was ended, or is not posted yet."""
        run = await self._find_run(channel)
        return read_session(run, run.posted) if run is not None and run.posted else None

    async def find_at(self, posted: Posted) -> TourSession | None:
        """Return the tour of a message that people see, None when it was ended.

        Its address may not be in the ledger yet.
        """
        run = await self._find_run(posted.channel)
        return read_session(run, posted) if run is not None else None

    async def _find_run(self, channel: str) -> Run | None:
        """Return the run that keeps the tour of a channel, None when it was ended."""
        run = await self.pages.ledger.run_queries.find_last_run(STEP, channel)
        return run if run is not None and run.arguments == STEP else None

    def get_page(self, posted: Posted) -> TourPage | None:
        """Return the page that a message shows, None when this process has not shown it."""
        return self.pages.find_page(self._shown.get(posted, ""))

    async def begin(
        self, asked: NewRun, page: TourPage, *, earlier: TourSession | None = None
    ) -> None:
        """Post a tour's message, kept by a run of its own, and fold the earlier one.

        Do nothing when the same was asked before. Raises MeshbotError when it cannot be posted.
        """
        try:
            run = await self.pages.ledger.runs.begin_run(asked)
        except DuplicateRequest:
            return
        await self._post_page(run, page)
        # After the new one is posted: if that fails, the tour stands where it was.
        if earlier is not None:
            self.end(earlier, self.get_page(earlier.posted) or page, GOES_ON)

    async def _post_page(self, run: Run, page: TourPage) -> None:
        """Post a page, and end the run that says where it is."""
        planned, begun = int(run.options["planned"]), float(run.options["begun"])
        try:
            message = await self.pages.render_page(run.channel, page, planned=planned, begun=begun)
            posted = await self.pages.channel_messages.post(run.channel, message)
        except MeshbotError as problem:
            summary = Text("not begun: {problem}", problem=get_message(problem))
            await self.pages.ledger.runs.finish_run(run.id, "error", summary)
            raise
        self._shown[posted] = page.step
        await self.pages.ledger.runs.record_posted(run.id, posted.channel, posted.ts)
        summary = Text("the tour stands at {step}", step=page.step)
        await self.pages.ledger.runs.finish_run(run.id, "done", summary)

    def end(self, session: TourSession, page: TourPage, words: Text, *, ends: bool = False) -> None:
        """Replace a tour by a sentence that says why it is not there any more: it moved, or it
        `ends`.
        """
        self._shown.pop(session.posted, None)
        self._turns.pop(session.posted, None)
        message = self.pages.render_end(page, words, planned=session.planned, ends=ends)
        # Before other edits: until then the old message has buttons that lead nowhere.
        self.pages.channel_messages.edit(session.posted, message, news=True)

    async def show_page(self, posted: Posted, page: TourPage) -> None:
        """Show a page, unless it was turned again while this one was read."""
        self._shown[posted] = page.step
        turn = self._turns[posted] = self._turns.get(posted, 0) + 1
        session = await self.find_at(posted)
        if session is None:  # it was ended meanwhile
            return
        message = await self.pages.render_page(
            posted.channel, page, planned=session.planned, begun=session.begun
        )
        if self._turns.get(posted) == turn:
            self.pages.channel_messages.edit(posted, message, news=True)

    def handle_run_change(self, run: Run) -> None:
        """Refresh the tour in the run's channel, because a run has begun, asks or has ended."""
        if run.step != STEP:
            position = parse_request_key(run.request_key)
            step = position.step if position else ""
            work = self.refresh(run.channel, run.id, step, may_move=not run.is_active)
            self.jobs.spawn(work, f"tour of {run.id}")

    async def refresh(self, channel: str, news: str, step: str, *, may_move: bool) -> None:
        """Refresh the page that the tour of a channel shows by now, further down when it has left
        the screen. `news` is the id of what has happened.

        After a restart, that is the page of the `step` that was begun from it.
        """
        async with self._moving:
            session = await self.find_current(channel)
            if session is None:
                return
            page = self.get_page(session.posted) or self.pages.find_page(step)
            if page is None:
                return
            if may_move and await self._count_below(session.posted) > MOST_BELOW:
                await self._move_down(session, news, page)
                return
        await self.show_page(session.posted, page)

    async def _count_below(self, posted: Posted) -> int:
        return await self.pages.ledger.outbox.count_below(posted)

    async def _move_down(self, session: TourSession, news: str, page: TourPage) -> None:
        """Post a tour's message anew below what was posted since."""
        owner, channel = self.pages.ledger.replicas.owner, session.posted.channel
        key = f"{STEP}:below:{news}"
        new = NewRun(key, STEP, session.user, channel, owner, STEP, session.to_options())
        await self.begin(new, page, earlier=session)
