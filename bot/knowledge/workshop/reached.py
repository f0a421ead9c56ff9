"""Steps that were done in this workshop, whether or not what they made is still in force.

The cluster tells what is in force; what was reached is remembered, so that no success of a later
step, such as `reset`, `fault off` or `ambient`, takes it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from bot.errors import LedgerError
from bot.kinds import Object
from bot.records import DoneRun
from bot.steps import Context, Scope

BEGINS, ENDS = "install", "uninstall"
"""An installation after the mesh was taken away begins another workshop."""
CHECKS = "preflight"
"""What is asked before an installation, and belongs to it."""
ENDINGS = ("off", "stop")
"""Words by which a step takes back what it made."""
TAKEN_BACK_BY = {"fault": "unfault"}
"""Steps that do the same as another one with `off`."""
NORMAL_TOO = ("timeout", "retry")
"""Steps that are done when they found what is normal: a limit that nobody meets is in force all the
same."""
DAY = 86400.0
"""Seconds before the mesh in which its workshop may have begun, with `preflight`."""
ANSWERED = "traces"
"""A step of the workshop that only answers: the audit has what became of it."""


async def list_reached_steps(context: Context, mesh: Iterable[Object]) -> frozenset[str]:
    """Return the steps that were done in this workshop, for the namespace of the command.

    `mesh` are the workloads of the mesh: what was done days before they were made was done in
    another cluster. Empty while the database is away.
    """
    try:
        runs = await context.history.done_runs(or_normal=NORMAL_TOO)
        seen = await context.audit_trail.entries(most=50, step=ANSWERED)
    except LedgerError:
        return frozenset()
    begun = max(find_beginning(runs), find_oldest_moment(mesh) - DAY)
    own = {step.id for step in context.steps if step.scope is Scope.APPLICATION}
    here = context.workshop.app_namespace
    removed = max((run.at for run in runs if run.step == ENDS and run.at < begun), default=0.0)
    found = {
        name_reached(run)
        for run in runs
        if run.at >= (max(removed, begun - DAY) if run.step == CHECKS else begun)
        and (run.step not in own or get_namespace(context, run) == here)
    } - {""}
    answered = (row for row in seen if row.outcome == "done" and row.namespace in ("", here))
    if any(row.at.timestamp() >= begun for row in answered):
        found.add(ANSWERED)
    return frozenset(found)


def name_reached(run: DoneRun) -> str:
    """Return the step that a run did; one that took back what it had made did another, or none."""
    return TAKEN_BACK_BY.get(run.step, "") if takes_back(run) else run.step


def find_oldest_moment(objects: Iterable[Object]) -> float:
    """Return when the oldest of these was made (epoch seconds), 0 without any."""
    made = [str(obj["metadata"].get("creationTimestamp") or "") for obj in objects]
    return min((datetime.fromisoformat(at).timestamp() for at in made if at), default=0.0)


def find_beginning(runs: Sequence[DoneRun]) -> float:
    """Return when this workshop began (epoch seconds), by its runs, the newest first.

    That is the first installation since the mesh was last taken away, or else the beginning of
    everything: what was done stays when the mesh is gone, until the next one is made.
    """
    installed = [run.at for run in runs if run.step == BEGINS]
    removed = [run.at for run in runs if run.step == ENDS]
    last = max((at for at in removed if any(later > at for later in installed)), default=0.0)
    return min((at for at in installed if at > last), default=0.0) if last else 0.0


def takes_back(run: DoneRun) -> bool:
    """Tell whether a run ended what its step had made."""
    values: Iterable[object] = run.options.values()
    return run.options.get("off") is True or any(value in ENDINGS for value in values)


def get_namespace(context: Context, run: DoneRun) -> str:
    """Return the application's namespace that a run was about."""
    return str(run.options.get("in") or context.workshop.shared_namespace)
