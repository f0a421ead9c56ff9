"""Visibility of uploaded files: their owner sees them at first, then everyone where a
message shows them.

Slack lets a message show a file (`slack_file` in an image block) once it has worked
through the upload, and only for who can see the file. A message that is posted takes
the file along to its channel; one that is edited does not, and its readers see a file
that is not found (bolt-python issue 1295).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from bot.slackrules import Problem
from sandbox.workspace.core import Core
from sandbox.workspace.refusals import raise_for_problems
from sandbox.workspace.state import State

Json = dict[str, Any]
SHOWN_TYPES = (".png", ".jpg", ".jpeg", ".gif")


def iter_shown_files(blocks: Any) -> Iterator[tuple[str, str]]:
    """Yield the id of each file that blocks show, with its JSON pointer."""
    for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
        if not isinstance(block, dict):
            continue
        places = [("", block), ("/accessory", block.get("accessory"))]
        places += [
            (f"/elements/{i}", element) for i, element in enumerate(block.get("elements") or ())
        ]
        for where, holder in places:
            if (
                isinstance(holder, dict)
                and holder.get("type") == "image"
                and isinstance(holder.get("slack_file"), dict)
            ):
                yield str(holder["slack_file"].get("id", "")), f"/blocks/{index}{where}/slack_file"


def check_shown_files(core: Core, blocks: Any, *, channel: str = "") -> None:
    """Raise Refusal for blocks with a file that the bot cannot show.

    With `channel`, also for a file that was not shared there.
    """
    problems = []
    for id_, pointer in iter_shown_files(blocks):
        entry = core.state.files.get(id_)
        ready = entry is not None and is_ready_to_show(entry, core.faults.file_delay)
        if not ready or (channel and entry is not None and channel not in entry["shared"]):
            problems.append(Problem("invalid_blocks", pointer, "invalid slack file"))
    raise_for_problems(problems)


def is_ready_to_show(entry: Json, delay: float) -> bool:
    """Tell whether a file is a finished picture that Slack has worked through.

    `delay` is in wall seconds after the upload.
    """
    finished = entry.get("finished")
    return (
        finished is not None
        and time.monotonic() - finished >= delay
        and entry["name"].endswith(SHOWN_TYPES)
    )


def share_shown_files(state: State, blocks: Any, *, channel: str = "", person: str = "") -> None:
    """Share the files in posted blocks with that channel, or with that person."""
    for id_, _ in iter_shown_files(blocks):
        if id_ in state.files:
            state.files[id_]["shared"].update({channel, person} - {""})


def find_visible_file(state: State, id_: str, user: str) -> Json | None:
    """Return the file when this user may see it; None is what Slack answers with 404."""
    entry = state.files.get(id_)
    if entry is None or entry["bytes"] is None:
        return None
    places = {channel.id for channel in state.channels.values() if user in channel.members}
    return entry if entry["shared"] & {user, *places} else None
