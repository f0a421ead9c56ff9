"""Scheduled bursts: a result is reported when it differs from the previous one."""

from __future__ import annotations

from bot.knowledge.bookinfo import traffic_verdict
from bot.ports import NO_ANSWER, UNREAD, LoadSpec, TrafficReport
from bot.steps import Context, ReplyTarget, SlotContext, SlotReport, State

NO_ERRORS = "well"
WORDS = {NO_ANSWER: "no answer", UNREAD: "unread"}


async def send_burst(context: Context, load: LoadSpec, occasion: SlotContext) -> SlotReport:
    """Send the load, and report in the thread when errors begin, change or end."""
    seen = await context.traffic.send(context.workshop.app_namespace, load)
    verdict = await traffic_verdict.build_verdict(context, seen, load)
    errors = summarize_errors(seen)
    is_new = errors != occasion.memory.get("met", NO_ERRORS)
    tell = ReplyTarget.THREAD if is_new else ReplyTarget.NOWHERE
    return SlotReport(verdict, tell, {"met": errors}, failed=verdict.state is not State.DONE)


def summarize_errors(seen: TrafficReport) -> str:
    """Return the errors of a load without numbers, so that equal results compare equal.

    It stays in the schedule's memory, which outlives releases, and is shown to nobody: a str that
    must not change, and no Text.
    """
    wrong = [WORDS.get(code, f"status {code}") for code in seen.codes if code != "200"]
    wrong += ["no reviews"] if seen.versions.get("none") else []
    wrong += ["no ratings"] if seen.ratings.get("unavailable") else []
    return ", ".join(wrong) or (NO_ERRORS if seen.codes else "nothing sent")
