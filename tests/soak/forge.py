"""Starts bots quickly: everything is imported once, and each bot is a fork, a process of its own
that can be killed.

Reads one JSON object of environment variables per line, and answers with the process id. Ended bots
are reaped by the kernel.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import bot.app  # noqa: F401 - imported before the forks, which is the point
from bot.cli.main import main


def child(environment: dict[str, str]) -> None:
    """Becomes `meshbot run`; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.update(environment)
    quiet = os.open(os.devnull, os.O_RDWR)
    log = os.open(environment["SOAK_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for target, source in ((0, quiet), (1, quiet), (2, log)):
        os.dup2(source, target)
    del os.environ["SOAK_LOG"]
    try:
        code = main(["run"])
    finally:
        os._exit(1)
    os._exit(code)


def serve() -> None:
    """Until the input ends; then every child is killed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    children: list[int] = []
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            child(json.loads(line))
        children.append(pid)
        print(pid, flush=True)
    for pid in children:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


if __name__ == "__main__":
    serve()
