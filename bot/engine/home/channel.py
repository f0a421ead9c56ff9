"""The channel for what is asked for where no channel is: in App Home."""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import UserError
from bot.ledger import Ledger
from bot.text import Text

UNKNOWN_CHANNEL = Text("I do not know yet which channel the workshop is in.")

RECENT_RUNS = 20
"""Runs among which the channel is looked for."""


@dataclass(frozen=True)
class HomeChannel:
    """Finds the channel for runs that are asked for in App Home.

    `setting` is the channel in the settings, "" for that of the last run; `command` is the slash
    command's name.
    """

    ledger: Ledger
    setting: str
    command: str

    async def find(self) -> str:
        """Return the channel, or "".

        It is the one in the settings, or that of the last run which was not in a direct
        message.
        """
        if self.setting:
            return self.setting
        runs = await self.ledger.run_queries.list_recent_runs(RECENT_RUNS)
        return next((run.channel for run in runs if not run.channel.startswith("D")), "")

    async def require(self, typed: str) -> str:
        """Return the channel for a command that must have one.

        Raises UserError that says where to type the command.
        """
        if channel := await self.find():
            return channel
        hint = Text("Type it there: `{command} {typed}`.", command=self.command, typed=typed)
        raise UserError(UNKNOWN_CHANNEL, hint)
