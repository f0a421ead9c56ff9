"""Istio 1.30.3 with the Gateway API v1.5.1 and Kiali v2.26.0."""

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

# Why the order matters: istio-cni goes beside istiod since 1.24.
_DEPENDENTS = {
    "Base": ("Cni", "Pilot"),
    "Pilot": ("IngressGateways", "EgressGateways"),
    "Cni": ("Ztunnel",),
}
_DASHBOARD_UIDS = {
    "pilot": "1813f692a8e4ac77155348d4c7d2fba8",
    "ztunnel": "12c58766acc81a1c835dd5059eaf2741",
    "istio-mesh": "1a9a8ea49444aae205c7737573e894f9",
}
_GLOBAL_SERVICES = {
    "serviceScopeConfigs": [
        {
            "scope": "GLOBAL",
            "servicesSelector": {
                "matchExpressions": [
                    {"key": "istio.io/global", "operator": "In", "values": ["true"]}
                ],
            },
        },
    ],
}
RELEASE = IstioRelease(
    version="1.30.3",
    gateway_api="v1.5.1",
    istioctl=IstioctlTraits(
        words=MessageTemplates(
            prompt='This will install the Istio {version} profile "{profile}" into the cluster. '
            "Proceed? (y/N) ",
            bad_profile='merge inputs: profile "{profile}" not found: '
            "open profiles/{profile}.yaml: file does not exist",
            unknown_field="could not unmarshal: error unmarshaling JSON: while decoding JSON: "
            'unknown field "{field}" in istio.operator.v1alpha1.{message}',
            install_failed="failed to install manifests: {errors}",
            removed="{group_version}, Kind={kind}/{name}.{namespace}",
            waypoint_done="✅ ",
            waypoint_warning="⚠️ Warning: ",
            precheck_end=".",
            unknown_annotation="IST0107 Misplaced annotation: {annotation} can only be "
            "applied to {kinds}",
        ),
        minimum_kubernetes=32,
        dependents=_DEPENDENTS,
    ),
    charts=ChartTraits(
        fields="istio-1.30.3",
        extra_crds=("trafficextensions.extensions.istio.io",),
        ambient_mesh=_GLOBAL_SERVICES,
    ),
    istiod=IstiodTraits(
        election_maps=(
            "istio-ip-autoallocate",
            "istio-leader",
            "istio-namespace-controller-election",
        ),
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
    ),
    routing=RoutingTraits(
        absolute_domains=True,
        chain_names="inbound-vip|{port}|http|{host}",
        merges_at_waypoints=True,
        without_backends=404,
        retried_statuses=(),
        waypoints_ignore_sources=False,
        ingress_may_use_waypoint=True,
    ),
    samples=SampleTraits(
        bookinfo_image="registry.istio.io/release/examples-bookinfo-{}:1.20.3",
        gateway_api="gateway.networking.k8s.io/v1",
        helm_label=False,
        prometheus="v3.10.0",
        prometheus_chart="prometheus-28.13.0",
        prometheus_image="docker.io/prom/prometheus:v3.10.0",
        reloader="ghcr.io/prometheus-operator/prometheus-config-reloader:v0.89.0",
        grafana="12.0.1",
        grafana_chart="grafana-9.2.2",
        grafana_full_pod_labels=True,
        dashboard_uids=_DASHBOARD_UIDS,
        jaeger_image="docker.io/jaegertracing/jaeger:2.14.0",
        jaeger_v2=True,
        jaeger_metrics="8888",
        jaeger_health=("/status", 13133),
        kiali_image="quay.io/kiali/kiali:v2.26",
        kiali_checksum="8a55b65b9aead63626b643429cd55cc21987fd79cb553b9ad95a718cb14064e2",
        kiali_startup_seconds=30,
        kiali_control_plane_role=False,
    ),
    kiali=KialiTraits(
        version="v2.26.0",
        by_gvk=True,
        health_status=True,
        cached=True,
        canonical_labels=True,
        configured_components=(),
        empty_subset="unknown",
        strange_class=False,
        mesh_min_tls="TLSV1_2",
        namespace_tls="UNSET",
        istio_api=False,
        digest="sha256",
    ),
)
