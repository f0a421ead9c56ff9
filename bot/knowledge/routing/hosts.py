"""For which Service a rule is: by its host or parent, as Istio reads it, never by its own name.

A short host belongs to the rule's namespace, a host with a dot is taken as it is (Istio 1.23 and
1.30).
"""

from __future__ import annotations

from bot.errors import Forbidden
from bot.kinds import HTTP_ROUTE, VIRTUAL_SERVICE, Object
from bot.knowledge.routing.manifests import get_host_name
from bot.steps import Context


def names_service(host: str, home: str, service: str, namespace: str) -> bool:
    """Tell whether a host in a rule of the namespace `home` is that Service of `namespace`."""
    if "." not in host:
        return (host, home) == (service, namespace)
    return host == get_host_name(service, namespace)


def is_rule_for(rule: Object, service: str, namespace: str) -> bool:
    """Tell whether a VirtualService, a DestinationRule or an HTTPRoute is for requests between
    services to that one.

    One that is bound to gateways alone is not, nor one that callers in the namespace do not see.
    """
    spec, home = rule["spec"], str(rule["metadata"].get("namespace", namespace))
    if rule["kind"] == HTTP_ROUTE.kind:
        return any(
            parent.get("kind") == "Service"
            and (parent.get("name"), parent.get("namespace") or home) == (service, namespace)
            for parent in spec.get("parentRefs") or []
        )
    export = spec.get("exportTo") or ["*"]
    seen = bool({"*", namespace} & set(export)) or ("." in export and home == namespace)
    hosts = spec.get("hosts") or [spec.get("host")]
    named = any(names_service(str(host), home, service, namespace) for host in hosts)
    return named and seen and "mesh" in (spec.get("gateways") or ["mesh"])


async def find_rules_for(context: Context, service: str) -> list[Object]:
    """Return all VirtualServices and HTTPRoutes for requests to a Service of the application,
    whatever they are called and wherever they are.
    """
    namespace = context.workshop.app_namespace
    found = list[Object]()
    for kind in (VIRTUAL_SERVICE, HTTP_ROUTE):
        try:
            found += await context.cluster.find(kind)
        except Forbidden:
            found += await context.cluster.find(kind, namespace)
    return [rule for rule in found if is_rule_for(rule, service, namespace)]
