"""Requests for the application's page, sent by the bot itself: `Generator` is `bot.ports.Traffic`."""

from bot.traffic.generator import Generator

__all__ = ["Generator"]
