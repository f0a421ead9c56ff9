"""What one answer is made from: the live objects, Prometheus, the release's ways and Kiali's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.sandbox.cluster.contract import Object
from bot.sandbox.observability.kiali.health import Requests
from bot.sandbox.observability.kiali.objects import ConfigKind, View, Workload
from bot.sandbox.observability.kiali.rates import Engine
from bot.sandbox.observability.kiali.release import Traits
from bot.sandbox.observability.kiali.settings import Settings

CLUSTER = "Kubernetes"
"""The name that Kiali gives the cluster it runs in."""
AMBIENT = "istio.io/dataplane-mode"


@dataclass(frozen=True)
class Moment:
    """One moment. `engine` is None where Prometheus is out of reach."""

    view: View
    traits: Traits
    settings: Settings
    engine: Engine | None
    health: Mapping[tuple[str, str, str], Requests] = field(default_factory=dict)
    """Requests by namespace, `app`, `service` or `workload`, and name, where Kiali has them in its cache."""

    def app(self, workload: Workload) -> str:
        """The application of a workload in this release's eyes; "" for none."""
        return workload.app(canonical=self.traits.canonical_labels)

    def version(self, workload: Workload) -> str:
        """The version of a workload in this release's eyes; "" for none."""
        return workload.version(canonical=self.traits.canonical_labels)

    def apps(self, namespace: str) -> dict[str, list[Workload]]:
        """A namespace's applications (waypoints are none) with their workloads."""
        found: dict[str, list[Workload]] = {}
        for workload in self.view.workloads_of(namespace):
            if self.app(workload) and not workload.waypoint:
                found.setdefault(self.app(workload), []).append(workload)
        return found

    def reference(self, kind: ConfigKind, obj: Object) -> Object:
        """A reference to an object, as this release writes it."""
        meta = obj["metadata"]
        said = {"objectGVK": wire_kind(kind)} if self.traits.by_gvk else {"objectType": kind.old_kind}
        return {**said, "name": meta["name"], "namespace": meta["namespace"], "cluster": ""}


def wire_kind(kind: ConfigKind) -> Object:
    """A kind as Kiali 2 writes it."""
    return {"Group": kind.group, "Version": kind.version, "Kind": kind.kind}


def is_ambient(namespace: Object) -> bool:
    """Whether a namespace is labelled for the ambient mesh."""
    return bool((namespace["metadata"].get("labels") or {}).get(AMBIENT) == "ambient")
