"""Injectable faults on the way between the bot and Slack."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.troubles.controls import InjectableFault, Undo
from sandbox.workspace import DEFAULT_CHANNEL, Workspace
from sandbox.workspace.fault_injection import InjectedFault

MESSAGES = ("chat.postMessage", "chat.update", "chat.postEphemeral")
LATE_SECONDS, RETRY_AFTER, SLOW_SECONDS = 4.0, 3, 2.0
"""Wall seconds: acknowledgements come later than Slack waits for them; what 429 asks for; slow
answers."""

GROUP = "Slack"


def build_slack_faults(workspace: Workspace) -> tuple[InjectableFault, ...]:
    """Return the faults of this workspace."""
    faults = _SlackFaults(workspace)
    rows = (
        ("drop", "Drop the socket", "Socket Mode closes and is refused", faults.drop_sockets),
        (
            "delay",
            "Delay acks",
            f"{LATE_SECONDS:g} s; Slack waits for 3",
            faults.delay_acknowledgements,
        ),
        (
            "limit",
            "Answer 429",
            f"to messages; Retry-After: {RETRY_AFTER}",
            faults.rate_limit_messages,
        ),
        ("fail", "Answer 503", "to messages", faults.fail_messages),
        ("slow", "Answer slowly", f"to messages, after {SLOW_SECONDS:g} s", faults.slow_messages),
        ("lose", "Lose answers", "posted, and the connection is cut", faults.cut_posts),
        ("archive", "Archive the channel", "nobody can write there", faults.archive_channel),
        ("account", "Deactivate the app", "its token is refused", faults.deactivate_app),
    )
    return tuple(InjectableFault(name, GROUP, title, says, do) for name, title, says, do in rows)


def describe_connections(workspace: Workspace) -> str:
    """Return how many Socket Mode connections the bot holds, in words."""
    count = workspace.connections.count
    return {0: "no socket is open", 1: "one socket is open"}.get(count, f"{count} sockets are open")


class _SlackFaults:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._injector = workspace, workspace.faults

    async def drop_sockets(self, chosen: str) -> Undo:
        self._injector.no_sockets = True
        await self._workspace.connections.drop_all("close")

        async def undo() -> None:
            self._injector.no_sockets = False

        return undo

    async def delay_acknowledgements(self, chosen: str) -> Undo:
        self._injector.ack_delay = LATE_SECONDS

        async def undo() -> None:
            self._injector.ack_delay = 0.0

        return undo

    async def rate_limit_messages(self, chosen: str) -> Undo:
        return self._inject_faults(
            lambda method: self._injector.rate_limit_method(
                method, times=None, retry_after=RETRY_AFTER
            )
        )

    async def fail_messages(self, chosen: str) -> Undo:
        return self._inject_faults(lambda method: self._injector.fail_method(method, times=None))

    async def slow_messages(self, chosen: str) -> Undo:
        return self._inject_faults(
            lambda method: self._injector.slow_method(method, times=None, seconds=SLOW_SECONDS)
        )

    async def cut_posts(self, chosen: str) -> Undo:
        fault = self._injector.cut_method("chat.postMessage", times=None)

        async def undo() -> None:
            self._injector.remove_fault(fault)

        return undo

    async def archive_channel(self, chosen: str) -> Undo:
        self._workspace.channel_actions.archive_channel(DEFAULT_CHANNEL)

        async def undo() -> None:
            self._workspace.channel_actions.unarchive_channel(DEFAULT_CHANNEL)

        return undo

    async def deactivate_app(self, chosen: str) -> Undo:
        self._injector.account_refusal = "account_inactive"

        async def undo() -> None:
            self._injector.account_refusal = ""

        return undo

    def _inject_faults(self, how: Callable[[str], InjectedFault]) -> Undo:
        faults = [how(method) for method in MESSAGES]

        async def undo() -> None:
            for fault in faults:
                self._injector.remove_fault(fault)

        return undo
