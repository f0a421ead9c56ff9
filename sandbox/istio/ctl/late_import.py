"""Commands whose modules are imported when they are run."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from sandbox.istio.ctl.invocation import IstioctlInvocation


def import_when_run(module: str, function: str) -> Callable[[IstioctlInvocation], int]:
    """Return a command whose module is imported when it is run.

    A call is a process of its own: it would spend most of its time on the modules of the others.
    """

    def run(invocation: IstioctlInvocation) -> int:
        command = getattr(import_module(f"sandbox.istio.ctl.{module}"), function)
        return int(command(invocation))

    return run
