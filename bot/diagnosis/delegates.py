"""Delegation: a VirtualService leaves the rules below a match to another one, which has no hosts.

istiod merges both before it makes routes (Istio 1.23 and 1.30): conditions are joined, what the
delegate does not say is inherited, and its short destinations are Services beside the delegate. A
rule without its delegate is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.diagnosis.mesh_state import ClusterState
from bot.kinds import VIRTUAL_SERVICE, Object
from bot.knowledge.objects.workloads import get_name

INHERITED = (
    *("rewrite", "timeout", "retries", "fault", "mirror", "mirrorPercentage", "mirrors"),
    *("corsPolicy", "headers"),
)
"""What the root's rule gives to those of its delegate that say nothing of it."""
MAPS = ("headers", "queryParams", "withoutHeaders", "sourceLabels")
"""Conditions of a match by name, of which both hold."""


def find_delegate(cluster: ClusterState, root: Object, told: Object) -> Object | None:
    """Return the VirtualService that a rule of another one names as its delegate, or None."""
    home = str(root["metadata"].get("namespace", ""))
    place, name = str(told.get("namespace") or home), str(told.get("name"))
    for each in cluster.list_all(VIRTUAL_SERVICE):
        if get_name(each) == name and each["metadata"].get("namespace", "") == place:
            return each
    return None


def is_usable(root: Object, delegate: Object | None) -> bool:
    """Tell whether a delegate is there, has no hosts of its own, and is exported to the root."""
    return delegate is not None and not delegate["spec"].get("hosts") and is_shown(root, delegate)


def is_shown(root: Object, delegate: Object) -> bool:
    """Tell whether a delegate is exported to the namespace of its root."""
    home, place = (each["metadata"].get("namespace", "") for each in (root, delegate))
    export = delegate["spec"].get("exportTo") or ["*"]
    return "*" in export or home in export or ("." in export and home == place)


def expand_delegates(cluster: ClusterState, root: Object, domain: str) -> Object:
    """Return a VirtualService with the rules of its delegates in their places; the same object
    where it has none."""
    rules = root["spec"].get("http") or []
    if not any("delegate" in rule for rule in rules):
        return root
    merged = [each for rule in rules for each in expand_rule(cluster, root, rule, domain)]
    return {**root, "spec": {**root["spec"], "http": merged}}


def expand_rule(cluster: ClusterState, root: Object, rule: Object, domain: str) -> Iterator[Object]:
    """Yield a rule, or those of its delegate as they hold below its match."""
    if "delegate" not in rule:
        yield rule
        return
    delegate = find_delegate(cluster, root, rule["delegate"] or {})
    if delegate is None or not is_usable(root, delegate):
        return
    place = delegate["metadata"].get("namespace", "")
    for each in delegate["spec"].get("http") or []:
        matches = join_matches(rule.get("match") or [], each.get("match") or [])
        if matches is None:
            continue
        inherited = {key: rule[key] for key in INHERITED if key in rule}
        own = {k: v for k, v in qualify(each, f"{place}.svc.{domain}").items() if k != "match"}
        yield {**inherited, **own, **({"match": matches} if matches else {})}


def qualify(rule: Object, suffix: str) -> Object:
    """Return a rule whose short destinations are full names."""
    told = dict(rule)
    for key in ("route", "mirrors"):
        if key in rule:
            told[key] = [
                {**each, "destination": complete(each.get("destination") or {}, suffix)}
                for each in rule[key] or []
            ]
    return told | ({"mirror": complete(rule["mirror"], suffix)} if rule.get("mirror") else {})


def complete(destination: Object, suffix: str) -> Object:
    """Return a destination by its full name."""
    host = str(destination.get("host", ""))
    return destination if "." in host or not host else {**destination, "host": f"{host}.{suffix}"}


def join_matches(roots: list[Object], leaves: list[Object]) -> list[Object] | None:
    """Return the conditions of a root's rule and of its delegate's joined; None when none can hold
    together."""
    if not roots or not leaves:
        return roots or leaves
    pairs = [join_match(root, leaf) for root in roots for leaf in leaves if fit(root, leaf)]
    return pairs or None


def join_match(root: Object, leaf: Object) -> Object:
    """Return one condition that holds where both do."""
    maps = {key: {**(root.get(key) or {}), **(leaf.get(key) or {})} for key in MAPS}
    return {**root, **leaf, **{key: value for key, value in maps.items() if value}}


def fit(root: Object, leaf: Object) -> bool:
    """Tell whether a delegate's path narrows that of its root, where both name one."""
    mine, its = root.get("uri") or {}, leaf.get("uri") or {}
    if not mine or not its or "regex" in mine or "regex" in its:
        return not (mine and its)
    told = str(its.get("exact", its.get("prefix", "")))
    return told == mine["exact"] if "exact" in mine else told.startswith(str(mine.get("prefix")))
