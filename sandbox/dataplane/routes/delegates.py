"""Delegation: a VirtualService leaves the routes below a match to another one, which has no hosts
(Istio's VirtualService API).

istiod merges both before it makes routes: conditions are joined, what only the root says is
inherited, and the delegate's short destination names are Services beside the delegate.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cluster.contract import Object
from sandbox.dataplane.routes.clusters import is_exported, qualify_host

_INHERITED = (
    "rewrite",
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirrorPercentage",
    "mirrors",
    "corsPolicy",
    "headers",
)
_STRINGS = ("uri", "scheme", "method", "authority")
_MAPS = ("headers", "queryParams", "withoutHeaders", "sourceLabels")
_PLAIN = ("port", "gateways", "sourceNamespace", "ignoreUriCase", "statPrefix")


def merge_delegates(
    virtual_services: Mapping[tuple[str, str], Object], root: Object
) -> tuple[Object, ...]:
    """Return the `http` of a VirtualService with the routes of its delegates in their places.

    A delegate that is not there, has hosts of its own, or is not exported to the root's namespace
    leaves out its route.
    """
    namespace = root["metadata"]["namespace"]
    found: list[Object] = []
    for entry in root["spec"].get("http") or []:
        if "delegate" not in entry:
            found.append(entry)
            continue
        named = entry["delegate"] or {}
        place = (named.get("namespace") or namespace, named.get("name", ""))
        delegate = virtual_services.get(place)
        if delegate is None or delegate["spec"].get("hosts"):
            continue
        if is_exported(delegate["spec"], place[0], namespace):
            found += _merge_routes(entry, delegate)
    return tuple(found)


def _merge_routes(root: Object, delegate: Object) -> Iterator[Object]:
    namespace = delegate["metadata"]["namespace"]
    for entry in delegate["spec"].get("http") or []:
        matches = _join_matches(root.get("match") or [], entry.get("match") or [])
        if matches is None:
            continue
        merged = _qualify_destinations(entry, namespace)
        merged |= {
            field: root[field] for field in _INHERITED if field in root and field not in entry
        }
        names = [name for name in (root.get("name"), entry.get("name")) if name]
        merged |= {"name": "-".join(names)} if names else {}
        merged.pop("match", None)
        yield merged | ({"match": matches} if matches else {})


def _qualify_destinations(entry: Object, namespace: str) -> Object:
    """Return a copy of a route whose destinations are full host names."""
    copied = copy.deepcopy(entry)
    targets = [one.get("destination") for one in copied.get("route") or []]
    targets += [one.get("destination") for one in copied.get("mirrors") or []]
    for target in (*targets, copied.get("mirror")):
        if target and target.get("host"):
            target["host"] = qualify_host(target["host"], namespace)
    return copied


def _join_matches(roots: list[Object], leaves: list[Object]) -> list[Object] | None:
    """Return every pair of conditions that can hold together; None when none can."""
    if not roots or not leaves:
        return roots or leaves
    pairs = [(root, leaf) for root in roots for leaf in leaves if not _conflict(root, leaf)]
    return [_join_match(root, leaf) for root, leaf in pairs] or None


def _join_match(root: Object, leaf: Object) -> Object:
    joined = {**leaf}
    for field in (*_STRINGS, *_PLAIN):
        if field in root and field not in leaf:
            joined[field] = root[field]
    for field in _MAPS:
        if root.get(field):
            joined[field] = {**root[field], **(leaf.get(field) or {})}
    names = [name for name in (root.get("name"), leaf.get("name")) if name]
    return joined | ({"name": "-".join(names)} if names else {})


def _conflict(root: Object, leaf: Object) -> bool:
    """Tell whether a root's condition and a delegate's can't be joined: a delegate may only narrow
    what the root says, and expressions are not compared.
    """
    if any(_differ(root.get(field), leaf.get(field)) for field in _STRINGS):
        return True
    for field in _MAPS:
        one, other = root.get(field) or {}, leaf.get(field) or {}
        for name in one.keys() & other.keys():
            if field == "sourceLabels":
                if one[name] != other[name]:
                    return True
            elif _differ(one[name], other[name]):
                return True
    return any(
        root.get(field) not in (None, leaf.get(field)) and field in leaf
        for field in ("port", "sourceNamespace")
    )


def _differ(root: Any, leaf: Any) -> bool:
    if not root or not leaf:
        return False
    if "regex" in root or "regex" in leaf:
        return True
    if "exact" in root:
        return bool(leaf.get("exact") != root["exact"])
    return not str(leaf.get("exact", leaf.get("prefix", ""))).startswith(root.get("prefix", ""))
