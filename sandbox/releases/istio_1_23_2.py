"""Istio 1.23.2 with the Gateway API v1.1.0 and Kiali v1.87.0."""

from __future__ import annotations

from sandbox.releases.model import (
    ChartTraits,
    IstioctlTraits,
    IstiodTraits,
    IstioRelease,
    KialiTraits,
    MessageTemplates,
    RoutingTraits,
    SampleTraits,
)

# Why the order matters: istio-cni waits for istiod.
_DEPENDENTS = {
    "Base": ("Pilot",),
    "Pilot": ("Cni", "IngressGateways", "EgressGateways"),
    "Cni": ("Ztunnel",),
}
_DASHBOARD_UIDS = {
    "pilot": "1813f692a8e4ac77155348d4c7d2fba8",
    "ztunnel": "12c58766acc81a1c835dd5059eaf2741",
}

RELEASE = IstioRelease(
    version="1.23.2",
    gateway_api="v1.1.0",
    istioctl=IstioctlTraits(
        proxy_status_by_type=True,
        words=MessageTemplates(
            prompt='This will install the Istio {version} "{profile}" profile (with components: '
            "{components}) into the cluster. Proceed? (y/N) ",
            bad_profile="failed to read profile {profile} from : "
            "open profiles/{profile}.yaml: file does not exist",
            unknown_field='unknown field "{field}" in v1alpha1.{message}',
            install_failed="failed to install manifests: errors occurred during operation",
            removed="{kind}:{namespace}:{name}",
            waypoint_done="",
            waypoint_warning="Warning: ",
            precheck_end="",
            unknown_annotation="IST0108 Unknown annotation: {annotation}",
        ),
        minimum_kubernetes=26,
        dependents=_DEPENDENTS,
        end_of_life="1.23.0",
        owning_resource="installed-state",
        prunes_after_failure=True,
        announces_default=True,
        tag_service=False,
        waypoint_traffic_column=False,
        waypoint_delete_checks_class=False,
        analyzes_system_namespaces=True,
        analyzes_subset_pods=False,
        removed_commands=(),
    ),
    charts=ChartTraits(
        fields="istio-1.23.2",
        chart_labels=False,
        values_config_map=False,
        disruption_budgets=True,
        storage_version="v1beta1",
        host_network_cni=True,
    ),
    istiod=IstiodTraits(
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
    ),
    routing=RoutingTraits(
        absolute_domains=False,
        chain_names="inbound-vip|{port}||{host}-http",
        merges_at_waypoints=False,
        without_backends=500,
        retried_statuses=(503,),
        waypoints_ignore_sources=True,
        ingress_may_use_waypoint=False,
    ),
    samples=SampleTraits(
        bookinfo_image="docker.io/istio/examples-bookinfo-{}:1.20.1",
        gateway_api="gateway.networking.k8s.io/v1beta1",
        helm_label=True,
        prometheus="v2.52.0",
        prometheus_chart="prometheus-25.21.0",
        prometheus_image="prom/prometheus:v2.52.0",
        reloader="ghcr.io/prometheus-operator/prometheus-config-reloader:v0.73.2",
        grafana="11.0.0",
        grafana_chart="grafana-8.0.1",
        grafana_full_pod_labels=False,
        dashboard_uids=_DASHBOARD_UIDS,
        jaeger_image="docker.io/jaegertracing/all-in-one:1.58",
        jaeger_v2=False,
        jaeger_metrics="14269",
        jaeger_health=("/", 14269),
        kiali_image="quay.io/kiali/kiali:v1.87",
        kiali_checksum="12d7579aa3de1df2ebb8812a826d78d94a8fd2e4a20b51a64dab57151bc28902",
        kiali_startup_seconds=0,
        kiali_control_plane_role=True,
    ),
    kiali=KialiTraits(
        version="v1.87.0",
        by_gvk=False,
        health_status=False,
        cached=False,
        canonical_labels=False,
        configured_components=(
            ("istio-ingressgateway", True),
            ("istiod", True),
            ("istio-egressgateway", False),
        ),
        empty_subset="",
        strange_class=True,
        mesh_min_tls="N/A",
        namespace_tls="MTLS_NOT_ENABLED",
        istio_api=True,
        digest="md5",
    ),
)
