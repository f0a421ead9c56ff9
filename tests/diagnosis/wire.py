"""The plain objects at the other end of the wire: what an API server would answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bot.kinds import Kind
from bot.knowledge.objects.workloads import get_name
from tests.diagnosis.cluster import Cluster
from tests.diagnosis.shapes import APP, MESH


def name_path(kind: Kind, namespace: str = "", name: str = "") -> str:
    """The path of a list, or of one object."""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    place = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{place}/{kind.plural}" + (f"/{name}" if name else "")


def answer_lists(cluster: Cluster, namespaces: Iterable[str] = (APP, MESH)) -> dict[str, Any]:
    """What is answered by path: lists of the whole cluster and of namespaces, and each object."""
    answers: dict[str, Any] = {}
    for kind, objects in cluster.objects.items():
        answers[name_path(kind)] = {"metadata": {}, "items": objects}
        for place in namespaces if kind.namespaced else ():
            own = [obj for obj in objects if obj["metadata"].get("namespace") == place]
            answers[name_path(kind, place)] = {"metadata": {}, "items": own}
        for obj in objects:
            place = obj["metadata"].get("namespace", "")
            answers[name_path(kind, place, get_name(obj))] = obj
    return answers


def forbid(answers: dict[str, Any], kind: Kind) -> None:
    """Refuses a kind, wherever it is asked for."""
    message = f"{kind.plural} is forbidden: User cannot list resource"
    body = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": message}
    for path in [p for p in answers if f"/{kind.plural}" in p]:
        if path.split("/")[-1] == kind.plural or path.split("/")[-2] == kind.plural:
            answers[path] = (403, {**body, "code": 403})
