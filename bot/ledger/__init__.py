"""The ledger: who asked for what, when, and with which result.

It remembers requests, results, what stood there before a change, and the audit; what is true is read from the cluster
each time. SQLite by default, PostgreSQL by one URL.
"""

from bot.ledger.audit import Audit
from bot.ledger.journal import Journal
from bot.ledger.outbox import Postbox, run_key
from bot.ledger.replicas import Replicas, Rhythm, new_owner
from bot.ledger.runs import ACTIVE, Busy, Duplicate, Gone, NewRun, Run, RunState, new_id
from bot.ledger.schedules import Ending, NewSchedule, Schedule, ScheduleState, Slot, SlotState
from bot.ledger.store import Ledger
from bot.ledger.streams import StreamBook, StreamRow
from bot.ledger.timetable import Timetable

__all__ = [
    "ACTIVE",
    "Audit",
    "Busy",
    "Duplicate",
    "Ending",
    "Gone",
    "Journal",
    "Ledger",
    "NewRun",
    "NewSchedule",
    "Postbox",
    "Replicas",
    "Rhythm",
    "Run",
    "RunState",
    "Schedule",
    "ScheduleState",
    "Slot",
    "SlotState",
    "StreamBook",
    "StreamRow",
    "Timetable",
    "new_id",
    "new_owner",
    "run_key",
]
