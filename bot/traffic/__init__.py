"""Requests for the application's page, sent by the bot itself: what `bot.ports.Traffic` does within
one process."""

from bot.traffic.generator import Generator

__all__ = ["Generator"]
