"""Kiali's answers as short lines of text, so that a recorded answer and the sandbox's can stand
side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_MARKS = (
    "isRoot isIdle isOutOfMesh isAmbient isWaypoint isK8sGatewayAPI hasVS hasRequestRouting "
    "hasFaultInjection"
    " hasTrafficShifting hasCB isInjected isDead"
).split()
_WORKLOAD = "istioSidecar isAmbient isGateway isWaypoint isZtunnel appLabel versionLabel".split()


def edges(answer: Any, scale: float = 1.0) -> list[str]:
    """`who > whom protocol rate …`: share of the caller's requests, errors, codes with flags, mTLS."""
    names = {node["data"]["id"]: name(node["data"]) for node in answer["elements"]["nodes"]}
    return sorted(_edge(each["data"], names, scale) for each in answer["elements"]["edges"])


def _edge(data: Any, names: dict[str, str], scale: float) -> str:
    traffic = data["traffic"]
    rates, protocol = traffic["rates"], traffic["protocol"]
    words = [
        f"{names[data['source']]} > {names[data['target']]}",
        protocol,
        f"{_near(float(rates[protocol]) * scale)}",
    ]
    shares = (("httpPercentReq", "of out"), ("httpPercentErr", "errors"))
    words += [f"{round(float(rates[key]))}% {word}" for key, word in shares if key in rates]
    words += [
        f"{code}:{flag}"
        for code, each in sorted(traffic["responses"].items())
        for flag in sorted(each["flags"])
    ]
    return " ".join([*words, *([f"mTLS {data['isMTLS']}"] if "isMTLS" in data else [])])


def _near(rate: float) -> float:
    """To the nearest hundred bytes or whole request: rates are never exact."""
    return round(rate, -2) if rate > 100 else round(rate)


def name(data: Any) -> str:
    """A node in one word: `reviews` in a box, `reviews-v1` a version, `/reviews` a Service, `=x` a
    bare workload."""
    kinds = {
        "box": f"[{data.get('app')}]",
        "service": f"/{data.get('service')}",
        "workload": f"={data.get('workload')}",
        "app": f"{data.get('app')}-{data.get('version')}",
    }
    return kinds[data["nodeType"]]


def nodes(answer: Any) -> list[str]:
    """`node marks…` of every node; `in BOX` for those in one."""
    names = {node["data"]["id"]: name(node["data"]) for node in answer["elements"]["nodes"]}
    lines = []
    for node in answer["elements"]["nodes"]:
        data = node["data"]
        marks = [mark for mark in _MARKS if data.get(mark)]
        inside = [f"in {names[data['parent']]}"] if "parent" in data else []
        lines.append(" ".join([name(data), *inside, *marks]))
    return sorted(lines)


def node_health(answer: Any) -> list[str]:
    """`node status` of every node that is no box (Kiali 2)."""
    found = (node["data"] for node in answer["elements"]["nodes"])
    return sorted(
        f"{name(each)} {each['healthData']['status']['status']}"
        for each in found
        if each["nodeType"] != "box"
    )


def health(found: dict[str, Any]) -> list[str]:
    """`name < code rate … > code rate …` with replicas, of applications by name."""
    lines = []
    for who, each in sorted(found.items()):
        words = [
            who,
            *(
                f"{w['name']}:{w['availableReplicas']}/{w['desiredReplicas']}"
                for w in each["workloadStatuses"]
            ),
        ]
        for sign, direction in (("<", "inbound"), (">", "outbound")):
            for protocol, codes in sorted(each["requests"][direction].items()):
                words += [
                    f"{sign} {protocol} {code} {round(rate)}"
                    for code, rate in sorted(codes.items())
                ]
        lines.append(" ".join(words))
    return lines


def workloads(answer: Any) -> list[str]:
    """`workload marks…`."""
    rows = answer["workloads"]
    return sorted(
        " ".join([row["name"], *(mark for mark in _WORKLOAD if row.get(mark))]) for row in rows
    )


def references(answer: Any) -> list[str]:
    """`application: Kind name …` of what rules name it."""
    return sorted(
        f"{row['name']}: "
        + ", ".join(sorted(f"{_kind(each)} {each['name']}" for each in row["istioReferences"]))
        for row in answer["applications"]
    )


def _kind(reference: Any) -> str:
    return str(reference.get("objectType") or reference["objectGVK"]["Kind"])


def findings(answer: Any) -> list[str]:
    """`kind name` of every validated object, with code, severity and path of what is wrong with it."""
    lines = []
    for key, found in answer["validations"].items():
        if key == "workload":
            continue
        kind = key.rpartition("Kind=")[2].lower().removeprefix("k8s")
        for place, each in found.items():
            lines.append(f"{kind} {place.partition('.')[0]}{'' if each['valid'] else ' invalid'}")
            lines += [
                f"{lines[-1]}: {c['code']} {c['severity']} {c['path']}" for c in each["checks"]
            ]
    return sorted(lines)


def keys(values: Iterable[Any]) -> list[str]:
    """All keys of some objects."""
    return sorted({key for value in values for key in value})
