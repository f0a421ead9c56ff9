"""Commands that wait in the ledger: in order, each person's step once, taken once."""

from __future__ import annotations

from bot.ledger import Ledger
from bot.ledger.waiting_store import WaitingCommand
from tests.ledger.conftest import Time


async def enter(
    ledger: Ledger, user: str, step: str, *, text: str = "", rank: int = 0
) -> WaitingCommand:
    """A command that waits."""
    found, _ = await ledger.waiting.enter(
        user, text or step, step=step, channel="C1", thread="", rank=rank
    )
    return found


async def test_hosts_come_first_and_then_the_oldest(ledger: Ledger, time: Time) -> None:
    """By rank, and then by time."""
    for user, rank in (("a", 0), ("b", 1), ("c", 0), ("d", 2), ("e", 1)):
        await enter(ledger, user, "shift", rank=rank)
        time.move(1)
    assert [each.user for each in await ledger.waiting.list_all()] == ["d", "b", "e", "a", "c"]


async def test_each_step_waits_once_for_each_person(ledger: Ledger, time: Time) -> None:
    """The newest wish replaces the one before, and goes to the end."""
    first = await enter(ledger, "a", "shift", text="shift v1=50 v3=50")
    for user, step in (("b", "shift"), ("a", "route")):
        time.move(1)
        await enter(ledger, user, step)
    time.move(1)
    found, replaced = await ledger.waiting.enter(
        "a", "shift v1=90 v2=10", step="shift", channel="C1", thread="1.2", rank=0
    )
    assert replaced == first
    assert [(e.user, e.text) for e in await ledger.waiting.list_all()] == [
        ("b", "shift"),
        ("a", "route"),
        ("a", "shift v1=90 v2=10"),
    ]
    assert found.thread == "1.2"


async def test_a_command_is_taken_once(ledger: Ledger) -> None:
    """The second of two that take it gets nothing."""
    entry = await enter(ledger, "a", "shift")
    assert await ledger.waiting.remove(entry.id) == entry
    assert await ledger.waiting.remove(entry.id) is None
    assert await ledger.waiting.list_all() == []
