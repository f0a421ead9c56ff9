"""Schedules that are kept in the ledger, their slots, and traffic that goes on.

The only user of APScheduler. It knows the steps' vocabulary and the ledger; the work of
a slot is handed in.
"""

from bot.schedule.limits import Limits
from bot.schedule.service import ScheduleRequest, ScheduleService
from bot.schedule.slot_runner import SlotCallbacks, SlotOutcome, SlotRunner
from bot.traffic.streams import Streams

__all__ = [
    "SlotCallbacks",
    "SlotRunner",
    "Limits",
    "ScheduleService",
    "ScheduleRequest",
    "SlotOutcome",
    "Streams",
]
