"""Differences between the Istio releases that the sandbox simulates, as data.

A further release is one more entry here. Facts are those of recorded runs of the real
`istioctl` of each release on Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DEPENDENTS_OLD: Mapping[str, tuple[str, ...]] = {
    "Base": ("Pilot",),
    "Pilot": ("Cni", "IngressGateways", "EgressGateways"),
    "Cni": ("Ztunnel",),
}
"""1.23.2: istio-cni waits for istiod."""

DEPENDENTS: Mapping[str, tuple[str, ...]] = {
    "Base": ("Cni", "Pilot"),
    "Pilot": ("IngressGateways", "EgressGateways"),
    "Cni": ("Ztunnel",),
}
"""Istio 1.24 and newer: istio-cni goes beside istiod."""


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


@dataclass(frozen=True)
class IstioRelease:
    """One Istio release: the traits of its `istioctl` and of what that renders."""

    version: str
    gateway_api: str
    minimum_kubernetes: int
    words: MessageTemplates
    end_of_life: str = ""
    owning_resource: str = ""
    chart_labels: bool = True
    dependents: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: DEPENDENTS)
    prunes_after_failure: bool = False
    announces_default: bool = False
    tag_service: bool = True
    values_config_map: bool = True
    disruption_budgets: bool = False
    waypoint_traffic_column: bool = True
    waypoint_delete_checks_class: bool = True
    analyzes_system_namespaces: bool = False
    analyzes_subset_pods: bool = True
    storage_version: str = "v1"
    extra_crds: tuple[str, ...] = ()
    removed_commands: tuple[str, ...] = ("profile", "verify-install", "operator")
    ambient_mesh: Mapping[str, object] = field(default_factory=dict)
    host_network_cni: bool = False

    @property
    def minor(self) -> str:
        """The minor release as documentation addresses name it, e.g. `v1.30`."""
        return "v" + ".".join(self.version.split(".")[:2])


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

OLD = IstioRelease(
    version="1.23.2",
    gateway_api="v1.1.0",
    minimum_kubernetes=26,
    words=MessageTemplates(
        prompt='This will install the Istio {version} "{profile}" profile (with components: '
        "{components}) into the "
        "cluster. Proceed? (y/N) ",
        bad_profile="failed to read profile {profile} from : open profiles/{profile}.yaml: file "
        "does not exist",
        unknown_field='unknown field "{field}" in v1alpha1.{message}',
        install_failed="failed to install manifests: errors occurred during operation",
        removed="{kind}:{namespace}:{name}",
        waypoint_done="",
        waypoint_warning="Warning: ",
        precheck_end="",
        unknown_annotation="IST0108 Unknown annotation: {annotation}",
    ),
    end_of_life="1.23.0",
    owning_resource="installed-state",
    chart_labels=False,
    dependents=DEPENDENTS_OLD,
    prunes_after_failure=True,
    announces_default=True,
    tag_service=False,
    values_config_map=False,
    disruption_budgets=True,
    waypoint_traffic_column=False,
    waypoint_delete_checks_class=False,
    analyzes_system_namespaces=True,
    analyzes_subset_pods=False,
    storage_version="v1beta1",
    removed_commands=(),
    host_network_cni=True,
)

NEW = IstioRelease(
    version="1.30.3",
    gateway_api="v1.5.1",
    minimum_kubernetes=32,
    words=MessageTemplates(
        prompt='This will install the Istio {version} profile "{profile}" into the cluster. '
        "Proceed? (y/N) ",
        bad_profile='merge inputs: profile "{profile}" not found: open profiles/{profile}.yaml: '
        "file does not exist",
        unknown_field="could not unmarshal: error unmarshaling JSON: while decoding JSON: "
        'unknown field "{field}" in istio.operator.v1alpha1.{message}',
        install_failed="failed to install manifests: {errors}",
        removed="{group_version}, Kind={kind}/{name}.{namespace}",
        waypoint_done="✅ ",
        waypoint_warning="⚠️ Warning: ",
        precheck_end=".",
        unknown_annotation="IST0107 Misplaced annotation: {annotation} can only be applied to "
        "{kinds}",
    ),
    extra_crds=("trafficextensions.extensions.istio.io",),
    ambient_mesh=_GLOBAL_SERVICES,
)

RELEASES: Mapping[str, IstioRelease] = {release.version: release for release in (OLD, NEW)}
"""The releases that can be played, by version."""

NEWEST = NEW
"""What a version newer than those known is treated as."""
