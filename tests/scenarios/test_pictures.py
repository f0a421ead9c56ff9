"""`/mesh graph` and bursts with their pictures, as people see them; and the same words where
nothing can be drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.workspace import Message
from tests.scenarios.stage import Stage, playing, words
from tests.slack.conftest import eventually

pytestmark = pytest.mark.long

MISSING = "raise ModuleNotFoundError('not installed', name='PIL')\n"


def shown(message: Message) -> list[str]:
    """The files that a message shows."""
    return [block["slack_file"]["id"] for block in message.blocks if block["type"] == "image"]


def file_of(stage: Stage, message: Message) -> bytes:
    """The picture of a message, which has one."""
    (id_,) = shown(message)
    return bytes(stage.workspace.state.files[id_]["bytes"])


async def arrange(stage: Stage) -> Message:
    """Bookinfo in the mesh, and a burst for it; gives the burst's message."""
    for step in ("install", "addons", "kiali", "bookinfo", "inject", "expose"):
        await stage.type(f"/mesh {step}")
    return await stage.type("/mesh traffic burst 60 at 50/s")


async def test_graph_and_burst_are_drawn(stage: Stage) -> None:
    """The burst's message and its thread get the plot; the graph comes with the answer, for one
    person or for all."""
    pytest.importorskip("PIL", reason="the extra `graphs` is not installed")
    burst = await arrange(stage)
    await eventually(lambda: bool(shown(burst)), 20)
    assert file_of(stage, burst).startswith(b"\x89PNG")
    assert "60 asked, 60 sent" in words(burst)
    answer = await stage.type("/mesh graph 60m")
    assert file_of(stage, answer).startswith(b"\x89PNG")
    (picture,) = (block for block in answer.blocks if block["type"] == "image")
    assert "productpage-v1 → reviews: " in picture["alt_text"]
    assert "productpage-v1 → reviews: " in words(answer)
    shared = await stage.type("/mesh graph 60m post")
    await eventually(lambda: bool(shown(shared)), 20)
    replies = [m for m in stage.workspace.list_messages() if m.thread_ts in (burst.ts, shared.ts)]
    assert [shown(reply) for reply in replies] == [shown(burst), shown(shared)]


async def test_without_the_extra_words_stand_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing alarming is said, nothing is uploaded, and the answer is as it always was."""
    lacking = tmp_path / "lacking"
    lacking.mkdir()
    (lacking / "PIL.py").write_text(MISSING)
    monkeypatch.syspath_prepend(str(lacking))
    async with playing(tmp_path) as (stage, _):
        await arrange(stage)
        answer = await stage.type("/mesh graph 60m")
        assert "productpage-v1 → reviews: " in words(answer)
        assert (shown(answer), stage.workspace.state.files) == ([], {})
