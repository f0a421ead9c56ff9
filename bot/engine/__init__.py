"""Carries out commands: parses them, checks access, runs the step, survives restarts."""

from bot.engine.access.policy import AccessPolicy
from bot.engine.maintenance import Maintenance
from bot.engine.pictures import PictureAttacher
from bot.engine.router import CommandRouter
from bot.engine.schedules.commands import ScheduleCommands
from bot.engine.schedules.slot_executor import SlotExecutor
from bot.engine.services import ClusterClients, Services

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
