"""Who may see an uploaded file: its owner at first, then everyone where a message was posted that shows it.

Slack lets a message show a file (`slack_file` in an image block) once it has worked through the upload, and only for
who can see the file. A message that is posted takes the file along to its channel; one that is edited does not, and its
readers see a file that is not found (bolt-python issue 1295).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from bot.sandbox.workspace.core import Core
from bot.sandbox.workspace.refusals import refuse
from bot.sandbox.workspace.state import State
from bot.slackrules import Problem

Json = dict[str, Any]
SHOWN_TYPES = (".png", ".jpg", ".jpeg", ".gif")


def shown_files(blocks: Any) -> Iterator[tuple[str, str]]:
    """The ids of the files that blocks show, each with its JSON pointer."""
    for index, block in enumerate(blocks if isinstance(blocks, list) else ()):
        if not isinstance(block, dict):
            continue
        places = [("", block), ("/accessory", block.get("accessory"))]
        places += [(f"/elements/{i}", element) for i, element in enumerate(block.get("elements") or ())]
        for where, holder in places:
            if (
                isinstance(holder, dict)
                and holder.get("type") == "image"
                and isinstance(holder.get("slack_file"), dict)
            ):
                yield str(holder["slack_file"].get("id", "")), f"/blocks/{index}{where}/slack_file"


def check_files(core: Core, blocks: Any, *, channel: str = "") -> None:
    """Refuses blocks with a file that the bot cannot show; with `channel`, one that was not shared there."""
    problems = []
    for id_, pointer in shown_files(blocks):
        entry = core.state.files.get(id_)
        ready = entry is not None and ready_to_show(entry, core.hurt.file_delay)
        if not ready or (channel and entry is not None and channel not in entry["shared"]):
            problems.append(Problem("invalid_blocks", pointer, "invalid slack file"))
    refuse(problems)


def ready_to_show(entry: Json, delay: float) -> bool:
    """True for a finished picture that has been worked through."""
    finished = entry.get("finished")
    return finished is not None and time.monotonic() - finished >= delay and entry["name"].endswith(SHOWN_TYPES)


def take_along(state: State, blocks: Any, *, channel: str = "", person: str = "") -> None:
    """The files in blocks that were posted can be seen in that channel, or by that person."""
    for id_, _ in shown_files(blocks):
        if id_ in state.files:
            state.files[id_]["shared"].update({channel, person} - {""})


def file_for(state: State, id_: str, user: str) -> Json | None:
    """The file, when this person may see it; None is what Slack answers with 404."""
    entry = state.files.get(id_)
    if entry is None or entry["bytes"] is None:
        return None
    places = {channel.id for channel in state.channels.values() if user in channel.members}
    return entry if entry["shared"] & {user, *places} else None
