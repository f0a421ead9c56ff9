"""Tells a step that waits for the page when waiting cannot bring it: what hinders it is written
down in an object, and stays until somebody changes that.
"""

from __future__ import annotations

import asyncio
import logging

from bot.diagnosis.cause import CauseKind, Subject
from bot.diagnosis.diagnose import NamedCause
from bot.diagnosis.verdicts import TIMEOUT, choose_cause, read_diagnosis
from bot.errors import MeshbotError
from bot.steps import Context, Step

log = logging.getLogger(__name__)

PAUSE = 6.0
"""Seconds before the first look, and before the one that confirms it. A rule is at the proxies
within one or two (Istio 1.30)."""
LONGER = 20.0
"""Seconds before the next look where the last one named nothing: a class may be waiting at once."""
LASTING = {Subject.RULES, Subject.SECURITY, Subject.APPLICATION}
"""Subjects whose broken causes are fields of objects. What a pod does may pass by itself."""


async def wait_for_lasting_cause(context: Context, step: Step) -> None:
    """Return once two looks in a row named the same cause, one that does not pass by itself.

    Where nothing can be read, or nothing is named, it goes on looking.
    """
    before, pause = None, PAUSE
    while True:
        await asyncio.sleep(pause)
        named = await find_cause(context, step)
        found = named.cause.id if named is not None and is_lasting(named) else None
        if found is not None and found == before:
            log.info("%s waits no longer: %s", step.id, found)
            return
        before, pause = found, PAUSE if found is not None else LONGER


async def find_cause(context: Context, step: Step) -> NamedCause | None:
    """Return the first cause that a step's verdict would name now; None when none is known."""
    try:
        async with asyncio.timeout(TIMEOUT):
            diagnosis = await read_diagnosis(context, step, with_questions=True)
    except (MeshbotError, TimeoutError):
        return None
    return choose_cause(step, diagnosis, met=False)


def is_lasting(named: NamedCause) -> bool:
    """Tell whether a cause stays until somebody changes an object."""
    return named.cause.kind is CauseKind.BROKEN and named.cause.subject in LASTING
