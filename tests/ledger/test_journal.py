"""The journal's promises about what stood there before a change, the same on every database."""

from __future__ import annotations

from bot.kinds import DEPLOYMENT, NAMESPACE, SERVICE, Object
from bot.ledger import Ledger
from bot.records import BeforeImage
from bot.text import verbatim
from tests.ledger.conftest import Time, asked

SPEC: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"ports": [{"port": 80}]},
}


def web(before: Object | None = None, **more: object) -> BeforeImage:
    """The Service web in shop."""
    return BeforeImage(SERVICE, "shop", "web", before, {"spec": more} if more else None)


async def test_an_image_comes_back_as_it_was_kept(ledger: Ledger) -> None:
    """Type, place, what stood there and what was sent, in the order of the changes."""
    run = await ledger.runs.begin_run(asked(step="expose"))
    created = BeforeImage(DEPLOYMENT, "shop", "web", None, {"kind": "Deployment"})
    assert await ledger.journal.save_image(run.id, web(SPEC, type="ClusterIP"))
    assert await ledger.journal.save_image(run.id, created)
    (change,) = await ledger.journal.changes("shop")
    assert (change.run, change.step, change.typed) == (run.id, "expose", "expose")
    assert change.images == (web(SPEC, type="ClusterIP"), created)


async def test_the_first_image_of_a_run_stands(ledger: Ledger) -> None:
    """A run that is taken up again after a crash does not mistake its own work for what stood there
    before."""
    run = await ledger.runs.begin_run(asked())
    assert await ledger.journal.save_image(run.id, web(SPEC, type="ClusterIP"))
    assert not await ledger.journal.save_image(run.id, web({"kind": "mine"}, type="NodePort"))
    (change,) = await ledger.journal.changes("shop")
    assert change.images == (web(SPEC, type="NodePort"),)


async def test_changes_are_told_by_namespace_and_newest_first(ledger: Ledger, time: Time) -> None:
    """A namespace's own labels count as its change; other namespaces do not."""
    runs = []
    for image in (
        web(SPEC),
        BeforeImage(NAMESPACE, "", "shop", None),
        BeforeImage(SERVICE, "bank", "web", None),
    ):
        run = await ledger.runs.begin_run(asked())
        await ledger.journal.save_image(run.id, image)
        runs.append(run.id)
        time.move(1)
    assert [change.run for change in await ledger.journal.changes("shop")] == [runs[1], runs[0]]
    assert [change.run for change in await ledger.journal.changes("shop", most=1)] == [runs[1]]


async def test_what_was_undone_takes_no_room(ledger: Ledger, time: Time) -> None:
    """However much was taken back since, the changes before it are found."""
    runs = []
    for _ in range(3):
        runs.append((await ledger.runs.begin_run(asked())).id)
        await ledger.journal.save_image(runs[-1], web(SPEC))
        time.move(1)
    for run in runs[1:]:
        await ledger.journal.undone(run)
    assert [change.run for change in await ledger.journal.changes("shop", most=1)] == [runs[0]]


async def test_what_was_undone_or_not_changed_is_no_change(ledger: Ledger) -> None:
    """Neither is offered to be taken back."""
    first, second = await ledger.runs.begin_run(asked()), await ledger.runs.begin_run(asked())
    await ledger.journal.save_image(first.id, web(SPEC))
    await ledger.journal.save_image(second.id, web(SPEC))
    await ledger.journal.undone(first.id)
    await ledger.journal.delete_image(second.id, web())
    assert await ledger.journal.changes("shop") == []


async def test_runs_that_ended_done_are_remembered(ledger: Ledger, time: Time) -> None:
    """With their options, the newest first; what ended otherwise is none of them, but for steps of
    which what is normal counts too."""
    ends = (("retry", "normal"), ("expose", "normal"))
    for step, state in (("inject", "done"), ("fault", "not_yet"), *ends, ("route", "done")):
        run = await ledger.runs.begin_run(asked(step=step))
        await ledger.runs.finish_run(run.id, state, verbatim(state))
        time.move(1)
    found = await ledger.journal.done_runs()
    assert [run.step for run in found] == ["route", "inject"]
    assert found[0].options == asked().options
    assert found[0].at > found[1].at
    assert len(await ledger.journal.done_runs(most=1)) == 1
    found = await ledger.journal.done_runs(or_normal=("retry", "fault"))
    assert [run.step for run in found] == ["route", "retry", "inject"]
