"""The ledger: who asked for what, when, and with which result.

It remembers requests, results, and what stood there before a change; what is true is read from the cluster each time.
SQLite by default, PostgreSQL by one URL.
"""

from bot.ledger.journal import Journal
from bot.ledger.runs import ACTIVE, Busy, Duplicate, Gone, NewRun, Run, RunState
from bot.ledger.schedules import Ending, NewSchedule, Schedule, ScheduleState, Slot, SlotState
from bot.ledger.store import Ledger
from bot.ledger.streams import StreamBook, StreamRow
from bot.ledger.timetable import Timetable

__all__ = [
    "ACTIVE",
    "Busy",
    "Duplicate",
    "Ending",
    "Gone",
    "Journal",
    "Ledger",
    "NewRun",
    "NewSchedule",
    "Run",
    "RunState",
    "Schedule",
    "ScheduleState",
    "Slot",
    "SlotState",
    "StreamBook",
    "StreamRow",
    "Timetable",
]
