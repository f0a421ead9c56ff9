"""`/mesh status`: every step of the workshop with its live state, in one message."""

from __future__ import annotations

from bot.diagnosis.board import read_board
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.endpoints import KIALI, build_console, find_web_address
from bot.knowledge.workshop.progress import (
    describe_reached,
    describe_row,
    list_waiting_steps,
    summarize_rows,
)
from bot.steps import Context, Link, Role, Shared, State, Step, StepKind, Verdict
from bot.text import Text, join


async def run(context: Context, options: Shared) -> Verdict:
    """Read the live objects once and list every step's state, and which were done before."""
    board = await read_board(context)
    rows = board.rows
    done = sum(row.done for row in rows)
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
        join("sentences", summary, describe_reached(rows)),
        evidence=tuple(map(describe_row, rows)),
        brief=summarize_rows(rows),
        links=links,
        notes=context.mesh.notes,
        next=suggest_commands(context, *list_waiting_steps(rows))[:2],
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
