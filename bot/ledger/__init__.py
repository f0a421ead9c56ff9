"""The ledger: who asked for what, when, and with which result.

It remembers requests, results, and what stood there before a change; what is true is read from the cluster each time.
SQLite by default, PostgreSQL by one URL.
"""

from bot.ledger.journal import Journal
from bot.ledger.outbox import Postbox, run_key
from bot.ledger.replicas import Replicas, Rhythm, new_owner
from bot.ledger.runs import ACTIVE, Busy, Duplicate, Gone, NewRun, Run, RunState
from bot.ledger.store import Ledger

__all__ = [
    "ACTIVE",
    "Busy",
    "Duplicate",
    "Gone",
    "Journal",
    "Ledger",
    "NewRun",
    "Postbox",
    "Replicas",
    "Rhythm",
    "Run",
    "RunState",
    "new_owner",
    "run_key",
]
