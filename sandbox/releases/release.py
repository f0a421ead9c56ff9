"""The facts of one Istio release that the played programs need, as one tree of values.

Facts are those recorded of the real programs of each release unless said otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class MessageTemplates:
    """Messages of `istioctl` that were reworded between releases, as `str.format` templates."""

    prompt: str
    bad_profile: str
    unknown_field: str
    install_failed: str
    removed: str
    waypoint_done: str
    waypoint_warning: str
    precheck_end: str
    unknown_annotation: str


@dataclass(frozen=True, kw_only=True)
class IstioctlTraits:
    """The ways of one release's `istioctl`."""

    words: MessageTemplates
    minimum_kubernetes: int
    """The oldest minor version of Kubernetes that it installs on without a warning."""
    dependents: Mapping[str, tuple[str, ...]]
    """The components that are installed once a component is ready."""
    end_of_life: str = ""
    """The version that an installation's warning about the end of support names; empty for none."""
    owning_resource: str = ""
    """The label value that names the IstioOperator of what is installed."""
    prunes_after_failure: bool = False
    announces_default: bool = False
    tag_service: bool = True
    waypoint_traffic_column: bool = True
    proxy_status_by_type: bool = False
    """`proxy-status` has a column for each type, and not one with all that are subscribed to."""
    ztunnel_protocol_column: bool = True
    """`ztunnel-config` tells protocols of connections, all addresses, and more of each object
    (Istio's source)."""
    ztunnel_by_workload: bool = True
    """`ztunnel-config` takes the name of a workload's pod for its ztunnel (Istio's source)."""
    waypoint_delete_checks_class: bool = True
    analyzes_system_namespaces: bool = False
    analyzes_subset_pods: bool = True
    removed_commands: tuple[str, ...] = ("profile", "verify-install", "operator")


@dataclass(frozen=True, kw_only=True)
class ChartTraits:
    """The ways of one release's charts."""

    chart_labels: bool = True
    """Objects carry Helm's labels; it marks the charts of 1.24 and newer in other ways too."""
    values_config_map: bool = True
    disruption_budgets: bool = False
    storage_version: str = "v1"
    extra_crds: tuple[str, ...] = ()
    fields: str = ""
    """The file of `sandbox/istio/fields` with the fields of its CRDs; without one they are open."""
    ambient_mesh: Mapping[str, object] = field(default_factory=dict)
    """What the ambient profile adds to the mesh configuration."""
    host_network_cni: bool = False
    injector_values: Mapping[str, object] = field(default_factory=dict)
    """What its charts have in ConfigMap `istio-sidecar-injector` beside what all have."""


@dataclass(frozen=True)
class IstiodTraits:
    """The ways of one release's istiod."""

    election_maps: tuple[str, ...]
    """ConfigMaps of istio-system that hold a leader annotation from the first start on."""
    gateway_leases: tuple[str, ...]
    """Leases that appear with the Gateway API's CRDs."""
    revocation_list: bool
    """Whether ConfigMap `istio-ca-crl` stands beside `istio-ca-root-cert` and is mounted into
    proxies."""
    any_word_refuses: bool
    """Every value of `sidecar.istio.io/inject` but a few for yes refuses a sidecar, and not `false`
    alone (Istio's source; changed in 1.27)."""
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
    gateway_references: bool = False
    """Condition `ResolvedRefs` of a Gateway itself, and not of its listeners alone."""


@dataclass(frozen=True)
class RoutingTraits:
    """What one release's istiod tells proxies."""

    absolute_domains: bool
    """Virtual hosts answer to the name with a final dot too."""
    chain_names: str
    """The name of a waypoint's filter chain, from port and host."""
    merges_at_waypoints: bool
    """A waypoint uses all VirtualServices of a host, one after the other, and not the oldest alone
    (Istio's source)."""
    without_backends: int
    """The status of an HTTPRoute's rule that has no backendRefs (Istio's source)."""
    retried_statuses: tuple[int, ...]
    """What `retriable-status-codes` of the default retry policy stands for; none since 1.24 (its
    release notes)."""
    waypoints_ignore_sources: bool
    """A waypoint takes a match's `sourceLabels` and `sourceNamespace` for met by everybody."""
    config_version: str
    """The version under which istiod names the rules that routes and clusters come from (Istio's
    source)."""
    route_names: str
    """The name that istiod gives to what it makes of an HTTPRoute of that name (Istio's source)."""
    ingress_may_use_waypoint: bool
    """Label `istio.io/ingress-use-waypoint` is heeded (Istio's source)."""


@dataclass(frozen=True)
class KialiTraits:
    """The ways of the Kiali that a release's samples install."""

    version: str
    """As Kiali states it, e.g. `v2.26.0`."""
    by_gvk: bool
    """Objects are named by group, version and kind, not by a type such as `k8shttproute`."""
    health_status: bool
    """Health carries Kiali's own verdict beside the figures."""
    cached: bool
    """Health (3 min), validations of lists (60 s) and graphs come from caches."""
    canonical_labels: bool
    """App and version are taken from Istio's canonical labels where `app` and `version` are
    missing."""
    configured_components: tuple[tuple[str, bool], ...]
    """(app label, whether core) of what `/istio/status` looks for; empty where Kiali discovers it
    itself."""
    gateway_classes: frozenset[str]
    """The classes of Gateways that it knows (KIA1504 for others); empty where it takes those of the
    cluster."""
    mesh_min_tls: str
    namespace_tls: str
    """What a namespace's mTLS status is called without a PeerAuthentication."""
    istio_api: bool
    """`istioAPIEnabled` in the status."""
    digest: str
    """The hash that makes ids in graphs."""


@dataclass(frozen=True)
class SampleTraits:
    """A release's sample files: images, charts, API versions."""

    bookinfo_image: str
    """With `{}` for the service, e.g. `details-v1`."""
    gateway_api: str
    helm_label: bool
    """Whether the addons carry `app.kubernetes.io/managed-by: Helm`."""
    prometheus: str
    prometheus_chart: str
    prometheus_image: str
    reloader: str
    grafana: str
    grafana_chart: str
    grafana_full_pod_labels: bool
    dashboard_uids: Mapping[str, str]
    """Dashboards that have a fixed uid in the release's file."""
    jaeger_image: str
    jaeger_v2: bool
    """Jaeger 2 is configured by a file, Jaeger 1 by its environment."""
    jaeger_metrics: str
    jaeger_health: tuple[str, int]
    kiali_image: str
    kiali_checksum: str
    kiali_startup_seconds: int
    """Seconds before Kiali's first probe; before that it is never ready."""
    kiali_control_plane_role: bool


@dataclass(frozen=True, kw_only=True)
class IstioRelease:
    """One Istio release with everything that is played of it."""

    version: str
    gateway_api: str
    """The release of the Gateway API that it is built against."""
    istioctl: IstioctlTraits
    charts: ChartTraits
    istiod: IstiodTraits
    routing: RoutingTraits
    samples: SampleTraits
    kiali: KialiTraits

    @property
    def minor(self) -> str:
        """The minor release as documentation addresses name it, e.g. `v1.30`."""
        major, minor = parse_minor_version(self.version) or (1, 0)
        return f"v{major}.{minor}"


def parse_minor_version(version: str) -> tuple[int, int] | None:
    """Return the major and minor number of `1.30.3` or `v2.26`, None where there is none."""
    found = re.match(r"v?(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None
