"""Answers of real Kialis at the stages of the workshop, beside those of the embedded ones."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.truth.compared import Case, Discrepancy
from benchmarks.truth.kiali_reasons import REASONS
from tests.sandbox.observability.stages import ISTIO, Answer, play

KIALI = {release: kiali for kiali, release in ISTIO.items()}
"""The Kiali of each release of Istio."""
RECORDED = {"1.87": "v1.87.0", "2.26": "v2.26.1"}
STAGES = {
    "bare": "1-bookinfo-without-sidecars",
    "sidecars": "2-sidecars-and-traffic",
    "route": "3-route-for-a-user",
    "fault": "4-fault-for-a-user",
    "broken": "5-destination-rule-removed",
    "ambient": "6-ambient",
    "waypoint": "7-waypoint",
}
QUESTIONS = {
    "graph": "graph-full",
    "idle graph": "graph-versionedApp",
    "app health": "health-app",
    "apps": "apps",
    "services": "services",
    "workloads": "workloads",
    "config": "istio-config-ns",
    "counts": "validations",
    "components": "istio-status",
    "status": "status",
    "api": "api",
    "namespaces": "namespaces",
    "mesh tls": "mesh-tls",
    "namespace tls": "ns-tls",
    "clusters tls": "ns-tls-clusters",
    "health": "healthz",
    "no namespace": "nonesuch-namespace",
    "no path": "nonesuch-path",
}
"""The files of the recordings, by the names of the questions that the embedded Kialis are asked."""
_KEYS = ("name", "namespace", "code", "path")
_ABSENT = "(absent)"
_OF_THE_MOMENT = ("timestamp", "createdAt", "id", "ValidationKey", "ValidationVersion")
"""What is of another run in any case."""
_TOLERANCE = 0.25
"""How far two rates may lie apart: both come from scrapes every 15 seconds, which are late on a busy
machine."""


def compare_kiali(recordings: Path, release: str) -> list[Case]:
    """Return a case for each answer of that release's Kiali; none where none was recorded."""
    version = KIALI.get(release, "")
    if not (recordings / "kiali" / RECORDED.get(version, "-")).is_dir():
        return []
    answers = asyncio.run(play(version))
    found = []
    for stage, folder in STAGES.items():
        for question, file in QUESTIONS.items():
            place = recordings / "kiali" / RECORDED[version] / folder / f"{file}.json"
            recorded = json.loads(place.read_text(encoding="utf-8"))["answer"]
            case = Case("kiali", release, f"{version} {stage} {question}")
            case.found.extend(compare_answer(case.name, recorded, answers[stage][question]))
            found.append(case)
    return found


def compare_answer(name: str, recorded: Any, answer: Answer) -> Iterator[Discrepancy]:
    """Yield the places in which a recorded answer and one of an embedded Kiali differ; `name` is
    version, stage and question.
    """
    before, after = _flatten(_tidy(_read_recorded(recorded))), _flatten(_tidy(_read_said(answer)))
    for path in sorted({*before, *after}):
        one, other = before.get(path, _ABSENT), after.get(path, _ABSENT)
        if not _is_same(one, other):
            yield Discrepancy(path, one, other, _find_reason(f"{name}: {path}", one, other))


def _find_reason(place: str, recorded: Any, said: Any) -> str:
    words = f"{place} {json.dumps(recorded)} {json.dumps(said)}"
    return next((why for pattern, why in REASONS if re.search(pattern, words)), "")


def _read_recorded(answer: Any) -> Any:
    """Return a recorded answer; one without JSON by its status, which kubectl told."""
    if isinstance(answer, dict) and "_error" in answer:
        return {"status code": 404 if "NotFound" in answer["_error"] else 200}
    return answer


def _read_said(answer: Answer) -> Any:
    return answer.json if answer.json and answer.status == 200 else {"status code": answer.status}


def _is_same(one: Any, other: Any) -> bool:
    if one == other:
        return True
    try:
        before, after = float(one), float(other)
    except (TypeError, ValueError):
        return False
    return abs(before - after) <= _TOLERANCE * max(abs(before), abs(after))


def _tidy(answer: Any) -> Any:
    """Return an answer whose graph has nodes and edges by what they are, not by their hashes, and
    whose objects of Istio are there by name: recordings have them cut.
    """
    if isinstance(answer, dict) and "validations" in answer and "cluster" not in answer:
        lists = answer.get("resources") or _without(answer, "validations")
        there = {kind: sorted(map(_name_object, found)) for kind, found in lists.items() if found}
        return {"objects": there, "validations": answer["validations"]}
    if not (isinstance(answer, dict) and "elements" in answer):
        return answer
    nodes = {each["data"]["id"]: each["data"] for each in answer["elements"]["nodes"] or ()}
    names = {key: _name_node(data) for key, data in nodes.items()}
    edges = {}
    for each in answer["elements"]["edges"] or ():
        data = each["data"]
        protocol = (data.get("traffic") or {}).get("protocol", "")
        name = f"{names[data['source']]} > {names[data['target']]} {protocol}"
        edges[name] = _without(data, "id", "source", "target")
    tidied: dict[str, Any] = {
        names[key]: {**_without(data, "id"), "parent": names.get(data.get("parent", ""), "")}
        for key, data in nodes.items()
    }
    return {**_without(answer, "elements"), "nodes": tidied, "edges": edges}


def _name_object(obj: Any) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"


def _name_node(data: Any) -> str:
    words = (data["nodeType"], *(data.get(k, "") for k in ("app", "version", "service")))
    return "/".join([*words, data.get("workload", "")])


def _without(data: Any, *keys: str) -> Any:
    return {key: value for key, value in data.items() if key not in keys}


def _flatten(value: Any, path: str = "") -> dict[str, Any]:
    """Return the leaves of a value by their paths; lists by what names their members."""
    if isinstance(value, dict) and value:
        pairs = [(str(k), each) for k, each in value.items() if k not in _OF_THE_MOMENT]
    elif isinstance(value, list) and value:
        ordered = all(isinstance(each, str) for each in value)
        pairs = list(_name_members(sorted(value) if ordered else value))
    else:
        return {path: value}
    found: dict[str, Any] = {}
    for key, each in pairs:
        found |= _flatten(each, f"{path}/{key}")
    return found


def _name_members(members: list[Any]) -> Iterator[tuple[str, Any]]:
    seen: dict[str, int] = {}
    for each in members:
        held = each.get("metadata", each) if isinstance(each, dict) else {}
        words = [str(held[key]) for key in (*_KEYS, "objectType") if held.get(key)]
        words += [str(held["objectGVK"].get("Kind"))] if held.get("objectGVK") else []
        name = " ".join(words) or "item"
        seen[name] = seen.get(name, 0) + 1
        yield (name if seen[name] == 1 else f"{name} ({seen[name]})"), each
