"""The checks of `istioctl analyze` on single rules, gateways and labels: conflicts, rules that are
never reached, and names that lead nowhere.

Codes, levels and texts are Istio's (galley's `msg`); what is compared is told by
`pkg/config/validation` of 1.30.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from sandbox.cluster.machinery.meta import labels_of
from sandbox.cluster.machinery.selectors import has_labels
from sandbox.istio.components.common import get_nested
from sandbox.istio.ctl.findings import AnalysisFinding, format_origin, resolve_host
from sandbox.istio.ctl.kube import Object

if TYPE_CHECKING:
    from sandbox.istio.ctl.analyzers import AnalysisContext

_CONFLICT = (
    "The VirtualServices {} associated with mesh gateway define the same host {} which can lead to "
    "undefined behavior. This can be fixed by merging the conflicting VirtualServices into a "
    "single resource."
)
_BOTH_LABELS = (
    "The namespace has both new and legacy injection labels. Run 'kubectl label namespace {0} "
    "istio.io/rev-' or 'kubectl label namespace {0} istio-injection-'"
)
_UNKNOWN_HOST = (
    "The host {} defined in the DestinationRule does not match any services in the mesh."
)


def run_rule_analyzers(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    """Yield all findings, in no particular order."""
    yield from _analyze_conflicts(view)
    yield from _analyze_unreachable_rules(view)
    yield from _analyze_selectors(view)
    yield from _analyze_injection_labels(view)
    if view.release.istioctl.analyzes_subset_pods:
        yield from _analyze_rule_hosts(view)


def _analyze_conflicts(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    """Yield VirtualServices for one host that all hold for the mesh."""
    same: dict[str, list[Object]] = defaultdict(list)
    for service in view.virtual_services:
        if "mesh" in (get_nested(service, "spec.gateways", []) or ["mesh"]):
            for host in get_nested(service, "spec.hosts", []):
                same[resolve_host(host, service["metadata"]["namespace"])].append(service)
    for host, services in same.items():
        if len(services) < 2:
            continue
        names = ",".join(
            sorted(f"{s['metadata']['namespace']}/{s['metadata']['name']}" for s in services)
        )
        for service in view.filter_by_namespace(services):
            text = _CONFLICT.format(names, host)
            yield AnalysisFinding("Error", "IST0109", format_origin(service), text)


def _analyze_unreachable_rules(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    """Yield rules that stand behind one which takes everything, or whose matches are taken."""
    for service in view.filter_by_namespace(view.virtual_services):
        for rule, reason in find_unreachable_rules(get_nested(service, "spec.http", [])):
            text = f"VirtualService rule {rule} not used ({reason})."
            yield AnalysisFinding("Warning", "IST0130", format_origin(service), text)


def find_unreachable_rules(rules: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield (rule, reason) for each rule of a VirtualService that no request reaches."""
    seen: set[str] = set()
    open_before = False
    for number, rule in enumerate(rules):
        matches = rule.get("match") or []
        name = json.dumps(rule["name"]) if rule.get("name") else f"#{number}"
        if open_before:
            reason = "route without matches defined before"
            yield name, reason if matches else "only the last rule can have no matches"
            continue
        texts = [json.dumps(match, sort_keys=True) for match in matches]
        if matches and all(text in seen for text in texts):
            yield name, "all matches used by prior rules"
        seen.update(texts)
        open_before = not matches


def _analyze_selectors(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    """Yield Istio Gateways whose selector no pod has."""
    for gateway in view.filter_by_namespace(view.gateways):
        wanted = get_nested(gateway, "spec.selector", {}) or {}
        if wanted and not any(has_labels(labels_of(pod), wanted) for pod in view.pods):
            selector = ",".join(f"{key}={value}" for key, value in sorted(wanted.items()))
            text = f'Referenced selector not found: "{selector}"'
            yield AnalysisFinding("Error", "IST0101", format_origin(gateway), text)


def _analyze_injection_labels(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    for obj in view.namespaces:
        name, labels = obj["metadata"]["name"], labels_of(obj)
        both = "istio-injection" in labels and "istio.io/rev" in labels
        if both and view.namespace in ("", name):
            text = _BOTH_LABELS.format(name)
            yield AnalysisFinding("Warning", "IST0123", format_origin(obj), text)


def _analyze_rule_hosts(view: AnalysisContext) -> Iterator[AnalysisFinding]:
    """Yield DestinationRules whose host is no Service and no ServiceEntry."""
    for rule in view.filter_by_namespace(view.destination_rules):
        host = str(get_nested(rule, "spec.host", ""))
        if "*" not in host and resolve_host(host, rule["metadata"]["namespace"]) not in view.hosts:
            text = _UNKNOWN_HOST.format(host)
            yield AnalysisFinding("Warning", "IST0174", format_origin(rule), text)
