"""Carrying out cases: inject, let things settle, check the evidence, ask, and take it back."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from benchmarks.diagnosis.corpus import Case
from benchmarks.diagnosis.peers import ask_analyze, ask_kiali
from benchmarks.diagnosis.restore import Snapshot, compare, restore, take_snapshot
from benchmarks.diagnosis.testbed import Answer, ShellError, Testbed, open_testbed

EVIDENCE_SECONDS = 4.0
"""Wall seconds within which the evidence of an injection must be seen."""
AFTERMATH = 150.0
"""Simulated seconds after a case, in which its requests leave the windows of the metrics."""


@dataclass(frozen=True)
class Options:
    """What is measured: release, the clock's speed, and which of the parts."""

    release: str
    speed: float = 100.0
    ask: bool = True
    peers: bool = True


@dataclass
class Result:
    """One case in one state: what was wrong with the injection, if anything, and what was named by
    whom."""

    case: Case
    state: str
    release: str
    fault: str = ""
    answer: Answer = field(default_factory=lambda: Answer((), "", 0.0))
    analyze: tuple[str, ...] = ()
    kiali: tuple[str, ...] = ()
    left: str = ""
    seconds: float = 0.0


async def run_cases(
    chosen: Iterable[tuple[str, Case]], options: Options, tell: Callable[[Result], None]
) -> list[Result]:
    """Run the cases state by state; `tell` is called with each result."""
    results = []
    for state, group in groupby(chosen, key=lambda each: each[0]):
        cases = [case for _, case in group]
        while cases:
            done = await run_in_one_sandbox(state, cases, options, tell)
            results += done
            cases = cases[len(done) :]
    return results


async def run_in_one_sandbox(
    state: str, cases: list[Case], options: Options, tell: Callable[[Result], None]
) -> list[Result]:
    """Run cases until one leaves the sandbox other than it was; return the results so far."""
    results: list[Result] = []
    home = Path(tempfile.mkdtemp(prefix="bench_diagnosis_"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        testbed = await stack.enter_async_context(
            open_testbed(home, options.release, state, speed=options.speed)
        )
        before = await settle_down(testbed)
        for case in cases:
            began = time.monotonic()
            result = await run_case(testbed, state, case, options)
            if not case.rebuild:
                result.left = await restore(testbed, before)
                await testbed.cluster.clock.sleep(AFTERMATH)
            result.seconds = time.monotonic() - began
            results.append(result)
            tell(result)
            if case.rebuild or result.left:
                break
    return results


async def settle_down(testbed: Testbed) -> Snapshot:
    """Return what the cluster is like once nothing changes any more."""
    before = await take_snapshot(testbed)
    for _ in range(20):
        await testbed.cluster.clock.sleep(60)
        now = await take_snapshot(testbed)
        if not compare(before, now):
            break
        before = now
    return now


async def run_case(testbed: Testbed, state: str, case: Case, options: Options) -> Result:
    """Inject a case and ask about it."""
    result = Result(case, state, options.release)
    namespace = case.where or "bookinfo"
    try:
        await testbed.play(case.inject, namespace=namespace)
    except ShellError as error:
        result.fault = f"injection: {error}"
        return result
    await testbed.cluster.clock.sleep(case.settle)
    if case.requests:
        await testbed.send_requests(case.requests, case.user, namespace)
    result.fault = await look_for_evidence(testbed, case, namespace)
    if options.ask:
        result.answer = await testbed.ask_why(case.where)
    if options.peers:
        result.analyze = await ask_analyze(testbed, namespace)
        result.kiali = await ask_kiali(testbed, namespace)
    return result


async def look_for_evidence(testbed: Testbed, case: Case, namespace: str) -> str:
    """Return what of the evidence is not there, or ""."""
    missing = ""
    for line in split_checks(case.evidence):
        end = time.monotonic() + EVIDENCE_SECONDS
        while True:
            try:
                await testbed.run_shell(f"{{ {line.removeprefix('! ')}\n}} >/dev/null", namespace)
                seen = True
            except ShellError:
                seen = False
            if seen != line.startswith("! "):
                break
            if time.monotonic() > end:
                missing = missing or f"evidence: {line}"
                break
            await asyncio.sleep(0.3)
    return missing


def split_checks(evidence: str) -> list[str]:
    """Return the checks, one a line; `! ` before one says that it must fail."""
    return [line.strip() for line in evidence.splitlines() if line.strip()]
