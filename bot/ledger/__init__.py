"""The ledger: who asked for what, when, and with which result.

It remembers requests, results, what stood there before a change, and the audit; what is true is
read from the cluster each time. SQLite by default, PostgreSQL by one URL.
"""

from bot.ledger.audit_store import SqlAuditTrail
from bot.ledger.failure_detector import FailureDetector
from bot.ledger.journal import SqlHistory
from bot.ledger.outbox import (
    SCHEDULE,
    SqlOutbox,
    build_run_key,
    build_schedule_key,
    parse_message_key,
)
from bot.ledger.replicas import HeartbeatTiming, Replicas, generate_owner
from bot.ledger.retention import RetentionTimes
from bot.ledger.run_records import (
    ACTIVE,
    DuplicateRequest,
    NewRun,
    Run,
    RunNotResumable,
    RunState,
    ScopeLocked,
    generate_id,
)
from bot.ledger.schedule_records import (
    NewSchedule,
    Schedule,
    ScheduleState,
    Slot,
    SlotResult,
    SlotState,
)
from bot.ledger.schedule_store import SqlSchedules
from bot.ledger.slot_store import ScheduleAdvance, SqlSlots
from bot.ledger.store import Ledger
from bot.ledger.stream_store import SqlStreams, StreamRow
from bot.ledger.waiting_store import WaitingCommand

__all__ = [
    "WaitingCommand",
    "ACTIVE",
    "SqlAuditTrail",
    "ScopeLocked",
    "DuplicateRequest",
    "SlotResult",
    "RunNotResumable",
    "FailureDetector",
    "SqlHistory",
    "Ledger",
    "NewRun",
    "NewSchedule",
    "SqlOutbox",
    "Replicas",
    "RetentionTimes",
    "HeartbeatTiming",
    "Run",
    "RunState",
    "Schedule",
    "ScheduleState",
    "Slot",
    "SlotState",
    "SqlStreams",
    "StreamRow",
    "ScheduleAdvance",
    "SqlSchedules",
    "SqlSlots",
    "generate_id",
    "generate_owner",
    "build_run_key",
    "build_schedule_key",
    "parse_message_key",
    "SCHEDULE",
]
