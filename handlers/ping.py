"""`/mesh ping`: checks that istiod, the gateway, Prometheus, Jaeger and Kiali answer. By
schedule (`ping every 1m`) it reports only changes: once what goes down, since when and
why, and once that it is back.
"""

from __future__ import annotations

from bot.knowledge.objects.suggestions import suggest_commands
from bot.knowledge.observe import health
from bot.knowledge.observe.health import DOWN, UP, HealthResult
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
from bot.text import Listed, Text, counted


async def run(context: Context, options: Shared) -> Verdict:
    """Check everything once."""
    return build_verdict(context, await health.check_all(context), {})


async def run_scheduled(context: Context, options: Shared, occasion: SlotContext) -> SlotReport:
    """Check everything, and report only what changed since the previous slot."""
    found = await health.check_all(context)
    news = health.compare_with_memory(found, occasion.memory, occasion.at + occasion.late)
    told = build_verdict(context, found, news.memory)
    if not news.down and not news.back:
        return SlotReport(told, ReplyTarget.NOWHERE, news.memory)
    said = Verdict(
        State.NOT_YET if news.down else State.DONE,
        Text("{changes}.", changes=Listed((*news.down, *news.back), "semicolon")),
        evidence=told.evidence if news.down and news.back else (),
        next=told.next if news.down else (),
    )
    return SlotReport(said, ReplyTarget.CHANNEL, news.memory)


def build_verdict(
    context: Context, found: list[HealthResult], memory: dict[str, object]
) -> Verdict:
    """Return a verdict on all targets: which are down and why."""
    down = [
        one
        for one in found
        if one.state == DOWN or str(health.describe_health(one, memory)).startswith("❌")
    ]
    up = [one for one in found if one.state == UP]
    lines = tuple(health.describe_health(one, memory) for one in found)
    if down:
        names = Listed([one.title for one in down], "comma")
        reasons = [Text("{title}: {why}", title=one.title, why=one.why) for one in down]
        return Verdict(
            State.NOT_YET,
            counted("{names} is down.", "{names} are down.", n=len(down), names=names),
            Text("{reasons}.", reasons=Listed(reasons, "semicolon")),
            lines,
            next=suggest_commands(context, "status"),
        )
    if len(up) == 1:
        return Verdict(
            State.DONE,
            Text("there is nothing here yet."),
            evidence=lines,
            next=suggest_commands(context, "install", "status"),
        )
    return Verdict(
        State.DONE,
        Text("all is well: {up} answer.", up=Listed((one.title for one in up), "comma")),
        evidence=lines,
    )


def choose_verb(things: list[HealthResult]) -> str:
    """Return `is` for one thing and `are` for several."""
    return "is" if len(things) == 1 else "are"


STEP = Step(
    id="ping",
    title=Text("Ping"),
    summary=Text(
        "do istiod, the gateway, Prometheus, Jaeger and Kiali answer; `ping every 1m` says when "
        "that changes"
    ),
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=StepKind.ANSWER,
    aliases=("health",),
    examples=("ping", "ping share", "ping every 1m", "ping every 30s until 17:00"),
    regular=Recurrence(
        run=run_scheduled,
        examples=("ping every 1m", "ping every 30s until 17:00"),
        least=lambda options: 10.0,
        again=True,
    ),
)
