"""Differences between the istiods that the sandbox simulates, one row per release."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class IstiodFacts:
    """The traits of one release's istiod, as recorded on a real control plane."""

    release: tuple[int, int]
    election_maps: tuple[str, ...]
    """ConfigMaps of istio-system that hold a leader annotation from the first start on."""
    gateway_leases: tuple[str, ...]
    """Leases that appear with the Gateway API's CRDs."""
    revocation_list: bool
    """Whether ConfigMap `istio-ca-crl` stands beside `istio-ca-root-cert` and is mounted into
    proxies."""
    native_when_kubelets_can: bool
    """Native sidecars without being asked, where every kubelet is 1.33 or newer."""
    controller_version: str
    """Value of the Gateway annotation `gateway.istio.io/controller-version`; empty where it is no
    longer written."""
    gateway_api: str
    """The apiVersion in the owner references of what a Gateway makes."""
    class_label: bool
    """Label `gateway.networking.k8s.io/gateway-class-name` on what a Gateway makes."""
    name_label: bool
    """The older label `istio.io/gateway-name` on what a Gateway makes."""
    managed_pods: bool
    """Label `gateway.istio.io/managed` on ingress gateways' pods too (waypoints' pods always have
    it)."""
    nearby_waypoints: bool
    """Annotation `networking.istio.io/traffic-distribution: PreferClose` on a waypoint's Service.
    """
    waypoint_conditions: bool
    """`istio.io/WaypointBound` on Services and `ResolvedWaypoints` on routes, under ambient."""
    waypoint_hostnames: bool
    """A waypoint's status lists its host name beside its IP address."""
    class_delay_seconds: float
    """Simulated seconds from the Gateway API's CRDs to the GatewayClasses."""
    default_mesh_when_gone: bool
    """Gateways are rendered with the default mesh configuration as soon as ConfigMap `istio` is
    deleted."""


ISTIO_1_23 = IstiodFacts(
    release=(1, 23),
    election_maps=(
        "istio-gateway-status-leader",
        "istio-leader",
        "istio-namespace-controller-election",
    ),
    gateway_leases=("istio-gateway-deployment-default",),
    revocation_list=False,
    native_when_kubelets_can=False,
    controller_version="5",
    gateway_api="gateway.networking.k8s.io/v1beta1",
    class_label=False,
    name_label=True,
    managed_pods=False,
    nearby_waypoints=False,
    waypoint_conditions=False,
    waypoint_hostnames=False,
    class_delay_seconds=1.0,
    default_mesh_when_gone=True,
)
ISTIO_1_30 = IstiodFacts(
    release=(1, 30),
    election_maps=("istio-ip-autoallocate", "istio-leader", "istio-namespace-controller-election"),
    gateway_leases=("istio-gateway-deployment-default", "istio-gateway-status-leader-default"),
    revocation_list=True,
    native_when_kubelets_can=True,
    controller_version="",
    gateway_api="gateway.networking.k8s.io/v1",
    class_label=True,
    name_label=False,
    managed_pods=True,
    nearby_waypoints=True,
    waypoint_conditions=True,
    waypoint_hostnames=True,
    class_delay_seconds=0.5,
    default_mesh_when_gone=False,
)
KNOWN = (ISTIO_1_23, ISTIO_1_30)
"""Oldest first."""


def get_istiod_facts(version: str) -> IstiodFacts:
    """Return the traits of a version such as `1.30.3`.

    An unknown version gets those of the newest known release that is not newer, else of
    the oldest known.
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None:
        return KNOWN[-1]
    wanted = (int(found[1]), int(found[2]))
    return next((facts for facts in reversed(KNOWN) if facts.release <= wanted), KNOWN[0])


def parse_image_version(image: str) -> str:
    """Return the version in an image reference: its tag without the variant.

    `…/pilot:1.30.3-distroless` gives `1.30.3`.
    """
    tag = image.rsplit("/", 1)[-1].partition(":")[2].partition("@")[0]
    return re.sub(r"-(distroless|debug)$", "", tag)
