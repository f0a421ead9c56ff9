"""Context of one answer: the live objects, Prometheus, the release's traits and Kiali's
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.cluster.contract import Object
from sandbox.observability.kiali.health import RequestRates
from sandbox.observability.kiali.objects import ConfigKind, MeshObjects, Workload
from sandbox.observability.kiali.rates import QueryEngine
from sandbox.observability.kiali.settings import KialiSettings
from sandbox.releases.release import KialiTraits

CLUSTER = "Kubernetes"
"""The name that Kiali gives the cluster it runs in."""
AMBIENT = "istio.io/dataplane-mode"


@dataclass(frozen=True)
class AnswerContext:
    """Everything that one answer is computed from. `engine` is None where Prometheus is out of
    reach.
    """

    view: MeshObjects
    traits: KialiTraits
    settings: KialiSettings
    engine: QueryEngine | None
    health: Mapping[tuple[str, str, str], RequestRates] = field(default_factory=dict)
    """Requests by namespace, `app`, `service` or `workload`, and name, where Kiali has them in its
    cache."""

    def get_app(self, workload: Workload) -> str:
        """Return the application of a workload as this release determines it; "" for none."""
        return workload.get_app(canonical=self.traits.canonical_labels)

    def get_version(self, workload: Workload) -> str:
        """Return the version of a workload as this release determines it; "" for none."""
        return workload.get_version(canonical=self.traits.canonical_labels)

    def group_by_app(self, namespace: str) -> dict[str, list[Workload]]:
        """Return a namespace's applications (waypoints are none) with their workloads."""
        found: dict[str, list[Workload]] = {}
        for workload in self.view.list_workloads(namespace):
            if self.get_app(workload) and not workload.is_waypoint:
                found.setdefault(self.get_app(workload), []).append(workload)
        return found

    def build_reference(self, kind: ConfigKind, obj: Object) -> Object:
        """Return a reference to an object, as this release writes it."""
        meta = obj["metadata"]
        said = (
            {"objectGVK": serialize_kind(kind)}
            if self.traits.by_gvk
            else {"objectType": kind.old_kind}
        )
        return {**said, "name": meta["name"], "namespace": meta["namespace"], "cluster": ""}


def serialize_kind(kind: ConfigKind) -> Object:
    """Return a kind as Kiali 2 writes it."""
    return {"Group": kind.group, "Version": kind.version, "Kind": kind.kind}


def is_ambient(namespace: Object) -> bool:
    """Tell whether a namespace is labelled for the ambient mesh."""
    return bool((namespace["metadata"].get("labels") or {}).get(AMBIENT) == "ambient")
