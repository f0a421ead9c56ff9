"""`/mesh digest`: the state of the workshop, what changed, the traffic, who did what, and
what comes next. By schedule (`digest weekdays 09:00 Europe/Madrid`) it is posted for
the whole channel, once even when the bot was not running.
"""

from __future__ import annotations

import time

from bot.diagnosis.board import read_board
from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe.probes import link_to_kiali
from bot.knowledge.workshop import digest
from bot.knowledge.workshop.digest_traffic import describe_traffic
from bot.knowledge.workshop.progress import describe_reached
from bot.steps import (
    Context,
    Recurrence,
    ReplyTarget,
    Role,
    Shared,
    SlotContext,
    SlotReport,
    State,
    Step,
    StepKind,
    Verdict,
)
from bot.text import Text, join


async def run(context: Context, options: Shared) -> Verdict:
    """Return a digest of the last day."""
    return (await build_report(context, SlotContext(time.time()))).verdict


async def run_scheduled(context: Context, options: Shared, slot: SlotContext) -> SlotReport:
    """Return a digest compared with the previous one, to be shown in the channel."""
    return await build_report(context, slot)


async def build_report(context: Context, slot: SlotContext) -> SlotReport:
    """Build the digest, compared with the memory of the previous slot."""
    now = time.time()
    rows = (await read_board(context)).rows
    since = float(slot.memory.get("at", now - digest.DAY))
    done = sum(row.done for row in rows)
    lines: tuple[Text, ...] = (
        *digest.describe_progress(rows),
        digest.describe_changes(rows, slot.memory),
        *await describe_traffic(context, since),
        digest.describe_next_schedules(
            [one for one in await context.schedules.entries() if one.state == "active"]
        ),
        *digest.describe_runs(await context.history.run_summaries(since)),
    )
    links, more = await link_to_kiali(
        context,
        Text("the graph"),
        lambda console: console.graph_url(context.workshop.app_namespace, duration=3600),
    )
    verdict = Verdict(
        State.DONE,
        join(
            "sentences",
            Text(
                "{done} of {steps} steps are in place (namespace {namespace}).",
                done=done,
                steps=len(rows),
                namespace=context.workshop.app_namespace,
            ),
            describe_reached(rows),
        ),
        evidence=tuple(line for line in lines if line),
        links=links,
        lines=more,
        next=suggest_commands(context, "status", "schedule"),
    )
    return SlotReport(verdict, ReplyTarget.CHANNEL, digest.build_memory(rows, now))


STEP = Step(
    id="digest",
    title=Text("Digest"),
    summary=Text(
        "where the workshop stands, what changed, what flows, who did what; "
        "`digest weekdays 09:00` posts it"
    ),
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("summary",),
    examples=(
        "digest",
        "digest share",
        "digest weekdays 09:00 Europe/Madrid",
        "digest daily 17:30",
    ),
    regular=Recurrence(
        run=run_scheduled,
        examples=("digest weekdays 09:00 Europe/Madrid", "digest daily 17:30"),
        least=lambda options: 3600.0,
        late=True,
        again=True,
    ),
)
