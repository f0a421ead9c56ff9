"""Messages in channels: posted at once, edited in place no oftener than Slack allows, and kept until Slack has them.

With an outbox, a message is kept before Slack is asked, and so is each end; while Slack is away, whoever posts or ends
goes on, and `again` delivers later. Edits of what is under way are not kept: they are worth nothing after a crash.
Without an outbox, or while it is away, everything is sent all the same, and failures are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import LedgerError, SlackError
from bot.figures import Figure, counter
from bot.jobs import Jobs
from bot.language import ENGLISH, Tongue
from bot.messages import CHANNEL, WAITS, Letter, Message, Outbox, Place, Posted
from bot.slack.calls import Away, attempt
from bot.slack.edits import Edits
from bot.slack.pace import Pace
from bot.slack.posts import Post, Posts, Taken

HOLD = 3.0
"""Seconds that whoever posts or ends waits for Slack before going on with what is kept."""

KEPT = 1.0
"""Seconds that an end waits to be kept before it is shown all the same."""

REMEMBERED = 5_000
"""Messages of which it is remembered where they came to stand, and what of them was shown last."""

UNEDITABLE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
"""Refusals of an edit after which the same is shown in a new message."""

log = logging.getLogger(__name__)


class SlackBoard:
    """`bot.messages.Board` over chat.postMessage and chat.update; the counters are there for metrics."""

    def __init__(
        self,
        client: AsyncWebClient,
        *,
        pace: Pace | None = None,
        outbox: Outbox | None = None,
        tongue: Tongue = ENGLISH,
    ) -> None:
        """The outbox keeps messages in English; `tongue` says them when Slack is told."""
        self._client, self._outbox = client, outbox
        self.edits = Edits(client, pace or Pace(), tongue)
        self.posts = Posts(client, sent=self._sent, refused=self._refused, thread=self._ts, tongue=tongue)
        self._jobs = Jobs()
        self._hands: Counter[Posted] = Counter()
        self._shown: OrderedDict[int, tuple[Posted, int]] = OrderedDict()
        self._unkept: dict[int, tuple[Letter, Posted]] = {}

    @property
    def pending(self) -> int:
        """Messages with something that Slack does not have yet."""
        return self.posts.pending + self.edits.pending

    @property
    def posts_sent(self) -> int:
        """Messages that Slack took."""
        return self.posts.count

    @property
    def edits_sent(self) -> int:
        """Edits that Slack took."""
        return self.edits.sent

    @property
    def edits_coalesced(self) -> int:
        """Edits that a newer one replaced before they were sent."""
        return self.edits.coalesced

    @property
    def limit_waits(self) -> int:
        """How often Slack answered 429."""
        return self.posts.gate.waits + self.edits.gate.waits

    def figures(self) -> Iterator[Figure]:
        """For Prometheus."""
        yield counter("posts", "Messages that Slack took.", self.posts_sent)
        yield counter(
            "posts_repeated", "Posts sent again after an answer was lost; each may be there twice.", self.posts.doubts
        )
        yield counter("edits", "Edits that Slack took.", self.edits_sent)
        yield counter("edits_coalesced", "Edits that a newer one replaced before they were sent.", self.edits_coalesced)
        yield counter("edits_lost", "Edits that were refused or given up.", self.edits.lost)
        yield counter("slack_limit_waits", "How often Slack answered 429.", self.limit_waits)
        yield Figure("messages_pending", "Messages here with something that Slack does not have yet.", self.pending)

    async def post(self, channel: str, message: Message, place: Place = CHANNEL) -> Posted:
        """Posts; waits where Slack says so; what takes longer than a moment is delivered later, and given as pending.

        Raises SlackError when Slack refuses; without an outbox, also when it is away or may have posted unseen.
        """
        letter, new = await self._entered(channel, message, place)
        if letter is not None and not new:
            return await self._earlier(letter, message)
        return await _soon(self.posts.add(channel, message, place, letter))

    async def _earlier(self, letter: Letter, message: Message) -> Posted:
        """Where the message of that name stands or will stand; one that was refused is tried anew."""
        if not letter.ts and letter.refused:
            anew = await self._wanted(letter.posted, message)
            return await _soon(self.posts.add(letter.channel, message, letter.place, anew))
        post = None if letter.ts else self.posts.waiting(letter.number)
        return await _soon(post) if post is not None else letter.posted

    async def _entered(self, channel: str, message: Message, place: Place) -> tuple[Letter | None, bool]:
        if self._outbox is None:
            return None, True
        try:
            return await self._outbox.enter(channel, message, place)
        except LedgerError as problem:
            log.error("a message is not kept before it is posted: %s", problem)
            return None, True

    def edit(self, posted: Posted, message: Message, *, news: bool = False) -> None:
        """Shows this as soon as the limits allow; a newer edit replaces a waiting one. `news` goes before the rest."""
        post = self._waiting(posted)
        if post is not None:
            post.edit, post.news = message, news or post.news
        elif (where := self._known(posted)) is not None:
            self.edits.edit(where, message, news=news)

    async def settle(self, posted: Posted, message: Message) -> None:
        """The last edit of a run: goes before waiting edits. Returns when Slack has it, or after a moment when it is
        kept for later; raises SlackError when Slack refuses it, or is away and it could not be kept."""
        kept = self._jobs.spawn(self._wanted(posted, message), "keep an end")
        settling = self._jobs.spawn(self._settled(posted, message, kept), "show an end")
        await asyncio.wait({settling}, timeout=HOLD)
        if not settling.done() and kept.done() and kept.result() is not None:
            return
        problem = await settling
        if problem is not None:
            raise problem

    async def _wanted(self, posted: Posted, message: Message) -> Letter | None:
        if self._outbox is None:
            return None
        try:
            return await self._outbox.want(posted, message)
        except LedgerError as problem:
            log.error("an end is not kept before it is shown: %s", problem)
            return None

    async def _settled(
        self, posted: Posted, message: Message, kept: asyncio.Task[Letter | None]
    ) -> SlackError | None:  # fmt: skip
        """Shows an end once it is kept, or is long in being kept; gives the refusal. What is kept is not given up."""
        with self._in_hand(posted):
            await asyncio.wait({kept}, timeout=KEPT)
            post = self._waiting(posted)
            if post is not None:
                post.message, post.edit = message, None
                post.letter = (kept.result() if kept.done() else None) or post.letter
                await asyncio.wait({post.done})
                problem = post.done.exception()
                return problem if isinstance(problem, SlackError) else None
            where = self._known(posted) or await self._found(posted)
            if where is None:
                return None if await kept else SlackError("message_not_found", "chat.update")
            return await self._shown_there(where, message, kept)

    @contextmanager
    def _in_hand(self, posted: Posted) -> Iterator[None]:
        """While it lasts, `again` leaves this message alone."""
        self._hands[posted] += 1
        try:
            yield
        finally:
            self._hands[posted] -= 1
            if not self._hands[posted]:
                del self._hands[posted]

    async def _shown_there(
        self, where: Posted, message: Message, kept: asyncio.Task[Letter | None]
    ) -> SlackError | None:  # fmt: skip
        try:
            await self.edits.settle(where, message)
        except SlackError as problem:
            letter = await kept
            later = isinstance(problem, Away) or problem.code == "shutting_down"
            if letter is not None and not later:
                await self._never(letter, problem)
            return None if letter is not None and later else problem
        letter = await kept
        if letter is not None:
            await self._delivered(letter, where)
        return None

    def forget(self, posted: Posted) -> None:
        """Drops what waits to be shown there: the message is another process's now."""
        if (where := self._known(posted)) is not None:
            self.edits.forget(where)

    def let_go(self) -> None:
        """Drops what waits to be posted and is kept: whoever takes over delivers it."""
        self.posts.drop()

    async def again(self) -> None:
        """Delivers what is kept and in nobody's hands: to be called now and then, and after taking something over."""
        if self._outbox is None:
            return
        for letter, posted in list(self._unkept.values()):
            await self._outbox.delivered(letter, posted)
            self._unkept.pop(letter.number, None)
        for letter in await self._outbox.waiting():
            _, version = self._shown.get(letter.number, (None, 0))
            if letter.version <= version or letter.posted in self._hands:
                continue
            if not letter.ts:
                self.posts.add(letter.channel, letter.message, letter.place, letter)
            else:
                self._show_later(letter.posted, letter.message, letter)

    def _show_later(self, posted: Posted, message: Message, letter: Letter | None) -> None:
        """Shows this in a task; in a new message when it is kept and can be shown there no more."""

        async def show() -> None:
            with hand:
                problem = await self._shown_there(posted, message, self._jobs.spawn(_given(letter), "kept before"))
            if problem is not None and problem.code in UNEDITABLE and letter is not None:
                self.posts.add(letter.channel, message, letter.place, letter)

        hand = ExitStack()
        hand.enter_context(self._in_hand(posted))
        self._jobs.spawn(show(), "show later")

    async def permalink(self, posted: Posted) -> str:
        """A link to the message, or "" when Slack does not give one."""
        where = self._known(posted) or await self._found(posted)
        if where is None:
            return ""
        request = self._client.chat_getPermalink(channel=where.channel, message_ts=where.ts)
        try:
            answer = await attempt("chat.getPermalink", request)
        except SlackError as problem:
            log.warning("no link to a message: %s", problem)
            return ""
        return str(answer.get("permalink") or "")

    async def aclose(self, grace: float) -> int:
        """Sends what waits for up to `grace` seconds; gives how many messages lack something, kept or not."""
        began = asyncio.get_running_loop().time()
        left = await self.posts.aclose(grace)
        left += await self.edits.aclose(max(0.0, began + grace - asyncio.get_running_loop().time()))
        await self._jobs.drain(KEPT)
        return left

    # What became of messages

    def _waiting(self, posted: Posted) -> Post | None:
        return self.posts.waiting(_number(posted)) if posted.pending else None

    def _known(self, posted: Posted) -> Posted | None:
        if not posted.pending:
            return posted
        return self._shown.get(_number(posted), (None, 0))[0]

    async def _found(self, posted: Posted) -> Posted | None:
        """Where a message came to stand that another process, or another life of this one, has posted."""
        if self._outbox is None:
            return None
        try:
            letter = await self._outbox.find(posted)
        except LedgerError:
            return None
        return letter.posted if letter is not None and letter.ts else None

    async def _ts(self, posted: Posted) -> str:
        where = self._known(posted) or await self._found(posted)
        return where.ts if where is not None else ""

    async def _sent(self, post: Post, taken: Taken) -> None:
        """Slack took a message: what came meanwhile is shown in it."""
        self.edits.posted(taken.posted)
        if taken.letter is not None:
            await self._delivered(taken.letter, taken.posted)
        if post.message is not taken.message:
            self._show_later(taken.posted, post.message, post.letter if post.letter is not taken.letter else None)
        elif post.edit is not None:
            self.edits.edit(taken.posted, post.edit, news=post.news)

    async def _refused(self, post: Post, refusal: SlackError) -> None:
        if post.letter is not None:
            await self._never(post.letter, refusal)

    async def _never(self, letter: Letter, refusal: SlackError) -> None:
        assert self._outbox is not None, "only an outbox makes letters"
        log.error("message %d is not shown: %s", letter.number, refusal)
        try:
            await self._outbox.refuse(letter, refusal.code)
        except LedgerError as problem:
            log.error("that Slack refused message %d is not kept: %s", letter.number, problem)

    async def _delivered(self, letter: Letter, posted: Posted) -> None:
        """Slack has it. Not kept at once, this is kept later, so that only a crash in between doubles the message."""
        assert self._outbox is not None, "only an outbox makes letters"
        self._shown[letter.number] = (posted, letter.version)
        self._shown.move_to_end(letter.number)
        while len(self._shown) > REMEMBERED:
            self._shown.popitem(last=False)
        try:
            await self._outbox.delivered(letter, posted)
        except LedgerError as problem:
            self._unkept[letter.number] = (letter, posted)
            log.error("that Slack has message %d is not kept yet: %s", letter.number, problem)


async def _soon(post: Post) -> Posted:
    """Where it stands; after a moment, if it is kept, where it will."""
    await asyncio.wait({post.done}, timeout=HOLD if post.letter is not None else None)
    if not post.done.done() and post.letter is not None:
        return post.letter.posted
    return await post.done


async def _given(letter: Letter | None) -> Letter | None:
    return letter


def _number(posted: Posted) -> int:
    number = posted.ts.removeprefix(WAITS)
    return int(number) if number.isdecimal() else -1
