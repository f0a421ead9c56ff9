"""`/mesh digest`: where the workshop stands, what changed, what flows, who did what, and what comes next. By schedule
(`digest weekdays 09:00 Europe/Madrid`) it is posted for the whole channel, once even when the bot was away."""

from __future__ import annotations

import time

from bot.knowledge import board, digesting, snapshot
from bot.knowledge.answering import at_kiali
from bot.knowledge.offers import offer
from bot.steps import Context, Occasion, Regular, Report, Role, Shape, Shared, State, Step, Tell, Verdict


async def run(context: Context, options: Shared) -> Verdict:
    """Once, of the last day."""
    return (await told(context, Occasion(time.time()))).verdict


async def regularly(context: Context, options: Shared, occasion: Occasion) -> Report:
    """Compared with the last one, and shown to the channel."""
    return await told(context, occasion)


async def told(context: Context, occasion: Occasion) -> Report:
    """The digest."""
    now = time.time()
    rows = board.rows(await snapshot.observed(context))
    since = float(occasion.memory.get("at", now - digesting.DAY))
    done = sum(row.done for row in rows)
    lines = (
        *digesting.standing(rows),
        digesting.changed(rows, occasion.memory),
        await digesting.traffic(context),
        digesting.coming([one for one in await context.schedules.entries() if one.state == "active"]),
        *digesting.deeds(await context.history.deeds(since)),
    )
    links, more = await at_kiali(
        context, "the graph", lambda console: console.graph(context.workshop.app_namespace, duration=3600)
    )
    verdict = Verdict(
        State.DONE,
        f"{done} of {len(rows)} steps are in place (namespace {context.workshop.app_namespace}).",
        evidence=tuple(line for line in lines if line),
        links=links,
        lines=more,
        next=offer(context, "status", "schedule"),
    )
    return Report(verdict, Tell.CHANNEL, digesting.remember(rows, now))


STEP = Step(
    id="digest",
    title="Digest",
    summary="where the workshop stands, what changed, what flows, who did what; `digest weekdays 09:00` posts it",
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=Shape.ANSWER,
    aliases=("summary",),
    examples=("digest", "digest share", "digest weekdays 09:00 Europe/Madrid", "digest daily 17:30"),
    regular=Regular(
        run=regularly,
        examples=("digest weekdays 09:00 Europe/Madrid", "digest daily 17:30"),
        least=lambda options: 3600.0,
        late=True,
        again=True,
    ),
)
