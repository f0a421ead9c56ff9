"""Carries out what people ask: understands it, checks who may, runs the step in its own message, survives restarts."""

from bot.engine.counter import Counter
from bot.engine.desk import Engine
from bot.engine.house import House
from bot.engine.slots import Slots

__all__ = ["Counter", "Engine", "House", "Slots"]
