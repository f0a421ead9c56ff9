"""A process that is fenced in the middle of a post: at whatever moment, the channel goes on, nothing
is lost, and nothing comes twice."""

from __future__ import annotations

import asyncio
import itertools
import types
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.ledger import Ledger
from bot.messages import CHANNEL, Place
from bot.slack.outbound import channel_messages as module
from bot.slack.outbound import post_sender
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.webapi.rate_limit import EditLimits
from sandbox.workspace import SCOPES, InstalledApp, Workspace
from tests.slack.conftest import eventually, message

pytestmark = pytest.mark.long

QUICK = EditLimits(interval=0.01, burst=400, per_minute=6000, reserve=2)
LANE = frozenset({"_send_channel_posts"})
POSTING = LANE | {"post"}
"""The coroutines that keep a message and empty the queue of its channel."""

SETTLING = frozenset({"settle", "update_message", "show_final_edit", "_send_edit"})
"""Those that keep the end of a run and show it."""

HISTORY = ("channels:history",)


@types.coroutine
def stepped(
    work: Coroutine[Any, Any, Any], suspended: Callable[[], None]
) -> Generator[Any, Any, Any]:
    """Runs a coroutine, and calls `suspended` each time that it waits for something."""
    sent: Any = None
    failed: BaseException | None = None
    while True:
        try:
            awaited = work.send(sent) if failed is None else work.throw(failed)
        except StopIteration as end:
            return end.value
        suspended()
        sent, failed = None, None
        try:
            sent = yield awaited
        except BaseException as problem:  # noqa: BLE001 - handed on as it came
            failed = problem


@contextmanager
def acting_at(
    step: int, act: Callable[[], None], names: frozenset[str] = POSTING
) -> Iterator[list[int]]:
    """Calls `act` the `step`-th time that one of these coroutines waits; tells whether it came to
    that."""
    loop, count = asyncio.get_running_loop(), itertools.count()
    done: list[int] = []

    def suspended() -> None:
        if next(count) == step:
            done.append(step)
            act()

    def make_task(
        loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any
    ) -> asyncio.Task[Any]:
        if getattr(work, "__name__", "") in names:
            work = stepped(work, suspended)
        return asyncio.Task(work, loop=loop, **more)

    loop.set_task_factory(make_task)  # type: ignore[arg-type]
    try:
        yield done
    finally:
        loop.set_task_factory(None)


@dataclass
class Pair:
    """A process that is to be fenced, and the one that takes over from it."""

    workspace: Workspace
    client: AsyncWebClient
    mine: Ledger
    heirs: Ledger

    async def play(self, step: int, channel: str, scopes: tuple[str, ...]) -> bool:
        """Posts a kept message, one that is not kept and another kept one; the process is fenced
        when posting waits for the `step`-th time. Returns False when it did not come to that."""
        fenced = asyncio.Event()
        one = SlackChannelMessages(
            self.client,
            pace=QUICK,
            outbox=self.mine.outbox,
            scopes=scopes,
            is_fenced=fenced.is_set,
        )

        def fence() -> None:
            fenced.set()
            one.drop_kept_posts()

        # A fault hits the first call, which has to be that of the kept message.
        names = POSTING if scopes is not HISTORY else LANE
        with acting_at(step, fence, names) as came:
            kept = asyncio.create_task(
                one.post(channel, message(f"kept {step}"), Place(key=f"kept {step}"), keep=True)
            )
            await eventually(lambda: bool(one.posts.pending) or kept.done())
            loose = one.posts.enqueue(channel, message(f"loose {step}"), CHANNEL, None)
            last = one.posts.enqueue(channel, message(f"last {step}"), CHANNEL, None)
            # Whoever waits is answered, whatever became of the message before theirs.
            await asyncio.wait_for(asyncio.gather(kept, loose.done, last.done), 40)
        await eventually(lambda: one.posts.pending == 0)
        assert one.stalled == ""
        await one.aclose(1)
        await self._inherit(scopes)
        return bool(came)

    async def end(self, step: int, channel: str, *, gone: bool) -> bool:
        """Ends a run, whose message may be gone; the process is fenced when showing the end waits
        for the `step`-th time."""
        fenced = asyncio.Event()
        one = SlackChannelMessages(
            self.client, pace=QUICK, outbox=self.mine.outbox, is_fenced=fenced.is_set
        )
        posted = await one.post(channel, message(f"working {step}"))
        if gone:
            shown = self.workspace.state.messages[posted]
            self.workspace.channel_actions.delete_message(shown)

        def fence() -> None:
            fenced.set()
            one.drop_kept_posts()
            one.forget(posted)

        with acting_at(step, fence, SETTLING) as came:
            await asyncio.create_task(one.settle(posted, message(f"done {step}")))
            await eventually(lambda: one.pending == 0)
        await one.aclose(1)
        await self._inherit(())
        return bool(came)

    async def _inherit(self, scopes: tuple[str, ...]) -> None:
        """The other process takes over what the first one left."""
        await self.mine.replicas.leave()
        heir = SlackChannelMessages(
            self.client, pace=QUICK, outbox=self.heirs.outbox, scopes=scopes
        )
        await self.heirs.outbox.take_over_orphaned()
        await heir.deliver_kept_messages()
        async with asyncio.timeout(40):
            while heir.pending or await self.heirs.outbox.count_pending():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await heir.aclose(1)
        await self.mine.replicas.send_heartbeat()


@pytest.fixture
async def pair(
    workspace: Workspace, client: AsyncWebClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Pair]:
    """Two processes over one ledger; nobody waits for Slack for long."""
    monkeypatch.setattr(post_sender, "compute_backoff", lambda failures: 0.01)
    monkeypatch.setattr(module, "HOLD", 0.3)
    address = f"sqlite:///{tmp_path}/meshbot.sqlite"
    mine, heirs = await Ledger.open(address, owner="one"), await Ledger.open(address, owner="two")
    await mine.replicas.join()
    await heirs.replicas.join()
    yield Pair(workspace, client, mine, heirs)
    await mine.close()
    await heirs.close()


def nothing(workspace: Workspace) -> None:
    """Slack takes everything."""


def limits(workspace: Workspace) -> None:
    """Slack asks to wait, for no time at all."""
    workspace.faults.rate_limit_method("chat.postMessage", retry_after=0)


def fails(workspace: Workspace) -> None:
    """Slack answers that it failed, and posted nothing."""
    workspace.faults.fail_method("chat.postMessage")


def loses(workspace: Workspace) -> None:
    """Slack posts it, and the answer is lost."""
    workspace.faults.cut_method("chat.postMessage")


def refuses_blocks(workspace: Workspace) -> None:
    """Slack takes the text alone."""
    workspace.faults.refuse_method("chat.postMessage", "invalid_blocks")


def refuses(workspace: Workspace) -> None:
    """The channel takes nothing for a moment."""
    workspace.faults.refuse_method("chat.postMessage", "is_archived")


@pytest.mark.parametrize(
    ("trouble", "scopes"),
    [
        (nothing, ()),
        (limits, ()),
        (fails, HISTORY),
        (loses, HISTORY),
        (refuses_blocks, ()),
        (refuses, HISTORY),
    ],
)
async def test_a_process_may_be_fenced_at_every_moment_of_a_post(
    pair: Pair,
    channel: str,
    trouble: Callable[[Workspace], None],
    scopes: tuple[str, ...],
) -> None:
    """Each message comes exactly once, from this process or the next, and the channel goes on."""
    pair.workspace._core.installed = InstalledApp(scopes=SCOPES | set(scopes))
    for step in itertools.count():
        trouble(pair.workspace)
        came = await pair.play(step, channel, scopes)
        pair.workspace.faults.clear_faults()
        texts = [found.text for found in pair.workspace.list_messages()]
        expected = sorted(f"{name} {step}" for name in ("kept", "loose", "last"))
        assert sorted(text for text in texts if text.endswith(f" {step}")) == expected, step
        if not came:
            break
    assert step > 3, "nothing was looked at"


@pytest.mark.parametrize("gone", [False, True])
async def test_a_process_may_be_fenced_at_every_moment_of_an_end(
    pair: Pair, channel: str, gone: bool
) -> None:
    """The end is shown, by this process or the next; in one new message where the old one is gone."""
    for step in itertools.count():
        came = await pair.end(step, channel, gone=gone)
        texts = [found.text for found in pair.workspace.list_messages()]
        assert [text for text in texts if text.endswith(f" {step}")] == [f"done {step}"], step
        if not came:
            break
    assert step > 3, "nothing was looked at"


async def test_a_queue_whose_task_ended_is_begun_again(pair: Pair, channel: str) -> None:
    """Until then its health says so; what waits is posted then, in its order."""
    one = SlackChannelMessages(pair.client, pace=QUICK, outbox=pair.mine.outbox)
    waiting = [one.posts.enqueue(channel, message(text), CHANNEL, None) for text in "ab"]
    (task,) = [task for task in asyncio.all_tasks() if task.get_name() == f"posts for {channel}"]
    task.cancel()
    await eventually(lambda: one.stalled == f"posting in {channel}")
    await one.deliver_kept_messages()
    await asyncio.gather(*(post.done for post in waiting))
    assert [found.text for found in pair.workspace.list_messages()][-2:] == ["a", "b"]
    await one.aclose(1)


async def test_a_task_that_ends_while_a_post_is_noted_doubles_nothing(
    pair: Pair, channel: str
) -> None:
    """At every moment: whatever Slack has is not posted again when the queue goes on."""
    pair.workspace._core.installed = InstalledApp(scopes=SCOPES | set(HISTORY))
    for step in itertools.count():
        one = SlackChannelMessages(pair.client, pace=QUICK, outbox=pair.mine.outbox, scopes=HISTORY)

        def end() -> None:
            (task,) = [t for t in asyncio.all_tasks() if t.get_name() == f"posts for {channel}"]
            task.cancel()

        with acting_at(step, end, LANE) as came:
            loose = one.posts.enqueue(channel, message(f"loose {step}"), CHANNEL, None)
            posting = asyncio.create_task(one.post(channel, message(f"kept {step}")))
            async with asyncio.timeout(40):
                while not posting.done() or not loose.done.done() or one.posts.pending:
                    await one.deliver_kept_messages()
                    await asyncio.sleep(0.005)
        texts = sorted(m.text for m in pair.workspace.list_messages())
        assert [t for t in texts if t.endswith(f" {step}")] == [f"kept {step}", f"loose {step}"]
        await one.aclose(1)
        if not came:
            break


async def test_an_edit_under_way_is_not_tried_again_once_the_message_is_left(
    pair: Pair, channel: str
) -> None:
    """The message is another process's by then, and shows what that one does."""
    one = SlackChannelMessages(pair.client, pace=QUICK)
    posted = await one.post(channel, message("working"))
    pair.workspace.faults.fail_method("chat.update").seconds = 0.1
    one.edit(posted, message("old news"))
    await eventually(lambda: [name for name, _ in pair.workspace.calls][-1] == "chat.update")
    one.forget(posted)
    await eventually(lambda: one.pending == 0)
    assert pair.workspace.state.messages[posted].text == "working"
    await one.aclose(0)


async def test_a_post_that_nobody_keeps_is_answered_when_the_bot_ends(
    pair: Pair, channel: str
) -> None:
    """Its run would hold its lock for ever."""
    one = SlackChannelMessages(pair.client, pace=QUICK)
    pair.workspace.faults.slow_method("chat.postMessage", seconds=0.3)
    posting = asyncio.create_task(one.post(channel, message("lost")))
    await eventually(lambda: one.posts.pending == 1)
    await one.aclose(0)
    with pytest.raises(SlackError, match="shutting_down"):
        await posting
