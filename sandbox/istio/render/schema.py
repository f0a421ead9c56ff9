"""The names that `values` may hold: `istioctl` refuses an unknown one before anything is written.

Field names are those of Istio's `istio.operator.v1alpha1.Values` API (1.30); free-form parts end a
branch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_GATEWAY = (
    "additionalContainers autoscaleEnabled autoscaleMax autoscaleMin configVolumes cpu:Target "
    "customService enabled "
    "env injectionTemplate ipFamilies ipFamilyPolicy labels memory:Target name nodeSelector "
    "podAnnotations "
    "podAntiAffinityLabelSelector podAntiAffinityTermLabelSelector ports replicaCount resources "
    "rollingMaxSurge "
    "rollingMaxUnavailable runAsRoot secretVolumes serviceAccount serviceAnnotations tolerations "
    "type"
)
_TABLE = {
    "Values": "base:BaseConfig cni:CNIConfig compatibilityVersion defaultRevision experimental "
    "gatewayClasses "
    "gateways:GatewaysConfig global:GlobalConfig istio_cni:CNIUsageConfig istiodRemote meshConfig "
    "ownerName "
    "pilot:PilotConfig profile revision revisionTags sidecarInjectorWebhook:SidecarInjectorConfig "
    "telemetry:TelemetryConfig ztunnel",
    "BaseConfig": "enableCRDTemplates enableIstioConfigCRDs excludedCRDs validateGateway "
    "validationCABundle "
    "validationURL",
    "CNIConfig": "affinity ambient:CNIAmbientConfig chained cniBinDir cniConfDir cniConfFileName "
    "cniNetnsDir "
    "daemonSetLabels enabled env excludeNamespaces hub image istioOwnedCNIConfig "
    "istioOwnedCNIConfigFileName logLevel "
    "logging podAnnotations podLabels privileged provider psp_cluster_role pullPolicy "
    "repair:CNIRepairConfig "
    "resource_quotas resources rollingMaxUnavailable seccompProfile tag useAppArmorAnnotation "
    "variant",
    "CNIAmbientConfig": "configDir dnsCapture enabled ipv6 reconcileIptablesOnStartup",
    "CNIRepairConfig": "brokenPodLabelKey brokenPodLabelValue createEvents deletePods enabled hub "
    "image "
    "initContainerName labelPods repairPods tag",
    "CNIUsageConfig": "chained enabled provider",
    "GatewaysConfig": "enabled istio-egressgateway:EgressGatewayConfig "
    "istio-ingressgateway:IngressGatewayConfig "
    "seccompProfile securityContext",
    "EgressGatewayConfig": _GATEWAY,
    "IngressGatewayConfig": _GATEWAY
    + " externalTrafficPolicy ingressPorts loadBalancerIP loadBalancerSourceRanges",
    "GlobalConfig": "agentgateway arch caAddress caName certSigners configCluster configValidation "
    "defaultNodeSelector "
    "defaultPodDisruptionBudget defaultResources defaultTolerations enableReaderRBAC "
    "externalIstiod hub "
    "imagePullPolicy imagePullSecrets ipFamilies ipFamilyPolicy istioNamespace istiod jwtPolicy "
    "logAsJson logging "
    "meshID meshNetworks mountMtlsCerts multiCluster nativeNftables network networkPolicy "
    "omitSidecarInjectorConfigMap operatorManageWebhooks pilotCertProvider platform "
    "podDNSSearchNamespaces "
    "priorityClassName proxy:ProxyConfig proxy_init readerServiceAccount remotePilotAddress "
    "resourceScope revision sds "
    "sts tag tracer trustBundleName variant waypoint",
    "ProxyConfig": "autoInject clusterDomain componentLogLevel enableCoreDump excludeIPRanges "
    "excludeInboundPorts "
    "excludeOutboundPorts holdApplicationUntilProxyStarts image includeIPRanges "
    "includeInboundPorts "
    "includeOutboundPorts lifecycle logLevel outlierLogPath privileged readinessFailureThreshold "
    "readinessInitialDelaySeconds readinessPeriodSeconds resources seccompProfile startupProbe "
    "statusPort tracer",
    "PilotConfig": "affinity autoscaleBehavior autoscaleEnabled autoscaleMax autoscaleMin "
    "cni:CNIUsageConfig configMap "
    "cpu:TargetUtilizationConfig crlConfigMapName deploymentLabels enabled env envVarFrom "
    "extraContainerArgs hub image "
    "ipFamilies ipFamilyPolicy istiodRemote jwksResolverExtraRootCA "
    "keepaliveMaxServerConnectionAge "
    "memory:TargetUtilizationConfig nodeSelector podAnnotations podLabels replicaCount resources "
    "rollingMaxSurge "
    "rollingMaxUnavailable seccompProfile serviceAccountAnnotations serviceAnnotations tag taint "
    "tolerations "
    "topologySpreadConstraints traceSampling trustedZtunnelNamespace variant volumeMounts volumes",
    "SidecarInjectorConfig": "alwaysInjectSelector defaultTemplates enableNamespacesByDefault "
    "injectedAnnotations "
    "injectionURL neverInjectSelector reinvocationPolicy rewriteAppHTTPProbe templates",
    "TargetUtilizationConfig": "targetAverageUtilization",
    "TelemetryConfig": "enabled v2",
}
SPEC_FIELDS = frozenset(
    "compatibilityVersion components hub installPackagePath meshConfig namespace profile revision "
    "tag "
    "unvalidatedValues values".split()
)
"""Fields of an IstioOperator's `spec`."""

COMPONENT_FIELDS = frozenset(
    "base cni egressGateways ingressGateways istiodRemote pilot ztunnel".split()
)
"""Fields of `spec.components`."""


def _parse_row(row: str) -> dict[str, str]:
    pairs = (item.partition(":") for item in row.split())
    return {
        name: kind.replace("Target", "TargetUtilizationConfig", 1) if kind == "Target" else kind
        for name, _, kind in pairs
    }


_FIELDS = {message: _parse_row(row) for message, row in _TABLE.items()}


def find_unknown_field(
    values: Mapping[str, Any], message: str = "Values"
) -> tuple[str, str] | None:
    """Return the first unknown field of `values` with its message type.

    Return None when all fields are known.
    """
    known = _FIELDS[message]
    for name, value in values.items():
        if name not in known:
            return name, message
        if known[name] and isinstance(value, Mapping):
            found = find_unknown_field(value, known[name])
            if found:
                return found
    return None
