"""Posts whose answer is lost: Slack may have taken them. Looked for where the bot may read, and
counted where nobody can know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import SlackError
from bot.ledger import Ledger
from bot.messages import Place
from bot.slack.outbound import post_sender
from bot.slack.outbound.channel_messages import SlackChannelMessages
from bot.slack.webapi.client import WebApiRetries, build_client
from bot.slack.webapi.rate_limit import EditLimits
from sandbox.workspace import SCOPES, InstalledApp, Workspace
from tests.slack.conftest import eventually, message

QUICK = EditLimits(interval=0.01, burst=400, per_minute=6000, reserve=2)
HISTORY = SCOPES | {"channels:history"}


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    """A workspace whose app may read public channels."""
    workspace = Workspace(installed=InstalledApp(scopes=HISTORY), enforce_limits=False)
    await workspace.start()
    yield workspace
    await workspace.stop()


@dataclass
class Processes:
    """Processes of the bot over one ledger."""

    client: AsyncWebClient
    home: Path

    async def begin(
        self, owner: str, scopes: frozenset[str] = HISTORY
    ) -> tuple[SlackChannelMessages, Ledger]:
        """Another process."""
        ledger = await Ledger.open(f"sqlite:///{self.home}/meshbot.sqlite", owner=owner)
        await ledger.replicas.join()
        return SlackChannelMessages(
            self.client, pace=QUICK, outbox=ledger.outbox, scopes=scopes
        ), ledger


@pytest.fixture
async def processes(
    client: AsyncWebClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Processes:
    """Nobody waits for Slack for long."""
    monkeypatch.setattr(post_sender, "compute_backoff", lambda failures: 0.01)
    return Processes(client, tmp_path)


def lost(workspace: Workspace) -> list[Callable[[], object]]:
    """Every way in which Slack carries a post out and does not say so."""
    faults, method = workspace.faults, "chat.postMessage"
    codes = ("internal_error", "fatal_error", "request_timeout", "service_unavailable")
    return [
        lambda: faults.cut_method(method),
        lambda: faults.fail_method(method, status=500, carried_out=True),
        lambda: faults.fail_method(method, status=503, carried_out=True),
        *(
            lambda code=code: faults.fail_method(method, code=code, carried_out=True)
            for code in codes
        ),
    ]


async def test_a_post_that_slack_took_unseen_is_found_and_not_repeated(
    workspace: Workspace, processes: Processes, channel: str
) -> None:
    """However the answer was lost, in the channel and in a thread; its edits find it there."""
    one, ledger = await processes.begin("one")
    parent = await one.post(channel, message("parent"))
    for number, lose in enumerate(lost(workspace)):
        for place in (Place(), Place(thread=parent.ts)):
            lose()
            posted = await one.post(channel, message(f"working {number}"), place)
            await one.settle(posted, message(f"done {number}"))
            found = [m for m in workspace.state.messages.values() if str(number) in m.text]
            assert [m.text for m in found if m.thread_ts == place.thread] == [f"done {number}"]
    assert one.sender.unsure == {"found": 2 * len(lost(workspace))}
    await one.aclose(1)
    await ledger.close()


async def test_a_post_that_slack_did_not_take_is_posted_again(
    workspace: Workspace, processes: Processes, channel: str
) -> None:
    """It was looked for and is not there: once in all."""
    one, ledger = await processes.begin("one")
    workspace.faults.fail_method("chat.postMessage", status=502)
    workspace.faults.cut_method("chat.postMessage", carried_out=False)
    # While it is looked for, Slack fails as well.
    workspace.faults.fail_method("conversations.history", times=6)
    await one.post(channel, message("working"))
    assert [m.text for m in workspace.list_messages()] == ["working"]
    assert one.sender.unsure == {"absent": 2}
    await one.aclose(1)
    await ledger.close()


async def test_where_nobody_can_look_a_repeat_is_counted(
    workspace: Workspace, processes: Processes, channel: str
) -> None:
    """The manifest does not ask for the scope: twice rather than never, and no secret."""
    one, ledger = await processes.begin("one", SCOPES)
    for lose in lost(workspace):
        lose()
        await one.post(channel, message("working"))
    count = len(lost(workspace))
    assert len(workspace.list_messages()) == 2 * count
    figures = {(m.name, m.labels): m.value for m in one.figures()}
    assert figures["posts_repeated", ()] == count
    assert figures["posts_unsure", (("outcome", "repeated"),)] == count
    assert "metadata" not in workspace.calls[-1][1]
    await one.aclose(1)
    await ledger.close()


async def test_what_is_not_kept_is_looked_for_too(
    workspace: Workspace, processes: Processes, channel: str
) -> None:
    """Whoever posted is told that nobody knows only where that is so."""
    workspace.faults.cut_method("chat.postMessage", times=2)
    knows = SlackChannelMessages(processes.client, pace=QUICK, scopes=HISTORY)
    posted = await knows.post(channel, message("found"))
    assert workspace.state.messages[posted].text == "found"
    blind = SlackChannelMessages(processes.client, pace=QUICK)
    with pytest.raises(SlackError, match="no_answer"):
        await blind.post(channel, message("unknown"))
    assert blind.sender.unsure == {"given_up": 1}
    assert [m.text for m in workspace.list_messages()] == ["found", "unknown"]


@pytest.mark.parametrize("scopes", [HISTORY, SCOPES])
async def test_what_a_dead_process_may_have_posted_is_looked_for_by_the_next(
    workspace: Workspace, processes: Processes, channel: str, scopes: frozenset[str]
) -> None:
    """It died before it could note that Slack had it: shown once, as it is wanted by now."""
    one, ledger = await processes.begin("one", scopes)
    workspace.faults.slow_method("chat.postMessage", seconds=0.1)
    posting = asyncio.create_task(one.post(channel, message("working")))
    await eventually(lambda: bool(workspace.calls))
    await one.aclose(0)
    pending = await posting
    await eventually(lambda: len(workspace.list_messages()) == 1)
    await ledger.outbox.want(pending, message("done"))
    await ledger.replicas.leave()
    heir, heirs = await processes.begin("two", scopes)
    await heirs.outbox.take_over_orphaned()
    await heir.deliver_kept_messages()
    await eventually(lambda: "done" in [m.text for m in workspace.list_messages()])
    known = scopes is HISTORY
    assert len(workspace.list_messages()) == (1 if known else 2)
    assert heir.sender.unsure == {"found" if known else "repeated": 1}
    await heir.aclose(1)
    await heirs.close()
    await ledger.close()


async def test_what_was_never_sent_is_not_unsure(session: aiohttp.ClientSession) -> None:
    """No connection was made: nothing can have been posted."""
    client = build_client(
        token="xoxb-1",
        base_url="http://127.0.0.1:9/api/",
        session=session,
        retries=WebApiRetries(base=0.001),
    )
    blind = SlackChannelMessages(client, pace=QUICK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(post_sender, "compute_backoff", lambda failures: 0.01)
        with pytest.raises(SlackError, match="unreachable"):
            await blind.post("C0MESH", message("working"))
    assert not blind.sender.unsure
