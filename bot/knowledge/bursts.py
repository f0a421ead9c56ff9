"""A burst that comes again and again: what it met is told when that is something else than the last time."""

from __future__ import annotations

from bot.knowledge import requests
from bot.ports import Load, Seen
from bot.steps import Context, Occasion, Report, State, Tell

WELL = "well"


async def report(context: Context, load: Load, occasion: Occasion) -> Report:
    """Sends the load; the thread hears of errors when they begin, change and end."""
    seen = await context.traffic.send(context.workshop.app_namespace, load)
    verdict = await requests.verdict(context, seen, load)
    met = mood(seen)
    news = met != occasion.memory.get("met", WELL)
    tell = Tell.THREAD if news else Tell.NOWHERE
    return Report(verdict, tell, {"met": met}, failed=verdict.state is not State.DONE)


def mood(seen: Seen) -> str:
    """What went wrong in a load, without its numbers, so that the same again is the same."""
    wrong = [f"status {code}" if code != "0" else "no answer" for code in seen.codes if code != "200"]
    wrong += ["no reviews"] if seen.versions.get("none") else []
    wrong += ["no ratings"] if seen.ratings.get("unavailable") else []
    return ", ".join(wrong) or (WELL if seen.codes else "nothing sent")
