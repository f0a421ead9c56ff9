"""Carries out commands: parses them, checks access, runs the step, survives restarts."""

from bot.engine.access.callers import CallerResolver
from bot.engine.access.policy import AccessPolicy
from bot.engine.maintenance import Maintenance
from bot.engine.pictures import PictureAttacher
from bot.engine.router import CommandRouter
from bot.engine.schedules.slot_executor import SlotExecutor
from bot.engine.world.clients import ClientSelector, ClusterClients

__all__ = [
    "AccessPolicy",
    "CallerResolver",
    "ClientSelector",
    "ClusterClients",
    "CommandRouter",
    "Maintenance",
    "PictureAttacher",
    "SlotExecutor",
]
