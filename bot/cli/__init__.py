"""The command line: the only place that knows both the bot and the sandbox."""

from bot.cli.main import main

__all__ = ["main"]
