"""Scheduled bursts: a result is reported when it differs from the previous one."""

from __future__ import annotations

from bot.knowledge.bookinfo import traffic_report
from bot.ports import LoadSpec, TrafficReport
from bot.steps import Context, ReplyTarget, SlotContext, SlotReport, State

WELL = "well"


async def send_burst(context: Context, load: LoadSpec, occasion: SlotContext) -> SlotReport:
    """Send the load, and report in the thread when errors begin, change or end."""
    seen = await context.traffic.send(context.workshop.app_namespace, load)
    verdict = await traffic_report.build_verdict(context, seen, load)
    met = summarize_errors(seen)
    news = met != occasion.memory.get("met", WELL)
    tell = ReplyTarget.THREAD if news else ReplyTarget.NOWHERE
    return SlotReport(verdict, tell, {"met": met}, failed=verdict.state is not State.DONE)


def summarize_errors(seen: TrafficReport) -> str:
    """Summarize the errors of a load without numbers, so that equal results compare equal."""
    wrong = [
        f"status {code}" if code != "0" else "no answer" for code in seen.codes if code != "200"
    ]
    wrong += ["no reviews"] if seen.versions.get("none") else []
    wrong += ["no ratings"] if seen.ratings.get("unavailable") else []
    return ", ".join(wrong) or (WELL if seen.codes else "nothing sent")
