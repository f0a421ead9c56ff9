"""The SQLite file's promises: nobody else reads it, and it is missed when it goes."""

from __future__ import annotations

import logging
import shutil
import stat
from pathlib import Path

import pytest

from bot.errors import LedgerError
from bot.ledger import Ledger
from tests.ledger.conftest import asked


def mode(path: Path) -> int:
    """Who may do what with a file."""
    return stat.S_IMODE(path.stat().st_mode)


def modes(folder: Path) -> dict[str, int]:
    """The same, of all files in a folder."""
    return {file.name: mode(file) for file in sorted(folder.iterdir())}


def change_modes(folder: Path, wanted: int) -> None:
    """Lets somebody do something with all files in a folder."""
    for file in folder.iterdir():
        file.chmod(wanted)


async def test_the_file_is_private(tmp_path: Path) -> None:
    """And so are those beside it, and each folder that is made for it; one that was there stays."""
    path, before = tmp_path / "a" / "b" / "meshbot.sqlite", mode(tmp_path)
    ledger = await Ledger.open(f"sqlite:///{path}")
    await ledger.runs.begin_run(asked())
    files = ("meshbot.sqlite", "meshbot.sqlite-shm", "meshbot.sqlite-wal")
    assert modes(path.parent) == dict.fromkeys(files, 0o600)
    assert (mode(path.parent), mode(path.parent.parent), mode(tmp_path)) == (0o700, 0o700, before)
    await ledger.close()


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    """One that an earlier version made, with what SQLite left beside it."""
    path = tmp_path / "meshbot.sqlite"
    ledger = await Ledger.open(f"sqlite:///{path}")
    await ledger.runs.begin_run(asked())
    change_modes(tmp_path, 0o644)
    other = await Ledger.open(f"sqlite:///{path}")
    assert set(modes(tmp_path).values()) == {0o600}
    await other.close()
    await ledger.close()


@pytest.mark.parametrize("happens", ["deleted", "moved", "replaced", "folder"])
async def test_a_file_that_goes_is_missed(
    tmp_path: Path, happens: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is written into what nobody will find again: an error, once in the log, and when the
    file is back, it goes on."""
    path, aside = tmp_path / "there" / "meshbot.sqlite", tmp_path / "aside"
    ledger = await Ledger.open(f"sqlite:///{path}")
    await ledger.runs.begin_run(asked())
    if happens == "folder":
        path.parent.rename(aside)
    else:
        path.rename(aside)
    if happens == "deleted":
        aside.unlink()
    if happens == "replaced":
        shutil.copy(aside, path)
    said = "was replaced" if happens == "replaced" else "was deleted or moved away"
    with caplog.at_level(logging.ERROR, "bot.ledger"):
        for ask in (ledger.ping, lambda: ledger.runs.begin_run(asked()), ledger.ping):
            with pytest.raises(LedgerError, match=f"{said} while the bot runs"):
                await ask()
    assert len(caplog.records) == 1
    if happens == "moved":
        aside.rename(path)
        await ledger.ping()
        assert (await ledger.runs.begin_run(asked())).is_active
    await ledger.close()
