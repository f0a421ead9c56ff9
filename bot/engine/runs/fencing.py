"""Refuses work while this process is cut off from the ledger."""

from __future__ import annotations

from bot.errors import LedgerError
from bot.ledger import Replicas
from bot.text import Text


def check_not_fenced(replicas: Replicas) -> None:
    """Raise LedgerError while other processes may take over what this one does."""
    if replicas.is_fenced:
        raise LedgerError(
            "this process has lost touch with the ledger",
            Text("this process has lost touch with it, and another one may have taken over"),
        )
