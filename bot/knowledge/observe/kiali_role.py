"""Kiali's role on the cluster: the sample lets it write every kind of Istio's and the Gateway API's
groups, and here the kinds are named."""

from __future__ import annotations

from bot.kinds import Object

KINDS = {
    "networking.istio.io": (
        "destinationrules envoyfilters gateways proxyconfigs serviceentries sidecars "
        "virtualservices workloadentries workloadgroups"
    ),
    "security.istio.io": "authorizationpolicies peerauthentications requestauthentications",
    "extensions.istio.io": "trafficextensions wasmplugins",
    "telemetry.istio.io": "telemetries",
    "gateway.networking.k8s.io": (
        "backendtlspolicies gatewayclasses gateways grpcroutes httproutes listenersets "
        "referencegrants tcproutes tlsroutes udproutes"
    ),
    "inference.networking.k8s.io": "inferencepools",
}
"""The kinds of each group, by their plurals (Istio 1.23 to 1.32, Gateway API 1.5). The role of the
bot in `manifests/deploy` has the same: it can grant only what it holds. A test compares them."""


def name_kinds(rules: list[Object]) -> list[Object]:
    """Return a role's rules, in which every group of KINDS has its kinds in the place of `*`."""
    named: list[Object] = []
    for rule in rules:
        groups = rule.get("apiGroups") or []
        known = [group for group in groups if group in KINDS and "*" in rule["resources"]]
        named += [rule | {"apiGroups": [g], "resources": KINDS[g].split()} for g in known]
        if others := [group for group in groups if group not in known]:
            named.append(rule | {"apiGroups": others})
        elif not known:
            named.append(rule)
    return named
