"""The causes that can be made on the sandbox's page, against those that the diagnosis knows; and,
at length, each of them made and asked about."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from benchmarks.diagnosis import testbed as stage
from benchmarks.diagnosis.corpus import STATES
from benchmarks.diagnosis.restore import compare, take_snapshot
from benchmarks.diagnosis.run import AFTERMATH, settle_down
from bot.diagnosis.cause import Subject
from bot.diagnosis.cause_list import CAUSES, HEALTHY
from sandbox.cluster.contract import Ref
from sandbox.troubles.causes import SUBJECTS, Cause, load_causes, load_requirements
from sandbox.troubles.engine import CauseEngine

WITHOUT_ENTRY = {
    "pod-starting": "passes by itself within seconds",
    "reviews-starting": "passes by itself within a minute and a half",
    "namespace-terminating": "a namespace that is being deleted cannot be brought back",
    "pod-terminating": "a pod that is being deleted cannot be brought back",
    "namespace-not-discovered": "the sandbox's istiod reads every namespace",
    "page-by-name": "how the page is asked for from outside, which the bot does not see",
    "path-not-routed": "true of every gateway of the workshop",
    "analyze-misplaced-annotation": "true of every gateway of the workshop",
    "caller-outside-mesh": "follows from why the caller is outside, which is named instead",
    "propagation-delay": "passes by itself within seconds",
    "port-forward-lost": "a forward on a person's machine, and no object",
    "no-traffic": "requests that nobody sends, and no object",
    "l4-only": "true of ambient without a waypoint",
    "no-traces-without-waypoint": "true of ambient without a waypoint",
    "cni-platform-paths": "the directories of the sandbox's istio-cni always fit",
    "ingress-bypasses-waypoint": "true of every waypoint behind a gateway",
    "circuit-breaker-open": "shows while many requests are under way, which a play must send",
    "double-edges": "true of every waypoint",
    "time-limit-in-force": "shows while requests are slow, which a play must make and send",
    "authorization-asked-for": "only the bot's own policies are meant, which a step makes",
}
"""The causes that nobody can make on the page, and why."""

ENTRIES = load_causes("bookinfo")
SPEED = 100.0
SETTLE, SLOW_SETTLE = 40.0, 180.0
"""Simulated seconds until a cause shows; until a pod is not merely slow."""
RESTORED_SECONDS = 30.0
ALWAYS = {cause.id for cause in CAUSES if cause.always} | {HEALTHY, "path-not-routed"}
"""Ids that are told of states in which nothing is wrong."""


def find_state(cause: Cause) -> str:
    """The state of the workshop in which everything is there that a cause needs."""
    return next((s for s in ("waypoint", "ambient") if s in cause.needs), "sidecars")


GROUPS = sorted({(find_state(cause), cause.subject) for cause in ENTRIES})


def test_every_cause_can_be_made_or_has_a_reason() -> None:
    """The entries are causes of the diagnosis, under its subjects; what is missing is explained."""
    known = {cause.id: cause.subject.value for cause in CAUSES}
    made = {cause.id: cause.subject for cause in ENTRIES}
    assert len(made) == len(ENTRIES)
    assert made == {name: known[name] for name in made if name in known}
    assert known.keys() - made.keys() == WITHOUT_ENTRY.keys()
    assert list(SUBJECTS) == [subject.value for subject in Subject]


def test_every_entry_says_what_is_done_what_to_expect_and_what_it_needs() -> None:
    """Labels differ, sentences end, and what is needed is known."""
    labels = [cause.label for cause in ENTRIES]
    assert len(set(labels)) == len(labels)
    assert [cause.id for cause in ENTRIES if not cause.expect.endswith(".")] == []
    needs = {need for cause in ENTRIES for need in cause.needs}
    assert needs <= load_requirements("bookinfo").keys()
    assert set(STATES) >= {state for state, _ in GROUPS}


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("state", "subject"), GROUPS)
async def test_why_names_what_was_made(tmp_path: Path, state: str, subject: str) -> None:
    """Each cause that is made is named first, and its undo leaves the cluster as it was."""
    chosen = [c for c in ENTRIES if (find_state(c), c.subject) == (state, subject)]
    async with stage.open_testbed(tmp_path, "1.30.3", state, speed=SPEED) as testbed:
        wrong = [problem for cause in chosen if (problem := await rehearse(testbed, cause))]
    assert wrong == []


async def rehearse(testbed: stage.Testbed, cause: Cause) -> str:
    """Make a cause, ask, and undo it; return what was not as it should be, or ""."""
    before = await settle_down(testbed)
    undo = await CauseEngine(testbed.cluster, "bookinfo").inject(cause)
    await testbed.cluster.clock.sleep(SLOW_SETTLE if cause.id == "readiness-failing" else SETTLE)
    await testbed.send_requests(8, "jason")
    answer = await testbed.ask_why()
    await undo()
    end, left = time.monotonic() + RESTORED_SECONDS, "?"
    while left and time.monotonic() < end:
        await asyncio.sleep(0.2)
        left = compare(before, await take_snapshot(testbed))
    await forget_events(testbed)
    named = [name for name in answer.ids if name == cause.id or name not in ALWAYS]
    if named[:1] != [cause.id]:
        return f"{cause.id}: {', '.join(answer.ids) or 'nothing'} is named"
    return f"{cause.id}: {left}" if left else ""


async def forget_events(testbed: stage.Testbed) -> None:
    """Delete the events of a cause and let its requests leave the windows of the metrics."""
    client = testbed.cluster.client("tests")
    for event in await client.list(Ref("", "events")):
        meta = event["metadata"]
        await client.delete(Ref("", "events"), meta["name"], meta["namespace"])
    await testbed.cluster.clock.sleep(AFTERMATH)
