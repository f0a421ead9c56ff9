"""The labels and annotations of the objects that istiod creates for a Gateway."""

from __future__ import annotations

from sandbox.cluster.contract import Object
from sandbox.istio.istiod.gateway_classes import MESH_CONTROLLER
from sandbox.istio.istiod.mesh_configuration import MeshConfiguration

CONTROLLER_VERSION = "gateway.istio.io/controller-version"
_NOT_COPIED = frozenset({CONTROLLER_VERSION, "kubectl.kubernetes.io/last-applied-configuration"})


class GatewayLabels:
    """The labels and annotations of what one Gateway is deployed as; `name` is those objects'."""

    def __init__(
        self, gateway: Object, controller: str, name: str, mesh: MeshConfiguration
    ) -> None:
        self._meta, self._spec = gateway["metadata"], gateway["spec"]
        self._facts, self._ambient = mesh.identity.facts, mesh.identity.ambient
        self._controller, self._name = controller, name
        self._waypoint = controller == MESH_CONTROLLER

    def copy_annotations(self) -> dict[str, str]:
        """Copy the annotations that the Gateway gives its objects: its own, unless it has others
        for them.
        """
        own = (
            (self._spec.get("infrastructure") or {}).get("annotations")
            or self._meta.get("annotations")
            or {}
        )
        return {k: v for k, v in own.items() if k not in _NOT_COPIED}

    def _copy_labels(self) -> dict[str, str]:
        return dict(
            (self._spec.get("infrastructure") or {}).get("labels") or self._meta.get("labels") or {}
        )

    def _build_name_labels(self) -> dict[str, str]:
        gateway, labels = self._meta["name"], {}
        if self._facts.class_label:
            labels["gateway.networking.k8s.io/gateway-class-name"] = self._spec["gatewayClassName"]
        if self._facts.name_label:
            labels["istio.io/gateway-name"] = gateway
        return labels | {"gateway.networking.k8s.io/gateway-name": gateway}

    def _build_managed_label(self) -> dict[str, str]:
        return {"gateway.istio.io/managed": self._controller.replace("/", "-", 1)}

    def _build_opt_out_label(self) -> dict[str, str]:
        return {"istio.io/dataplane-mode": "none"}

    def build_labels(self) -> dict[str, str]:
        """Build the labels of each of the objects."""
        # A gateway's own Envoy does its mutual TLS: ztunnel must not capture its pods too.
        excluded = self._build_opt_out_label() if self._ambient and not self._waypoint else {}
        return (
            excluded | self._copy_labels() | self._build_name_labels() | self._build_managed_label()
        )

    def build_pod_labels(self) -> dict[str, str]:
        """Build the labels of the pods."""
        labels = {
            "service.istio.io/canonical-name": self._name,
            "service.istio.io/canonical-revision": "latest",
            "sidecar.istio.io/inject": "false",
        }
        labels |= self._build_opt_out_label() if self._waypoint or self._ambient else {}
        labels |= self._copy_labels() | self._build_name_labels()
        return labels | (
            self._build_managed_label() if self._waypoint or self._facts.managed_pods else {}
        )

    def build_selector(self) -> dict[str, str]:
        """Build the selector by which Deployment and Service find the pods."""
        # One label that always holds: a Deployment's selector can't be changed afterwards.
        return {"gateway.networking.k8s.io/gateway-name": self._meta["name"]}
