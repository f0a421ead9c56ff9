"""The rules of the application that are in force now, as YAML that can be applied elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from bot.kinds import (
    AUTHORIZATION_POLICY,
    DESTINATION_RULE,
    HTTP_ROUTE,
    PEER_AUTHENTICATION,
    SERVICE_ENTRY,
    SIDECAR,
    VIRTUAL_SERVICE,
    Kind,
    Object,
)
from bot.knowledge.objects.workloads import get_name, is_being_deleted
from bot.knowledge.workshop.manifest_text import measure_line, shorten_manifest
from bot.steps import Context

KINDS = (
    HTTP_ROUTE,
    DESTINATION_RULE,
    VIRTUAL_SERVICE,
    PEER_AUTHENTICATION,
    AUTHORIZATION_POLICY,
    SERVICE_ENTRY,
    SIDECAR,
)
"""Kinds of rules, in the order in which they are applied."""
MOST = 2700
"""Characters of YAML in one answer: a section of Slack takes 3000."""
OWN = ("kubectl.kubernetes.io/", "meshbot")
"""What annotations begin with that say only who applied an object."""


@dataclass(frozen=True)
class RulesInForce:
    """Lines of YAML, and the rules that did not fit, each as `Kind name`."""

    lines: tuple[str, ...]
    left_out: tuple[str, ...]


async def read_rules(context: Context) -> list[Object]:
    """Return the rules in the application's namespace, in the order of application.

    Raises ClusterError.
    """
    find, namespace = context.cluster.find, context.workshop.app_namespace
    found = await asyncio.gather(*(find(kind, namespace) for kind in KINDS))
    return [
        build_manifest(kind, rule)
        for kind, rules in zip(KINDS, found, strict=True)
        for rule in sorted(rules, key=get_name)
        if not is_being_deleted(rule) and not is_ingress(rule)
    ]


def is_ingress(rule: Object) -> bool:
    """Tell whether a route is of a Gateway: those come with the application's own sample."""
    parents = (rule.get("spec") or {}).get("parentRefs") or []
    return any(parent.get("kind", "Gateway") == "Gateway" for parent in parents)


def build_manifest(kind: Kind, rule: Object) -> Object:
    """Return a rule as a person would write it, without what the cluster added."""
    metadata = rule["metadata"]
    kept = {name: metadata[name] for name in ("name", "namespace") if metadata.get(name)}
    notes = metadata.get("annotations") or {}
    if own := {key: value for key, value in notes.items() if not key.startswith(OWN)}:
        kept["annotations"] = own
    manifest = {"apiVersion": f"{kind.group}/{kind.version}", "kind": kind.kind, "metadata": kept}
    return manifest | ({"spec": rule["spec"]} if rule.get("spec") else {})


def format_rules(rules: Sequence[Object], most: int = MOST) -> RulesInForce:
    """Return as many rules as fit, each whole."""
    lines, left, used = list[str](), list[str](), 0
    for rule in rules:
        text = list(format_rule(rule))
        size = sum(map(measure_line, text))
        if used + size > most:
            left.append(f"{rule['kind']} {get_name(rule)}")
            continue
        lines += text
        used += size
    return RulesInForce(tuple(lines), tuple(left))


def format_rule(rule: Object) -> Iterator[str]:
    """Yield the lines of one rule as a document of YAML."""
    text = yaml.safe_dump(shorten_manifest(rule), sort_keys=False, allow_unicode=True, width=110)
    yield "---"
    yield from text.replace("```", "'''").splitlines()
