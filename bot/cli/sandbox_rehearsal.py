"""The rehearsal that the greeting in the sandbox's channel offers: the built-in script of the whole
workshop, typed there line by line while people watch."""

from __future__ import annotations

import asyncio

from bot.errors import UserError
from bot.text import Text
from sandbox.script import load_script
from sandbox.script_player import ScriptPlayer
from sandbox.workspace import Workspace

SCRIPT, HOST = "workshop", "host"

UNDER_WAY = (
    Text("The rehearsal is under way."),
    Text("Its commands come one after the other, each when the one before has ended."),
)


class ChannelRehearsal:
    """Plays the workshop in a channel of an embedded workspace, once at a time."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._playing: asyncio.Task[None] | None = None

    async def start(self, channel: str) -> None:
        """Begin to play in the channel of this id; raise UserError while it is played already."""
        if self._playing is not None and not self._playing.done():
            raise UserError(*UNDER_WAY)
        self._tell(channel, "The rehearsal begins: the whole workshop, typed by you. Just watch.")
        self._playing = asyncio.create_task(self._play(channel))

    async def stop(self) -> None:
        """End the rehearsal where it is."""
        if self._playing is not None:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)

    async def _play(self, channel: str) -> None:
        written: list[str] = []
        player = ScriptPlayer(self._workspace, out=written.append, channel=channel)
        lines = await asyncio.to_thread(load_script, SCRIPT)
        # The last thing that the player writes is how it went, and at which line it stopped.
        played = await player.play(lines)
        end = "The rehearsal is over" if played else "The rehearsal stopped at"
        self._tell(channel, f"{end}: {written[-1]}" if played else f"{end} {written[-1]}")

    def _tell(self, channel: str, text: str) -> None:
        self._workspace.channel_actions.post_notice(channel, HOST, text)
