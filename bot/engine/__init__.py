"""Carries out what people ask: understands it, checks who may, runs the step in its own message, survives restarts."""

from bot.engine.desk import Engine
from bot.engine.gate import Gate
from bot.engine.house import Hands, House

__all__ = ["Engine", "Gate", "Hands", "House"]
