"""`/mesh status`: every step of the workshop with its live state, in one message."""

from __future__ import annotations

from bot.knowledge import board, snapshot
from bot.knowledge.offers import offer
from bot.knowledge.reach import KIALI, console, reach
from bot.steps import Context, Link, Role, Shape, Shared, State, Step, Verdict


async def run(context: Context, options: Shared) -> Verdict:
    """One pass over the live objects; nothing is remembered."""
    rows = board.rows(await snapshot.observed(context))
    done = sum(row.done for row in rows)
    lines = tuple(f"{'✅' if row.done else '▫️ not yet:'} {row.step} — {row.words}" for row in rows)
    waiting = [row.step for row in rows if not row.done]
    kiali = await reach(context, KIALI)
    links = (Link("Kiali", console(kiali).graph(context.workshop.app_namespace)),) if kiali.base else ()
    summary = f"{done} of {len(rows)} steps are in place (namespace {context.workshop.app_namespace})."
    return Verdict(
        State.DONE, summary, evidence=lines, links=links, notes=context.mesh.notes, next=offer(context, *waiting)[:2]
    )


STEP = Step(
    id="status",
    title="Status",
    summary="every step of the workshop with its live state",
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=Shape.ANSWER,
    aliases=("board", "state"),
    examples=("status", "status share", "status in=bookinfo"),
)
