"""Schedules that are kept in the ledger, their slots, and traffic that goes on.

The only user of APScheduler. It imports the steps' vocabulary and the ledger; the work
of a slot comes in as a callback.
"""

from bot.schedule.limits import Limits
from bot.schedule.schedule_messages import ScheduleMessages
from bot.schedule.service import ScheduleRequest, ScheduleService
from bot.schedule.slot_outcome import SlotCallbacks, SlotOutcome
from bot.schedule.slot_runner import SlotRunner
from bot.schedule.unreachable import UnreachableSchedules
from bot.traffic.streams import Streams

__all__ = [
    "SlotCallbacks",
    "SlotRunner",
    "Limits",
    "ScheduleMessages",
    "ScheduleService",
    "ScheduleRequest",
    "SlotOutcome",
    "Streams",
    "UnreachableSchedules",
]
