"""`pilot-agent` in a proxy's container, as far as people type it: `request GET PATH` of the Envoy
beside it."""

from __future__ import annotations

from collections.abc import Sequence

from sandbox.cluster.contract import Request, SendFailure
from sandbox.cluster.kubelet.commands.shell_context import CommandContext

_ADMIN_PORT, _PATIENCE_SECONDS = 15000, 60.0


async def run_pilot_agent(arguments: Sequence[str], context: CommandContext) -> int:
    """Ask the proxy's administration port, and print what it answers."""
    if context.container["name"] != "istio-proxy":
        await context.complain("sh: pilot-agent: not found")
        return 127
    if len(arguments) != 3 or arguments[0] != "request":
        await context.complain(
            "the sandbox plays `pilot-agent request METHOD PATH`, such as `request GET config_dump`"
        )
        return 1
    method, (path, _, query) = arguments[1].upper(), arguments[2].partition("?")
    request = Request(method, f"/{path.lstrip('/')}", query)
    try:
        answer = await context.send("localhost", _ADMIN_PORT, request, _PATIENCE_SECONDS)
    except SendFailure as failure:
        await context.complain(f"Error: command error response: {failure.failure}")
        return 1
    await context.write(answer.body if answer.body.endswith(b"\n") else answer.body + b"\n")
    if answer.status >= 300:
        await context.complain(f"Error: received unsuccessful status code {answer.status}")
        return 1
    return 0
