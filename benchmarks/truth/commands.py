"""Every command of the workshop, typed by hand on the sandbox: exit code, output of each stream and
the objects that it made, changed and removed, beside what the real programs did."""

from __future__ import annotations

from pathlib import Path

from benchmarks.truth.compared import Case, Discrepancy
from tests.contract.recordings.differences import Difference
from tests.contract.recordings.play import play_sandbox
from tests.contract.recordings.texts import recording_of_texts

PARTS = ("exit code", "stdout", "stderr", "objects")


async def compare_commands(recordings: Path, release: str, home: Path) -> list[Case]:
    """Return four cases for each recorded command: one for each of the parts; none without
    recordings."""
    recording = recording_of_texts(recordings / release)
    if not recording.steps:
        return []
    play = await play_sandbox(recording, home)
    cases = {
        (part, step.number): Case(part, release, f"{step.number:02} {step.name}")
        for part in PARTS
        for step in recording.steps
    }
    noted = [*((each, "") for each in play.found), *play.explained]
    for difference, reason in noted:
        cases[_find_part(difference), difference.step].found.append(
            Discrepancy(
                f"{difference.what} [{difference.facet}]",
                difference.recorded,
                difference.found,
                reason,
            )
        )
    return list(cases.values())


def _find_part(difference: Difference) -> str:
    return difference.what if difference.what in PARTS else "objects"
