"""The ledger's promises about runs, the same on every database."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta

import pytest

from bot.ledger import DuplicateRequest, Ledger, NewRun, Run, RunNotResumable, RunState, ScopeLocked
from bot.messages import Posted
from bot.text import EMPTY, Text
from tests.ledger.conftest import Time, asked

VERDICT = {"summary": "ready", "evidence": ["istiod 1 of 1", "ünï ☸"], "links": []}


async def asks(ledger: Ledger, time: Time, lock: str = "mesh", seconds: float = 60) -> Run:
    """A run that waits for a confirmation."""
    run = await ledger.runs.begin_run(asked(lock=lock))
    await ledger.runs.ask_confirmation(run.id, "d1", time.now + timedelta(seconds=seconds))
    return run


async def test_a_run_comes_back_as_it_was_entered(ledger: Ledger, time: Time) -> None:
    """What was typed, by whom and when, is what the ledger gives back."""
    options = {"profile": "ambient", "set": ["a=b"]}
    new = NewRun(
        "k1",
        "install",
        "U1",
        "C1",
        "one",
        arguments="install 🚀 x\x00y",
        options=options,
        lock_key="mesh",
    )
    run = await ledger.runs.begin_run(new)
    assert await ledger.run_queries.get_run(run.id) == run
    assert (run.state, run.lock_key, run.attempt, run.options) == (
        RunState.RUNNING,
        "mesh",
        1,
        options,
    )
    assert (run.created_at, run.created_at.tzinfo) == (time.now, UTC)
    assert run.arguments == "install 🚀 x\ufffdy"


async def test_a_redelivered_request_is_told_apart(ledger: Ledger) -> None:
    """The second delivery of a request points at the first's run, even when that has ended."""
    run = await ledger.runs.begin_run(asked("k1"))
    await ledger.runs.finish_run(run.id, RunState.DONE, Text("done"))
    with pytest.raises(DuplicateRequest) as caught:
        await ledger.runs.begin_run(asked("k1", lock="mesh"))
    assert caught.value.run.id == run.id


async def test_a_held_lock_names_its_holder(ledger: Ledger) -> None:
    """Who wants a lock that is held learns which run holds it; other locks and readers are free."""
    run = await ledger.runs.begin_run(asked(lock="mesh"))
    with pytest.raises(ScopeLocked) as caught:
        await ledger.runs.begin_run(asked(lock="mesh", step="uninstall"))
    assert caught.value.run == run
    for lock in ("bookinfo", "", ""):
        await ledger.runs.begin_run(asked(lock=lock))


async def test_of_many_who_want_a_lock_one_gets_it(ledger: Ledger) -> None:
    """Twenty begin at once: one run, nineteen told who has it."""
    outcomes = await asyncio.gather(
        *(ledger.runs.begin_run(asked(lock="mesh")) for _ in range(20)), return_exceptions=True
    )
    won = [each for each in outcomes if isinstance(each, Run)]
    assert len(won) == 1
    assert [each.run.id for each in outcomes if isinstance(each, ScopeLocked)] == [won[0].id] * 19


async def test_of_many_deliveries_one_becomes_a_run(ledger: Ledger) -> None:
    """One request delivered ten times at once is one run."""
    outcomes = await asyncio.gather(
        *(ledger.runs.begin_run(asked("k1")) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(each, Run) for each in outcomes) == 1
    assert sum(isinstance(each, DuplicateRequest) for each in outcomes) == 9


async def test_the_message_is_remembered(ledger: Ledger) -> None:
    """Where the message stands survives, in the channel where it was really posted."""
    run = await ledger.runs.begin_run(asked())
    await ledger.runs.record_posted(run.id, "C2", "1700000000.000100")
    found = await ledger.run_queries.get_run(run.id)
    assert found is not None
    assert found.posted == ("C2", "1700000000.000100")


async def test_a_run_is_found_by_its_message(ledger: Ledger) -> None:
    """Only the run whose message stands there, in that channel; none for any other message."""
    for ts in ("1700000000.000100", "1700000000.000200"):
        run = await ledger.runs.begin_run(asked())
        await ledger.runs.record_posted(run.id, "C2", ts)
    await ledger.runs.begin_run(asked())
    found = await ledger.run_queries.find_run_of_message(Posted("C2", "1700000000.000200"))
    assert found is not None
    assert found.id == run.id
    for place in (Posted("C1", "1700000000.000200"), Posted("C2", ""), Posted("C2", "x\x00")):
        assert await ledger.run_queries.find_run_of_message(place) is None


async def test_a_run_that_asks_holds_nothing_until_it_is_confirmed(
    ledger: Ledger, time: Time
) -> None:
    """While a plan waits for a person, others may change the same things; a confirmation then finds
    them in the way."""
    run = await asks(ledger, time)
    other = await ledger.runs.begin_run(asked(lock="mesh"))
    with pytest.raises(ScopeLocked) as caught:
        await ledger.runs.confirm_run(run.id)
    await ledger.runs.finish_run(other.id, RunState.DONE, Text("done"))
    assert caught.value.run.id == other.id
    assert await ledger.runs.confirm_run(run.id, owner="two")
    found = await ledger.run_queries.get_run(run.id)
    assert found is not None
    assert (found.state, found.lock_key, found.owner, found.digest) == (
        RunState.RUNNING,
        "mesh",
        "two",
        "d1",
    )


async def test_of_many_who_confirm_one_counts(ledger: Ledger, time: Time) -> None:
    """Ten clicks at once start the work once."""
    run = await asks(ledger, time)
    assert sorted(await asyncio.gather(*(ledger.runs.confirm_run(run.id) for _ in range(10)))) == [
        False
    ] * 9 + [True]


@pytest.mark.parametrize(("waited", "counts"), [(59, True), (60, False), (3600, False)])
async def test_a_confirmation_expires(
    ledger: Ledger, time: Time, waited: float, counts: bool
) -> None:
    """What was asked for a minute can be confirmed for a minute."""
    run = await asks(ledger, time, seconds=60)
    time.move(waited)
    assert await ledger.runs.confirm_run(run.id) is counts


async def test_a_reader_can_ask_and_be_confirmed(ledger: Ledger, time: Time) -> None:
    """Runs without a lock never stand in each other's way."""
    first, second = await asks(ledger, time, lock=""), await asks(ledger, time, lock="")
    assert [await ledger.runs.confirm_run(run.id) for run in (first, second)] == [True, True]


@pytest.mark.parametrize("state", [RunState.CANCELLED, RunState.EXPIRED])
async def test_what_is_withdrawn_cannot_be_confirmed(
    ledger: Ledger, time: Time, state: RunState
) -> None:
    """A cancelled or expired plan stays so; and what was confirmed cannot be withdrawn any more."""
    gone, kept = await asks(ledger, time, lock="a"), await asks(ledger, time, lock="b")
    assert await ledger.runs.withdraw_run(gone.id, state, Text("no"))
    assert not await ledger.runs.confirm_run(gone.id)
    assert await ledger.runs.confirm_run(kept.id)
    assert not await ledger.runs.withdraw_run(kept.id, state, Text("no"))


async def test_an_end_frees_the_lock_and_stands(ledger: Ledger, time: Time) -> None:
    """The first end counts, with its verdict; a second changes nothing."""
    run = await ledger.runs.begin_run(asked(lock="mesh"))
    time.move(5)
    assert await ledger.runs.finish_run(run.id, RunState.DONE, Text("ready"), VERDICT)
    assert not await ledger.runs.finish_run(run.id, RunState.ERROR, Text("late"))
    ended = await ledger.run_queries.get_run(run.id)
    assert ended is not None
    assert (ended.state, ended.summary, ended.verdict, ended.is_active) == (
        RunState.DONE,
        Text("ready"),
        VERDICT,
        False,
    )
    assert (ended.finished_at, ended.lock_key) == (time.now, None)
    assert (await ledger.runs.begin_run(asked(lock="mesh"))).is_active


async def test_an_ended_run_does_not_ask(ledger: Ledger, time: Time) -> None:
    """A run that was ended meanwhile is not brought back by its own plan."""
    run = await ledger.runs.begin_run(asked())
    await ledger.runs.finish_run(run.id, RunState.CANCELLED, Text("stopped"))
    assert not await ledger.runs.ask_confirmation(run.id, "d", time.now)


async def test_one_process_takes_a_run_up(ledger: Ledger) -> None:
    """Of two processes that find the same interrupted run, one gets it, one attempt further and
    with its lock."""
    run = await ledger.runs.begin_run(asked(lock="mesh"))
    taken = await asyncio.gather(
        *(ledger.runs.resume_run(run.id, owner, attempt=run.attempt) for owner in ("two", "three")),
        return_exceptions=True,
    )
    (one,) = [each for each in taken if isinstance(each, Run)]
    assert sum(isinstance(each, RunNotResumable) for each in taken) == 1
    assert (one.attempt, one.lock_key, one.owner in {"two", "three"}) == (2, "mesh", True)


async def test_the_lists_are_in_order(ledger: Ledger, time: Time) -> None:
    """Unfinished runs come oldest first, recent ones newest first, and a step's last run is its
    newest."""
    made = []
    for step in ("install", "status", "install", "uninstall"):
        made.append(await ledger.runs.begin_run(asked(step=step)))
        time.move(1)
    await ledger.runs.finish_run(made[1].id, RunState.DONE, EMPTY)
    assert [run.id for run in await ledger.run_queries.list_unfinished_runs()] == [
        made[0].id,
        made[2].id,
        made[3].id,
    ]
    assert [run.id for run in await ledger.run_queries.list_recent_runs(2)] == [
        made[3].id,
        made[2].id,
    ]
    assert (
        await ledger.run_queries.find_last_run("install"),
        await ledger.run_queries.find_last_run("links"),
    ) == (
        made[2],
        None,
    )
    assert sorted(run.id for run in made) == [run.id for run in made]


@pytest.mark.parametrize("run_id", ["", "nothing", "x\x00", "' OR 1=1 --"])
async def test_an_unknown_run_is_none(ledger: Ledger, run_id: str) -> None:
    """An id that nobody gave out finds nothing and changes nothing."""
    await ledger.runs.begin_run(asked())
    assert await ledger.run_queries.get_run(run_id) is None
    assert not await ledger.runs.confirm_run(run_id)
    assert not await ledger.runs.finish_run(run_id, RunState.ERROR, EMPTY)


@pytest.mark.parametrize("state", ["running", "asks", "nonsense"])
async def test_only_ends_end_a_run(ledger: Ledger, state: str) -> None:
    """A run cannot be ended in a state that is no end."""
    run = await ledger.runs.begin_run(asked())
    with pytest.raises(ValueError, match=state):
        await ledger.runs.finish_run(run.id, state, EMPTY)
