"""`/mesh status`: every step of the workshop with its live state, in one message."""

from __future__ import annotations

from bot.diagnosis.board import read_board
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.endpoints import KIALI, build_console, find_web_address
from bot.steps import Context, Link, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Text


async def run(context: Context, options: Shared) -> Verdict:
    """Read the live objects once and list every step's state; nothing is remembered."""
    board = await read_board(context)
    rows = board.rows
    done = sum(row.done for row in rows)
    lines = tuple(
        Text("✅ {step} — {words}", step=row.step, words=row.words)
        if row.done
        else Text("▫️ not yet: {step} — {words}", step=row.step, words=row.words)
        for row in rows
    )
    waiting = [row.step for row in rows if not row.done]
    kiali = await find_web_address(context, KIALI)
    links = (
        (Link(Text("Kiali"), build_console(kiali).graph_url(context.workshop.app_namespace)),)
        if kiali.base
        else ()
    )
    summary = Text(
        "{done} of {steps} steps are in place (namespace {namespace}).",
        done=done,
        steps=len(rows),
        namespace=context.workshop.app_namespace,
    )
    return Verdict(
        State.DONE,
        summary,
        evidence=lines,
        links=links,
        notes=context.mesh.notes,
        next=suggest_commands(context, *waiting)[:2],
    )


STEP = Step(
    id="status",
    title=Text("Status"),
    summary=Text("every step of the workshop with its live state"),
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("board", "state"),
    examples=("status", "status share", "status in=bookinfo"),
)
