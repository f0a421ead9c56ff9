"""Carries out what people ask: understands it, checks who may, runs the step in its own message, survives restarts."""

from bot.engine.counter import Counter
from bot.engine.desk import Engine
from bot.engine.gallery import Gallery
from bot.engine.gate import Gate
from bot.engine.house import Hands, House
from bot.engine.rounds import Rounds
from bot.engine.slots import Slots

__all__ = ["Counter", "Engine", "Gallery", "Gate", "Hands", "House", "Rounds", "Slots"]
