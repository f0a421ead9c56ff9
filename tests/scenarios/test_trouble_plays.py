"""Troubles that people had with Istio and reported, as plays: the bot names the cause, asks before it
takes what others made, and says Done only when it is so."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

CASES = sorted(Path(__file__).with_name("cases").glob("*.mesh"))
SECONDS = 300

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(SECONDS + 60),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed"),
]


def find_release(play: Path) -> str:
    """The release that a play's first line names: `# Istio 1.30.3`."""
    return play.read_text().removeprefix("# Istio ").split()[0]


@pytest.mark.parametrize("play", CASES, ids=[play.stem for play in CASES])
async def test_a_reported_trouble_ends_as_is_right(play: Path) -> None:
    """Each line of the play ends as it says, with that cause."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "bot",
            "sandbox",
            "--istio",
            find_release(play),
            "--play",
            str(play),
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode()[-4000:]
    assert "Give it a minute" not in said.decode()
