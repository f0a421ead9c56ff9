"""The workshop as slow as life: waits that a faster cluster hides are waited out, so that the page
is whole in the moment in which a step says Done.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

import sandbox

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]

WORKSHOP = Path(sandbox.__file__).parent / "scripts" / "workshop.mesh"
MOVES = ("/mesh inject", "/mesh expose", 'click "Go ambient"', "/mesh waypoint", "/mesh unfault")
"""Lines after which proxies, gateways or rules are new, and the page is asked for at once."""
PAGES = "/mesh traffic burst 20 at 20/s"
"""A second of requests: what comes late is among them."""


def ask_after_moves(script: str) -> str:
    """Return the script with requests for the page right after each of the moves."""
    lines = script.splitlines()
    assert set(MOVES) <= set(lines)
    return "\n".join(f"{line}\n{PAGES}" if line in MOVES else line for line in lines)


async def test_the_page_is_whole_in_the_moment_of_each_done(tmp_path: Path) -> None:
    """Every line ends as expected, and no page that follows lacks a part or fails."""
    script = tmp_path / "life.mesh"
    script.write_text(ask_after_moves(WORKSHOP.read_text(encoding="utf-8")))
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MESHBOT_", "SLACK_"))}
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "sandbox", "--play", script, "--speed", "1"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await program.communicate()
    said = output.decode()
    assert program.returncode == 0, said[-4000:]
    answers = said.split(f"host: {PAGES}\n")[1:]
    assert len(answers) == len(MOVES)
    for answer in answers:
        ended = answer.split("\nhost: ")[0]
        assert "20 of 20 requests got their pages" in ended, ended
        assert not re.search(r"without reviews|ratings are unavailable|without details", ended), (
            ended
        )
