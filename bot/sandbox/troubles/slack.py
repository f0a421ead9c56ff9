"""Troubles on the way between the bot and Slack."""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.troubles.strip import Trouble, Undo
from bot.sandbox.workspace import Workspace
from bot.sandbox.workspace.hurt import Ill

MESSAGES = ("chat.postMessage", "chat.update", "chat.postEphemeral")
LATE_SECONDS, RETRY_AFTER, SLOW_SECONDS = 4.0, 3, 2.0
"""Wall seconds: acknowledgements come later than Slack waits for them; what 429 asks for; slow answers."""

GROUP = "Slack"


def slack_troubles(workspace: Workspace) -> tuple[Trouble, ...]:
    """What can go wrong with this workspace."""
    hurt = _SlackHurt(workspace)
    return (
        Trouble("drop", GROUP, "Drop the socket", "Socket Mode closes and is refused", hurt.drop),
        Trouble("delay", GROUP, "Delay acks", f"{LATE_SECONDS:g} s; Slack waits for 3", hurt.delay),
        Trouble("limit", GROUP, "Answer 429", f"to messages; Retry-After: {RETRY_AFTER}", hurt.limit),
        Trouble("fail", GROUP, "Answer 503", "to messages", hurt.fail),
        Trouble("slow", GROUP, "Answer slowly", f"to messages, after {SLOW_SECONDS:g} s", hurt.slow),
    )


def connections(workspace: Workspace) -> str:
    """How many sockets the bot holds, in words."""
    count = workspace.connections
    return {0: "no socket is open", 1: "one socket is open"}.get(count, f"{count} sockets are open")


class _SlackHurt:
    def __init__(self, workspace: Workspace) -> None:
        self._workspace, self._hurt = workspace, workspace.hurt

    async def drop(self, chosen: str) -> Undo:
        self._hurt.no_sockets = True
        await self._workspace.drop("close")

        async def undo() -> None:
            self._hurt.no_sockets = False

        return undo

    async def delay(self, chosen: str) -> Undo:
        self._hurt.ack_delay = LATE_SECONDS

        async def undo() -> None:
            self._hurt.ack_delay = 0.0

        return undo

    async def limit(self, chosen: str) -> Undo:
        return self._befall(lambda method: self._hurt.rate_limit(method, times=None, retry_after=RETRY_AFTER))

    async def fail(self, chosen: str) -> Undo:
        return self._befall(lambda method: self._hurt.fail(method, times=None))

    async def slow(self, chosen: str) -> Undo:
        return self._befall(lambda method: self._hurt.slow(method, times=None, seconds=SLOW_SECONDS))

    def _befall(self, how: Callable[[str], Ill]) -> Undo:
        ills = [how(method) for method in MESSAGES]

        async def undo() -> None:
            for ill in ills:
                self._hurt.lift(ill)

        return undo
