"""`/mesh why`: which cause holds, with its evidence and what ends it."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from bot.diagnosis import diagnosis_words, reading
from bot.diagnosis.asked_diagnosis import diagnose_namespace
from bot.knowledge.workshop.step_lookup import get_step
from bot.steps import Context, Role, Shared, Step, StepKind, Verdict
from bot.text import Text


class WhyOptions(Shared):
    """Options of `why`."""

    step: Annotated[
        str,
        Field(default="", max_length=30),
        Text("the step that the question is about, e.g. fault"),
    ]


async def run(context: Context, options: WhyOptions) -> Verdict:
    """Read the cluster once, and name the causes that hold for the namespace."""
    step = get_step(context, options.step, STEP.id).id if options.step else ""
    place = options.namespace or (context.caller.own if context.caller.confined else "")
    if place:
        context = replace(context, workshop=replace(context.workshop, app_namespace=place))
    namespace = context.workshop.app_namespace
    cluster = await reading.read_cluster_state(context, namespace)
    state, diagnosis = await diagnose_namespace(context, cluster, namespace, step=step)
    return diagnosis_words.build_verdict(context, state, diagnosis, place=place)


STEP = Step(
    id="why",
    title=Text("Why"),
    summary=Text("the cause when something does not work, with its evidence and what ends it"),
    run=run,
    options=WhyOptions,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("diagnose", "doctor"),
    positional=("step",),
    examples=("why", "why fault", "why in=bookinfo", "why share"),
    explain=Text(
        "Asked by a mention (`@meshbot why`) in the thread of a run's message, or by *Why?* in the "
        "menu of that message, it is about that run."
    ),
    about_runs=True,
)
