"""The player, with a small Bolt app that answers by the verdict convention."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient

from sandbox.prompt import play_stream, run_terminal
from sandbox.script import ScriptError, parse_script
from sandbox.script_player import ScriptPlayer
from sandbox.transcript import Transcript
from sandbox.workspace import Workspace
from tests.sandbox.workspace.conftest import Connect, until

Blocks = list[dict[str, Any]]


def blocks(state: str, text: str, button: str = "") -> Blocks:
    """An answer that carries its state."""
    head = {
        "type": "section",
        "block_id": f"verdict:{state}:1",
        "text": {"type": "mrkdwn", "text": text},
    }
    if not button:
        return [head]
    element = {
        "type": "button",
        "action_id": "go",
        "text": {"type": "plain_text", "text": button},
        "value": "1",
    }
    return [head, {"type": "actions", "elements": [element]}]


async def run(client: AsyncWebClient, channel: str, end: str) -> None:
    """A message that is edited twice and ends in this state."""
    running = blocks("running", "pods 0/1\nwaiting")
    posted = await client.chat_postMessage(channel=channel, text="…", blocks=running)
    for state, text in (("running", "pods 1/1\nwaiting"), (end, "pods 1/1\nready")):
        await client.chat_update(
            channel=channel, ts=posted["ts"], text="…", blocks=blocks(state, text)
        )


def listen(app: AsyncApp) -> None:
    """Commands: `run STATE` edits a message, `ask` shows a button, `oops` answers its user alone,
    `why STATE ID…` prints causes, `mute` never acks."""

    @app.command("/mesh")
    async def mesh(
        ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient, respond: AsyncRespond
    ) -> None:
        verb, _, rest = body["text"].partition(" ")
        if verb == "mute":
            raise ValueError("no acknowledgement for this one")
        await ack()
        channel = body["channel_id"]
        if verb == "oops":
            await respond("did you mean install?")
        elif verb == "ask":
            await client.chat_postMessage(
                channel=channel, text="sure?", blocks=blocks("asks", "*Sure?*", "Confirm")
            )
        elif verb == "why":
            state, *causes = rest.split()
            text = "\n".join(["because: of", *(f"maybe `cause: {cause}`" for cause in causes)])
            await client.chat_postMessage(channel=channel, text="…", blocks=blocks(state, text))
        elif verb == "run":
            await run(client, channel, rest)

    @app.action("go")
    async def go(ack: AsyncAck, body: dict[str, Any], client: AsyncWebClient) -> None:
        await ack()
        ts, channel = body["container"]["message_ts"], body["container"]["channel_id"]
        await client.chat_update(
            channel=channel, ts=ts, text="…", blocks=blocks("running", "removing")
        )
        await client.chat_update(channel=channel, ts=ts, text="…", blocks=blocks("done", "removed"))


@pytest.fixture
def patience() -> float:
    """Short, so that lines without an acknowledgement end soon."""
    return 1.2


@pytest.fixture
async def played(workspace: Workspace, app: AsyncApp, connect: Connect) -> list[str]:
    """The transcript of a workspace whose bot listens."""
    listen(app)
    await connect(app)
    return []


def player(workspace: Workspace, out: list[str], timeout: float = 40.0) -> ScriptPlayer:
    """A player that does not wait long for stragglers."""
    return ScriptPlayer(workspace, out=out.append, timeout=timeout, settle=0.05)


@pytest.mark.parametrize(
    "script",
    [
        "/mesh run done",
        "/mesh run not_yet -> not yet",
        "/mesh run normal -> normal",
        "/mesh run error -> error",
        "/mesh oops",
        "/mesh mute -> error",
        '/mesh ask\nclick "Confirm"',
        '@alice: /mesh ask\n@bob: click "Confirm"\n@alice: /mesh run done',
        "/mesh why not_yet port-name -> cause port-name",
        "/mesh why normal mtls port-name -> cause port-name",
        "/mesh why not_yet port-name -> not yet, cause port-name",
        "/mesh why not_yet mtls other port-name -> not yet, cause mtls, cause port-name",
        "/mesh why error mtls -> error, cause mtls",
    ],
)
async def test_a_script_that_ends_as_expected_passes(
    workspace: Workspace, played: list[str], script: str
) -> None:
    """Each state on the wire is the end that a line may expect."""
    assert await player(workspace, played).play(parse_script(script)), played


@pytest.mark.parametrize(
    ("script", "seen"),
    [
        ("/mesh run error", "line 1 (/mesh run error): expected done, saw error: pods 1/1"),
        ("/mesh run done -> error", "line 1 (/mesh run done): expected error, saw done: pods 1/1"),
        (
            "/mesh mute",
            "line 1 (/mesh mute): expected done, saw error: Slack answered operation_timeout",
        ),
        ("/mesh nothing", "expected done, saw no end within 0.5 s; nothing was answered"),
        ("/mesh run running", "saw no end within 0.5 s; its answers stand at: running"),
        (
            '/mesh ask\nclick "Yes"',
            'line 2 (click "Yes"): expected done, but host sees no button "Yes"; there are: Confirm',
        ),
        (
            "/mesh why not_yet mtls other -> cause port-name",
            "expected no error, cause port-name, saw not yet, cause mtls, cause other: because",
        ),
        ("/mesh run done -> done, cause a", "expected done, cause a, saw done, no cause: pods"),
        ("/mesh why done a-b -> cause a", "saw done, cause a-b: because"),
        ("/mesh why done b a -> cause a, cause b", "saw done, cause b, cause a: because"),
        ("/mesh why done a -> cause a, cause b", "saw done, cause a: because"),
        ("/mesh why error a -> cause a", "expected no error, cause a, saw error, cause a: because"),
        ("/mesh why done a -> not yet, cause a", "saw done, cause a: because"),
        ("/mesh mute -> error, cause a", "saw error: Slack answered operation_timeout"),
        ("/mesh run odd -> cause a", "saw the unknown state odd, no cause"),
        ("/mesh run odd", "saw the unknown state odd: pods 1/1"),
    ],
)
async def test_a_script_that_ends_otherwise_says_so(
    workspace: Workspace, played: list[str], script: str, seen: str
) -> None:
    """The first line that ends otherwise is named with what was seen, and nothing more is typed."""
    assert not await player(workspace, played, 0.5).play(parse_script(f"{script}\n/mesh run done"))
    assert seen in played[-1]


async def test_the_transcript_reads_like_the_channel(
    workspace: Workspace, played: list[str]
) -> None:
    """The typed line, then the message in full, then only those of its lines that changed."""
    await player(workspace, played).play(parse_script("@alice: /mesh run done\n/mesh oops"))
    assert played == [
        "alice: /mesh run done",
        "  meshbot: pods 0/1",
        "    waiting",
        "  meshbot ~: pods 1/1",
        "  meshbot ~: ready",
        "host: /mesh oops",
        "  meshbot (only visible to host): did you mean install?",
        "2 lines, all as expected",
    ]


async def test_a_clock_in_the_small_print_is_not_news(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    """An edit that only moves the seconds of a context block on is passed over; a count of pods
    never is."""
    out: list[str] = []
    transcript = Transcript(workspace, "mesh-workshop", out.append)

    def at(pods: int, aside: str) -> Blocks:
        return [
            *blocks("running", f"pods {pods}/2"),
            {"type": "context", "elements": [{"type": "mrkdwn", "text": aside}]},
        ]

    with workspace.watch_changes() as changes:
        ts = (await client.chat_postMessage(channel="C0MESH", text="…", blocks=at(0, "since 1 s")))[
            "ts"
        ]
        transcript.write_change(await anext(changes))
        for shown in (at(0, "since 3 s"), at(1, "since 5 s"), at(1, "stopped by bob")):
            await client.chat_update(channel="C0MESH", ts=ts, text="…", blocks=shown)
            transcript.write_change(await anext(changes))
    assert out == [
        "  meshbot: pods 0/2",
        "    since 1 s",
        "  meshbot ~: pods 1/2",
        "  meshbot ~: stopped by bob",
    ]


async def test_an_unknown_user_stops_the_play_before_it_starts(
    workspace: Workspace, played: list[str]
) -> None:
    """A name that nobody has is told with its line, and nothing is typed."""
    with pytest.raises(ScriptError, match="line 2: no user @mallory"):
        await player(workspace, played).play(parse_script("/mesh oops\n@mallory: /mesh oops"))
    assert played == []


async def test_lines_from_a_pipe_are_played_in_turn(
    workspace: Workspace, played: list[str]
) -> None:
    """Without a terminal each line waits for its end, a bad one is explained, and the end of the
    pipe ends it."""
    source = io.StringIO("/mesh oops\nhello\n\n@mallory: /mesh x\n$ true\n@alice: /mesh oops\n")
    await asyncio.wait_for(play_stream(workspace, "mesh-workshop", source, played.append), 40)
    typed = [line for line in played if line.startswith(("host:", "alice:"))]
    assert typed == ["host: /mesh oops", "alice: /mesh oops"]
    assert "  no user mallory in this workspace" in played
    assert any("expected a /command" in line for line in played)
    assert "  shell commands are for scripts that are played with --play" in played


async def test_the_terminal_is_the_channel(workspace: Workspace, played: list[str]) -> None:
    """Lines typed at the prompt act, buttons too, what happens is written above it, and Ctrl-D
    ends."""
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        terminal = asyncio.create_task(run_terminal(workspace, "mesh-workshop"))
        keys.send_text("/mesh ask\n@mallory: /mesh oops\n")
        await until(lambda: bool(workspace.list_messages()))
        message = workspace.list_messages()[0]
        keys.send_text('click "Nope"\n@alice: click "Confirm"\n')
        await until(lambda: len(message.edits) == 2)
        keys.send_text("\x04")
        await asyncio.wait_for(terminal, 40)
    assert message.blocks[0]["text"]["text"] == "removed"
