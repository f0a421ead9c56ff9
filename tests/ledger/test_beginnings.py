"""The ledger's promises about runs between their confirmation and their beginning."""

from __future__ import annotations

from datetime import timedelta

from bot.ledger import Ledger, Run
from tests.ledger.conftest import Time, asked


async def confirmed(ledger: Ledger, time: Time) -> Run:
    """A run of process `two` whose plan was about two things and was confirmed by somebody."""
    run = await ledger.runs.begin_run(asked(lock="mesh"))
    expires = time.now + timedelta(seconds=60)
    await ledger.runs.ask_confirmation(run.id, "d1", expires, about=("r1", "r2"), owner="one")
    assert await ledger.runs.confirm_run(run.id, owner="two", by="U7")
    return await known(ledger, run)


async def known(ledger: Ledger, run: Run) -> Run:
    """The run as it stands now."""
    found = await ledger.run_queries.get_run(run.id)
    assert found is not None
    return found


async def test_what_was_confirmed_and_by_whom_comes_back(ledger: Ledger, time: Time) -> None:
    """The plan's ids and the person are there for whoever takes the run up."""
    run = await confirmed(ledger, time)
    assert (run.about, run.confirmed_by, run.digest) == (("r1", "r2"), "U7", "d1")
    assert run.awaits_second_look


async def test_only_the_process_that_has_a_run_passes_its_second_look(
    ledger: Ledger, time: Time
) -> None:
    """One that was replaced in between is told so, and begins nothing."""
    run = await confirmed(ledger, time)
    assert not await ledger.beginnings.record_verified(run.id, "one")
    assert (await known(ledger, run)).awaits_second_look
    assert await ledger.beginnings.record_verified(run.id, "two")
    assert (await known(ledger, run)).verified_at == time.now


async def test_a_run_that_has_begun_does_not_ask_again(ledger: Ledger, time: Time) -> None:
    """Before that it gives its lock back, and its question stands as it was."""
    run = await confirmed(ledger, time)
    assert not await ledger.beginnings.ask_again(run.id, "one")
    assert await ledger.beginnings.ask_again(run.id, "two")
    asks = await known(ledger, run)
    assert (asks.state, asks.lock_key, asks.digest) == ("asks", None, "d1")
    assert (asks.about, asks.confirmed_by, asks.expires_at) == (run.about, "", run.expires_at)
    assert await ledger.runs.confirm_run(run.id, owner="two", by="U8")
    await ledger.beginnings.record_verified(run.id, "two")
    assert not await ledger.beginnings.ask_again(run.id, "two")


async def test_a_new_plan_is_looked_at_anew(ledger: Ledger, time: Time) -> None:
    """What was seen of the plan before does not count for it."""
    run = await confirmed(ledger, time)
    await ledger.beginnings.record_verified(run.id, "two")
    assert await ledger.runs.ask_confirmation(run.id, "d2", time.now, owner="two")
    assert (await known(ledger, run)).awaits_second_look


async def test_a_process_that_was_replaced_does_not_ask(ledger: Ledger, time: Time) -> None:
    """The run goes on where it is, and keeps its lock."""
    run = await confirmed(ledger, time)
    await ledger.runs.resume_run(run.id, "three", attempt=run.attempt)
    assert not await ledger.runs.ask_confirmation(run.id, "d2", time.now, owner="two")
    found = await known(ledger, run)
    assert (found.state, found.lock_key, found.digest) == ("running", "mesh", "d1")


async def test_the_first_beginning_of_a_run_stands(ledger: Ledger, time: Time) -> None:
    """Before it nothing was changed, and no later question takes back that something may be."""
    run = await ledger.runs.begin_run(asked(lock="mesh"))
    assert run.begun_at is None
    assert not await ledger.beginnings.record_begun(run.id, "two")
    assert await ledger.beginnings.record_begun(run.id, "one")
    began = time.now
    time.move(5)
    await ledger.runs.ask_confirmation(run.id, "d1", time.now + timedelta(seconds=60))
    await ledger.runs.confirm_run(run.id, owner="two")
    await ledger.beginnings.record_verified(run.id, "two")
    assert (await known(ledger, run)).begun_at == began
