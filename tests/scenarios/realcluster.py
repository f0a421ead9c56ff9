"""Plays and kubectl on the real control plane that the environment names."""

from __future__ import annotations

import asyncio
import sys


async def play(script: str, *more: str) -> tuple[int, str]:
    """`meshbot sandbox` in front of the real cluster; exit code and transcript."""
    program = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "bot",
            "sandbox",
            "--cluster",
            "kubeconfig",
            "--play",
            script,
            *more,
        ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await program.communicate()
    assert program.returncode is not None
    return program.returncode, output.decode()


async def kubectl(*arguments: str) -> str:
    """What kubectl prints."""
    program = await asyncio.create_subprocess_exec(
        "kubectl", *arguments, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await program.communicate()
    return output.decode()
