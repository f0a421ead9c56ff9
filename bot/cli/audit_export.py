"""`meshbot audit`: everything that was asked, the oldest first, as lines or as CSV for a
spreadsheet."""

from __future__ import annotations

import argparse
import csv
import io
import re
import sys
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TextIO

from bot.ledger import Ledger
from bot.records import AuditEntry
from bot.settings import Settings
from bot.text import quote_where, show_hidden

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
FORMULA = (*"=+-@", *"＝＋－＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), also in the wide
characters of East Asian keyboards."""
SEPARATOR = re.compile(r"  |\[")
"""What separates the parts of a line; a command that holds one stands in quotes."""


async def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print the rows that the options select."""
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        # csv ends its lines itself, and Windows would translate their ends once more.
        out.reconfigure(encoding="utf-8", newline="" if options.csv else None)
    ledger = await Ledger.open(settings.ledger.address)
    try:
        if options.csv:
            csv.writer(out).writerow([field.name for field in fields(AuditEntry)])
        async for entry in ledger.audit.iterate_since(options.since or BEGINNING):
            if options.user in ("", entry.user) and options.step in ("", entry.step):
                write_entry(out, entry, as_csv=options.csv)
    finally:
        await ledger.close()
    return 0


def write_entry(out: TextIO, entry: AuditEntry, *, as_csv: bool) -> None:
    """Write one row, as a line or as CSV."""
    if as_csv:
        at, summary = entry.at.isoformat(timespec="milliseconds"), str(entry.summary)
        values = asdict(entry) | {"at": at, "summary": summary}
        csv.writer(out).writerow([build_cell(value) for value in values.values()])
        return
    by = f" by {entry.decided_by}" if entry.decided_by else ""
    time, words = entry.at.strftime("%Y-%m-%d %H:%M:%S"), " ".join(str(entry.summary).split())
    typed = quote_where(show_hidden(entry.arguments), SEPARATOR)
    asked = f"{entry.user}  {typed}  [{entry.namespace}]"
    # Last, for all parts: it goes to terminals, which obey what some characters say.
    out.write(show_hidden(f"{time}  {asked}  {entry.outcome}{by}: {words}") + "\n")


def build_cell(value: object) -> object:
    """Return a cell in which everything is seen, and that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    shown = show_hidden(value)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown
