"""The scripts that are built in: what the command line offers is there, and each passes in the
sandbox."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from bot.cli.arguments import RELEASES, SCRIPTS
from sandbox.releases import RELEASES as PLAYED
from sandbox.script import list_built_in_scripts

pytestmark = pytest.mark.long


def test_the_command_line_offers_what_the_sandbox_has() -> None:
    """The command line's own lists, which it keeps to stay light, are the sandbox's."""
    assert sorted(SCRIPTS) == sorted(list_built_in_scripts())
    assert sorted(RELEASES) == sorted(PLAYED)


@pytest.mark.timeout(200)
@pytest.mark.parametrize("istio", RELEASES)
@pytest.mark.parametrize("script", SCRIPTS)
async def test_a_built_in_script_passes(script: str, istio: str) -> None:
    """Every line ends as expected, with either release."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MESHBOT_", "SLACK_"))
    }
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "sandbox", "--play", script, "--istio", istio),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await program.communicate()
    assert program.returncode == 0, output.decode()[-4000:]
