"""Carries out commands: parses them, checks access, runs the step, survives restarts."""

from bot.engine.counter import ScheduleCommands
from bot.engine.desk import CommandRouter
from bot.engine.gallery import PictureAttacher
from bot.engine.gate import AccessPolicy
from bot.engine.house import ClusterClients, Services
from bot.engine.rounds import Maintenance
from bot.engine.slots import SlotExecutor

__all__ = [
    "ScheduleCommands",
    "CommandRouter",
    "PictureAttacher",
    "AccessPolicy",
    "ClusterClients",
    "Services",
    "Maintenance",
    "SlotExecutor",
]
