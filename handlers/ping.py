"""`/mesh ping`: do istiod, the gateway, Prometheus, Jaeger and Kiali answer. Again and again (`ping every 1m`) it is
quiet while nothing changes, and says once what goes down, since when and why, and once that it is back."""

from __future__ import annotations

from bot.knowledge import pinging
from bot.knowledge.offers import offer
from bot.knowledge.pinging import DOWN, UP, Pulse
from bot.steps import Context, Occasion, Regular, Report, Role, Shape, Shared, State, Step, Tell, Verdict


async def run(context: Context, options: Shared) -> Verdict:
    """One look."""
    return verdict(context, await pinging.look(context), {})


async def regularly(context: Context, options: Shared, occasion: Occasion) -> Report:
    """One look, compared with the last."""
    found = await pinging.look(context)
    news = pinging.compare(found, occasion.memory, occasion.at + occasion.late)
    told = verdict(context, found, news.memory)
    if not news.down and not news.back:
        return Report(told, Tell.NOWHERE, news.memory)
    said = Verdict(
        State.NOT_YET if news.down else State.DONE,
        "; ".join((*news.down, *news.back)) + ".",
        evidence=told.evidence if news.down and news.back else (),
        next=told.next if news.down else (),
    )
    return Report(said, Tell.CHANNEL, news.memory)


def verdict(context: Context, found: list[Pulse], memory: dict[str, object]) -> Verdict:
    """How it stands with all of them."""
    down = [one for one in found if one.state == DOWN or pinging.line(one, memory).startswith("❌")]
    up = [one for one in found if one.state == UP]
    lines = tuple(pinging.line(one, memory) for one in found)
    if down:
        names = ", ".join(one.title for one in down)
        because = "; ".join(f"{one.title}: {one.why}" for one in down) + "."
        return Verdict(State.NOT_YET, f"{names} {are(down)} down.", because, lines, next=offer(context, "status"))
    if len(up) == 1:
        return Verdict(
            State.DONE, "there is nothing here yet.", evidence=lines, next=offer(context, "install", "status")
        )
    return Verdict(State.DONE, f"all is well: {', '.join(one.title for one in up)} answer.", evidence=lines)


def are(things: list[Pulse]) -> str:
    """`is` or `are`."""
    return "is" if len(things) == 1 else "are"


STEP = Step(
    id="ping",
    title="Ping",
    summary="do istiod, the gateway, Prometheus, Jaeger and Kiali answer; `ping every 1m` says when that changes",
    run=run,
    options=Shared,
    role=Role.ATTENDEE,
    shape=Shape.ANSWER,
    aliases=("health",),
    examples=("ping", "ping share", "ping every 1m", "ping every 30s until 17:00"),
    regular=Regular(
        run=regularly,
        examples=("ping every 1m", "ping every 30s until 17:00"),
        least=lambda options: 10.0,
        again=True,
    ),
)
