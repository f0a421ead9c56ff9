"""What metrics and probes say of messages on their way to Slack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.metrics import Metric, counter
from bot.slack.outbound.edits import EditQueue
from bot.slack.outbound.post_sender import PostSender
from bot.slack.outbound.refusing_places import RefusingPlaces

OUTCOMES = ("found", "absent", "repeated", "given_up", "left")
"""What becomes of posts whose answer was lost."""

MOST_NAMED = 5
"""Channels that a probe's answer names."""


def collect_figures(
    sender: PostSender, edits: EditQueue, pending: int, held: Mapping[int, str]
) -> Iterator[Metric]:
    """Yield the metrics; `held` has the code with which each message is refused for now."""
    yield counter("posts", "Messages that Slack took.", sender.count)
    for outcome in OUTCOMES:
        yield counter(
            "posts_unsure",
            "Posts that Slack may have taken unseen, by what became of them.",
            sender.unsure[outcome],
            outcome=outcome,
        )
    yield counter(
        "posts_repeated",
        "Posts sent again without knowing whether Slack had them; each may be there twice.",
        sender.unsure["repeated"],
    )
    yield counter("edits", "Edits that Slack took.", edits.sent)
    yield counter(
        "edits_coalesced", "Edits that a newer one replaced before they were sent.", edits.coalesced
    )
    yield counter("edits_lost", "Edits that were refused or given up.", edits.lost)
    waits = sender.gate.waits + edits.gate.waits
    yield counter("slack_limit_waits", "How often Slack answered 429.", waits)
    yield Metric(
        "messages_pending", "Messages here with something that Slack does not have yet.", pending
    )
    yield Metric(
        "messages_held",
        "Messages of this process that wait because their channel takes none just now.",
        len(held),
    )


def describe_refusing_places(places: RefusingPlaces, held: int) -> str:
    """Return where Slack takes no messages just now, and how many wait; "" when it takes all."""
    kept = f"; {held} kept until it does" if held else ""
    if (workspace := places.workspace) is not None:
        return f"Slack takes no messages from the bot: {workspace.code}{kept}"
    channels = places.channels
    if not channels:
        return f"{held} kept for channels that took none" if held else ""
    named = [f"{channel} ({channels[channel].code})" for channel in sorted(channels)[:MOST_NAMED]]
    more = [f"and {len(channels) - MOST_NAMED} more"] if len(channels) > MOST_NAMED else []
    return f"no messages are taken in {', '.join([*named, *more])}{kept}"
