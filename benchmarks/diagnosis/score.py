"""Judging what was named, and printing it: per case and in sum, beside what others name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from benchmarks.diagnosis.corpus import HEALTHY, Case
from benchmarks.diagnosis.peers import HARMLESS, read_causes
from benchmarks.diagnosis.run import Result
from benchmarks.stage import quantile, table

NORMAL = frozenset(
    (
        "image-pull-slow",
        "gateway-address-pending",
        "path-not-routed",
        "page-by-name",
        "analyze-misplaced-annotation",
        "port-forward-lost",
        "fault-in-force",
        "propagation-delay",
        "no-traffic",
        "l4-only",
        "no-traces-without-waypoint",
        "ingress-bypasses-waypoint",
        "double-edges",
        "pod-starting",
        "reviews-starting",
        "strict-mtls-api-server",
        "authorization-asked-for",
        "time-limit-in-force",
        HEALTHY,
    )
)
"""Ids that blame nobody: what looks broken and is correct, and `healthy`."""


def is_first_right(case: Case, ids: tuple[str, ...]) -> bool:
    """Tell whether the first id is a cause of the case, or as right as one."""
    return bool(ids) and ids[0] in (*case.causes, *case.equal)


def are_all_named(case: Case, ids: tuple[str, ...]) -> bool:
    """Tell whether every cause is named; for a single one something equal counts too."""
    if case.kind == "pair":
        missing = [cause for cause in case.causes if cause not in ids]
        return all(any(each in ids for each in case.equal) for _ in missing)
    return any(each in ids for each in (*case.causes, *case.equal))


def list_wrong_blame(case: Case, ids: tuple[str, ...]) -> list[str]:
    """Return the causes named that were neither injected nor a consequence of it."""
    allowed = (*case.causes, *case.equal, *case.consequences)
    return [each for each in ids if each not in NORMAL and each not in allowed]


def describe(result: Result) -> str:
    """Return one line about a case."""
    case, ids = result.case, result.answer.ids
    exact = bool(ids) and ids[0] in case.causes
    marks = [
        "top" if exact else "eq." if is_first_right(case, ids) else "---",
        "all" if are_all_named(case, ids) else "---",
    ]
    wrong = list_wrong_blame(case, ids)
    line = (
        f"{case.id:52} {result.state:9} {' '.join(marks)} {result.answer.seconds:5.2f}s "
        f"{','.join(ids) or '(nothing)'}"
    )
    for name, told in (("wrong", wrong), ("analyze", result.analyze), ("kiali", result.kiali)):
        shown = [each for each in told if each not in HARMLESS]
        line += f"  {name}: {','.join(shown)}" if shown else ""
    line += f"\n    NOT PRODUCED: {result.fault[:400]}" if result.fault else ""
    line += f"\n    not clean: {result.left[:200]}" if result.left and not case.rebuild else ""
    return line


def summarize(results: list[Result], release: str) -> None:
    """Print the figures of all cases, by kind and by state."""
    produced = [result for result in results if not result.fault]
    print(f"\nIstio {release}: {len(results)} cases, {len(produced)} with their evidence")
    rows = []
    for name, group in group_results(produced):
        count = len(group)
        rows.append(
            (
                name,
                str(count),
                share(group, lambda r: is_first_right(r.case, r.answer.ids)),
                share(group, lambda r: r.answer.ids[:1] and r.answer.ids[0] in r.case.causes),
                share(group, lambda r: are_all_named(r.case, r.answer.ids)),
                share(group, lambda r: bool(list_wrong_blame(r.case, r.answer.ids))),
                *(share(group, pointed(peer)) for peer in ("analyze", "kiali")),
            )
        )
    head = ("", "cases", "top-1", "without equals", "all named", "wrong blame", "analyze", "Kiali")
    table(head, rows)
    seconds = [result.answer.seconds for result in produced]
    if seconds:
        print(
            f"seconds of the answer: p50 {quantile(seconds, 0.5):.2f}, "
            f"p95 {quantile(seconds, 0.95):.2f}, max {max(seconds):.2f}"
        )


def group_results(results: list[Result]) -> Iterable[tuple[str, list[Result]]]:
    """Yield the results by kind, and those of causes by state."""
    for kind in ("cause", "normal", "healthy", "pair"):
        group = [result for result in results if result.case.kind == kind]
        if group:
            yield kind, group
        states = sorted({result.state for result in group})
        for state in states if kind == "cause" else ():
            yield f"  {state}", [result for result in group if result.state == state]


def pointed(peer: str) -> Callable[[Result], bool]:
    """Return whether a peer's codes can come from one of the injected causes; on states without a
    cause, whether it says anything of weight."""

    def judge(result: Result) -> bool:
        codes = tuple(code for code in getattr(result, peer) if code not in HARMLESS)
        if result.case.kind in ("normal", "healthy"):
            return bool(codes)
        return bool(read_causes(codes) & {*result.case.causes, *result.case.equal})

    return judge


def share(results: list[Result], judge: Callable[[Result], object]) -> str:
    """Return the share of the results for which it is so, in per cent, and their number."""
    count = sum(1 for result in results if judge(result))
    return f"{100 * count / len(results):.0f}% ({count})" if results else "-"


def write_json(results: list[Result], path: Path) -> None:
    """Write every result with what was answered."""
    told = [
        {
            "id": result.case.id,
            "kind": result.case.kind,
            "state": result.state,
            "release": result.release,
            "causes": list(result.case.causes),
            "named": list(result.answer.ids),
            "exact": result.answer.ids[:1] != () and result.answer.ids[0] in result.case.causes,
            "top": is_first_right(result.case, result.answer.ids),
            "all": are_all_named(result.case, result.answer.ids),
            "wrong": list_wrong_blame(result.case, result.answer.ids),
            "seconds": round(result.answer.seconds, 3),
            "took": round(result.seconds, 1),
            "analyze": list(result.analyze),
            "kiali": list(result.kiali),
            "fault": result.fault,
            "left": result.left,
            "answer": result.answer.text,
        }
        for result in results
    ]
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8")
