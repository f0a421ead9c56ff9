"""Messages that are kept until Slack has them, whoever delivers them."""

from __future__ import annotations

from datetime import timedelta

from bot.ledger import Ledger, build_run_key
from bot.messages import CHANNEL, Message, Place, Posted
from bot.text import Text
from tests.ledger.conftest import Time, asked


def said(text: str) -> Message:
    """A message of one section, with characters that databases have trouble with."""
    return Message(
        text, ({"type": "section", "text": {"type": "mrkdwn", "text": f"{text} \x00 \ud800"}},)
    )


async def test_what_is_entered_waits_until_it_is_delivered(ledger: Ledger) -> None:
    """In the order in which it came, whole."""
    first, new = await ledger.outbox.enter("C1", said("one"), Place(thread="1.2", broadcast=True))
    second, _ = await ledger.outbox.enter("C1", said("two"), CHANNEL)
    assert new
    assert first.posted.is_pending
    assert await ledger.outbox.waiting() == [first, second]
    await ledger.outbox.delivered(first, Posted("C1", "5.1"))
    assert await ledger.outbox.waiting() == [second]
    assert await ledger.outbox.count_pending() == 1


async def test_a_change_meanwhile_is_not_taken_for_delivered(ledger: Ledger) -> None:
    """Slack has the first version: the second is still to be shown, at the place where the message
    stands."""
    entry, _ = await ledger.outbox.enter("C1", said("working"), CHANNEL)
    changed = await ledger.outbox.want(entry.posted, said("done"))
    await ledger.outbox.delivered(entry, Posted("C1", "5.1"))
    (waiting,) = await ledger.outbox.waiting()
    assert changed is not None
    assert (waiting.message, waiting.version, waiting.posted) == (
        said("done"),
        2,
        Posted("C1", "5.1"),
    )
    await ledger.outbox.delivered(changed, Posted("C1", "5.1"))
    assert await ledger.outbox.waiting() == []


async def test_deliveries_are_noted_in_whatever_order(ledger: Ledger) -> None:
    """The note of an earlier version that comes late takes nothing back."""
    entry, _ = await ledger.outbox.enter("C1", said("working"), CHANNEL)
    changed = await ledger.outbox.want(entry.posted, said("done"))
    assert changed is not None
    await ledger.outbox.delivered(changed, Posted("C1", "5.1"))
    await ledger.outbox.delivered(entry, Posted("C1", "5.1"))
    assert await ledger.outbox.waiting() == []


async def test_a_refusal_that_comes_late_is_not_of_the_newer_version(ledger: Ledger) -> None:
    """What is wanted by now may be taken, and is tried."""
    entry, _ = await ledger.outbox.enter("C1", said("working"), CHANNEL)
    await ledger.outbox.want(entry.posted, said("done"))
    await ledger.outbox.refuse(entry, "msg_too_long")
    assert [waiting.version for waiting in await ledger.outbox.waiting()] == [2]


async def test_a_named_message_is_there_once(ledger: Ledger) -> None:
    """Entered again under its name, it is the earlier one."""
    entry, _ = await ledger.outbox.enter("C1", said("one"), Place(key="digest 7"))
    again, new = await ledger.outbox.enter("C1", said("another"), Place(key="digest 7"))
    assert (again, new) == (entry, False)


async def test_what_slack_refuses_is_not_tried_again_unless_it_changes(ledger: Ledger) -> None:
    """A refusal holds for the version that was refused."""
    entry, _ = await ledger.outbox.enter("C1", said("one"), CHANNEL)
    await ledger.outbox.refuse(entry, "channel_not_found")
    assert await ledger.outbox.waiting() == []
    await ledger.outbox.want(entry.posted, said("two"))
    assert [waiting.version for waiting in await ledger.outbox.waiting()] == [2]


async def test_what_the_gone_left_is_taken_over(url: str, ledger: Ledger) -> None:
    """By one of those that live, once the process is gone."""
    other = await Ledger.open(url, owner="elsewhere-1-abc")
    await other.replicas.join()
    entry, _ = await other.outbox.enter("C1", said("one"), CHANNEL)
    assert await ledger.outbox.take_over_orphaned() == 0
    await other.replicas.leave()
    assert await ledger.outbox.take_over_orphaned() == 1
    assert await ledger.outbox.waiting() == [entry]
    assert await other.outbox.waiting() == []
    await other.close()


async def test_a_run_s_end_and_what_shows_it_are_kept_together(ledger: Ledger) -> None:
    """Killed between the two, nobody would ever be told; the run also learns where its message
    stands."""
    run = await ledger.runs.begin_run(asked())
    entry, _ = await ledger.outbox.enter("C1", said("working"), Place(key=build_run_key(run.id)))
    await ledger.outbox.delivered(entry, Posted("C1", "5.1"))
    found = await ledger.run_queries.get_run(run.id)
    assert found is not None
    assert found.posted == Posted("C1", "5.1")
    assert await ledger.runs.finish_run(run.id, "done", Text("ready"), shown=said("done"))
    assert [waiting.message for waiting in await ledger.outbox.waiting()] == [said("done")]
    assert not await ledger.runs.finish_run(run.id, "error", Text("late"), shown=said("late"))
    assert [waiting.message for waiting in await ledger.outbox.waiting()] == [said("done")]


async def test_the_end_of_a_run_whose_message_waits_is_posted_instead(ledger: Ledger) -> None:
    """Slack was away all the time: what it gets is the end."""
    run = await ledger.runs.begin_run(asked())
    await ledger.outbox.enter("C1", said("working"), Place(key=build_run_key(run.id)))
    await ledger.runs.finish_run(run.id, "done", Text("ready"), shown=said("done"))
    (entry,) = await ledger.outbox.waiting()
    assert (entry.ts, entry.version, entry.message) == ("", 2, said("done"))


async def test_old_messages_are_dropped(ledger: Ledger, time: Time) -> None:
    """A week after their last change, delivered or not."""
    await ledger.outbox.enter("C1", said("old"), CHANNEL)
    time.move(timedelta(days=6).total_seconds())
    await ledger.outbox.enter("C1", said("newer"), CHANNEL)
    time.move(timedelta(days=2).total_seconds())
    await ledger.outbox.prune()
    assert [entry.message.text for entry in await ledger.outbox.waiting()] == ["newer"]
