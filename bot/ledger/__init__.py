"""The ledger: who asked for what, when, and with which result.

It remembers requests and results alone; what is true is read from the cluster each time. SQLite by default, PostgreSQL
by one URL.
"""

from bot.ledger.runs import ACTIVE, Busy, Duplicate, Gone, NewRun, Run, RunState
from bot.ledger.store import Ledger

__all__ = ["ACTIVE", "Busy", "Duplicate", "Gone", "Ledger", "NewRun", "Run", "RunState"]
