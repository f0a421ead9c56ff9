"""Kiali's validations: the checks that a workshop meets, by their codes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sandbox.cluster.contract import Object
from sandbox.observability.kiali.checked_mesh import CheckedMesh
from sandbox.observability.kiali.edge_checks import (
    check_gateway_class,
    check_http_route,
    check_istio_gateway,
)
from sandbox.observability.kiali.finding import Check
from sandbox.observability.kiali.objects import (
    CONFIG_KINDS,
    DESTINATION_RULE,
    HTTP_ROUTE,
    ISTIO_GATEWAY,
    K8S_GATEWAY,
    VIRTUAL_SERVICE,
    ConfigKind,
    MeshObjects,
)
from sandbox.observability.kiali.rule_checks import check_destination_rule, check_virtual_service
from sandbox.releases.release import KialiTraits

_CHECKERS: dict[ConfigKind, Callable[[CheckedMesh, Object], Iterator[Check]]] = {
    VIRTUAL_SERVICE: check_virtual_service,
    DESTINATION_RULE: check_destination_rule,
    HTTP_ROUTE: check_http_route,
    K8S_GATEWAY: check_gateway_class,
    ISTIO_GATEWAY: check_istio_gateway,
}


def check_object(
    view: MeshObjects, traits: KialiTraits, kind: ConfigKind, obj: Object
) -> list[Check]:
    """Return the findings for one object of Istio or the Gateway API."""
    checker = _CHECKERS.get(kind)
    return list(checker(CheckedMesh(view, traits), obj)) if checker else []


def check_all_objects(
    view: MeshObjects, traits: KialiTraits, ignored: frozenset[str]
) -> dict[tuple[ConfigKind, str, str], list[Check]]:
    """Return the findings for every object, by (kind, namespace, name); ignored codes are left
    out.
    """
    found = {}
    for kind in CONFIG_KINDS:
        for obj in view.list_configs(kind):
            key = (kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
            found[key] = [
                each for each in check_object(view, traits, kind, obj) if each.code not in ignored
            ]
    return found
