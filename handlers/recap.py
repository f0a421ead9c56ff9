"""`/mesh recap`: what to take home, for the one who asks: what was done and seen in this channel,
the rules that are in force as YAML, the graph, three commands for at home, and links."""

from __future__ import annotations

from bot.errors import ClusterError, LedgerError
from bot.knowledge.graph.graph_report import read_graph_with_fallback
from bot.knowledge.graph.picture import build_graph_picture
from bot.knowledge.snapshot import take_snapshot
from bot.knowledge.workshop import recap, session_log
from bot.knowledge.workshop.rules_in_force import RulesInForce, format_rules, read_rules
from bot.steps import Context, Options, Role, State, Step, StepKind, Verdict
from bot.text import Listed, Text

GRAPH_SECONDS = 600
"""How far back the graph looks."""


async def run(context: Context, options: Options) -> Verdict:
    """Tell what was done in this channel, and what is left of it in the cluster."""
    try:
        log = await session_log.read_session(context)
    except LedgerError:
        return Verdict(
            State.NOT_YET,
            Text("what was done cannot be read now."),
            Text("the database does not answer; wait a moment, then type it again."),
            next=("recap",),
        )
    if not log.entries:
        return Verdict(State.NORMAL, Text("nothing was done in this channel yet."))
    rules, picture, notes = RulesInForce((), ()), None, list[Text]()
    try:
        now = await take_snapshot(context)
        rules = format_rules(await read_rules(context))
        graph, _ = await read_graph_with_fallback(context, now, GRAPH_SECONDS)
        if graph.calls:
            picture = build_graph_picture(graph, now, context.workshop.app_namespace)
        home = recap.list_home_commands(now)
    except ClusterError as problem:
        home = recap.list_home_commands(None)
        notes.append(Text("the cluster cannot be read: {why}", why=problem.message))
    if rules.left_out:
        left = Listed(rules.left_out, "comma")
        notes.append(Text("rules that did not fit: {names}; `show` has them", names=left))
    return Verdict(
        State.DONE,
        recap.summarize(log),
        evidence=(*recap.describe_steps(context, log), *recap.describe_own(context, log), *home),
        links=recap.LINKS,
        next=("feedback good", "feedback ok", "feedback bad"),
        lines=rules.lines,
        notes=tuple(notes),
        picture=picture,
    )


STEP = Step(
    id="recap",
    title=Text("Recap"),
    summary=Text("what you did and saw, your rules as YAML, the graph, and what to try at home"),
    run=run,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    examples=("recap",),
)
