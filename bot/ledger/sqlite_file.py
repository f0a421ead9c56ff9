"""The file of a SQLite ledger: private to the bot, and noticed when it goes while the bot runs.

On Unix a file that is deleted or replaced stays as it was for whoever has it open: a bot would
write on into it, and all of that would be gone when it ends.
"""

from __future__ import annotations

import logging
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from bot.errors import LedgerError
from bot.text import EMPTY, Text

log = logging.getLogger(__name__)

PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
BESIDE = ("", "-wal", "-shm")
"""Endings of the files that SQLite keeps in write-ahead mode."""


def make_private(path: Path) -> None:
    """Make the file, and the folders that are missing, so that only this user can read them.

    Files that are there already are closed to others; a file of somebody else's is left as it
    is. Raises OSError.
    """
    for folder in reversed([each for each in path.parents if not each.exists()]):
        folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
    # SQLite gives the files beside it the rights of this one.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE))
    for ending in BESIDE:
        _close_to_others(path.with_name(path.name + ending))


def _close_to_others(path: Path) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & ~PRIVATE:
            path.chmod(PRIVATE)
            log.info("%s was readable by others (%o); it is not any more", path, mode)
    except FileNotFoundError:
        return
    except PermissionError:
        log.warning("%s belongs to somebody else, so who may read it is left as it is", path)


@dataclass
class FileWatch:
    """Watches that the file at `path` is the one that was opened."""

    path: Path
    _opened: tuple[int, int] = field(init=False)
    _missed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        found = self.path.stat()
        self._opened = (found.st_dev, found.st_ino)

    def check(self) -> None:
        """Raise LedgerError when the file was deleted or replaced; one `stat`, no waiting."""
        problem, why = self._find_problem()
        if problem and not self._missed:
            log.error("%s", problem)
        elif self._missed and not problem:
            log.warning("the ledger's file %s is back", self.path)
        self._missed = bool(problem)
        if problem:
            raise LedgerError(problem, why)

    def _find_problem(self) -> tuple[str, Text]:
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            happened, why = "was deleted or moved away", Text("its file is gone")
        else:
            if (found.st_dev, found.st_ino) == self._opened:
                return "", EMPTY
            happened, why = "was replaced", Text("its file was replaced while the bot runs")
        return (
            f"The ledger ({self.path}) cannot be used: its file {happened} while the bot runs. "
            "Put it back, or start the bot again to go on with what is there.",
            why,
        )
