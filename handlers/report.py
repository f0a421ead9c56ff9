"""`/mesh report`: what became of the workshop, for its hosts: steps with their times, causes that
were met, who asked what, and the feedback; as files in the thread, Markdown and HTML."""

from __future__ import annotations

from bot.knowledge.workshop import workshop_report
from bot.knowledge.workshop.session_log import count_feedback, describe_count, read_session
from bot.steps import Context, Options, Role, State, Step, Verdict
from bot.text import Seconds, Text, counted


async def run(context: Context, options: Options) -> Verdict:
    """Collect the newest session of this channel, and count it."""
    log = await read_session(context)
    if not log.runs:
        return Verdict(
            State.NORMAL,
            Text("nothing was run in this channel yet, so there is nothing to report."),
        )
    causes = await context.history.met_causes(log.begun, channel=context.channel)
    given = count_feedback(log.entries)
    return Verdict(
        State.DONE,
        Text(
            "{count}, in {time}; the files are in the thread.",
            count=describe_count(log),
            time=Seconds(log.seconds, "rough"),
        ),
        evidence=(
            counted("{n} cause was met", "{n} causes were met", n=len(causes)),
            workshop_report.describe_feedback(given),
        ),
        document=workshop_report.build_report(context, log, causes),
    )


STEP = Step(
    id="report",
    title=Text("Report"),
    summary=Text("the workshop as files: steps with times, causes met, who asked what, feedback"),
    run=run,
    role=Role.HOST,
    examples=("report",),
)
