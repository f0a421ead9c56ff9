"""The `values` of ConfigMap `istio-sidecar-injector`: what the injection templates, and programs
such as `istioctl analyze`, look up of the chart's values.

Which they are, and the chart's defaults for them, is of Istio's charts (1.23 and 1.30).
"""

from __future__ import annotations

from typing import Any

from sandbox.istio.components.common import InstallSettings
from sandbox.istio.render.chart_values import merge_values

_REQUESTS = {"cpu": "100m", "memory": "128Mi"}
_PROXY: dict[str, Any] = {
    "autoInject": "enabled",
    "clusterDomain": "cluster.local",
    "componentLogLevel": "misc:error",
    "excludeIPRanges": "",
    "excludeInboundPorts": "",
    "excludeOutboundPorts": "",
    "image": "proxyv2",
    "includeIPRanges": "*",
    "includeInboundPorts": "*",
    "includeOutboundPorts": "",
    "logLevel": "warning",
    "outlierLogPath": "",
    "privileged": False,
    "readinessFailureThreshold": 4,
    "readinessInitialDelaySeconds": 0,
    "readinessPeriodSeconds": 15,
    "resources": {"limits": {"cpu": "2000m", "memory": "1024Mi"}, "requests": _REQUESTS},
    "startupProbe": {"enabled": True, "failureThreshold": 600},
    "statusPort": 15020,
    "tracer": "none",
}
_GLOBAL: dict[str, Any] = {
    "caAddress": "",
    "caName": "",
    "certSigners": [],
    "configCluster": False,
    "configValidation": True,
    "defaultPodDisruptionBudget": {"enabled": True},
    "defaultResources": {"requests": {"cpu": "10m"}},
    "externalIstiod": False,
    "imagePullPolicy": "",
    "imagePullSecrets": [],
    "istioNamespace": "istio-system",
    "istiod": {"enableAnalysis": False},
    "logAsJson": False,
    "logging": {"level": "default:info"},
    "meshID": "",
    "meshNetworks": {},
    "mountMtlsCerts": False,
    "multiCluster": {"clusterName": ""},
    "network": "",
    "omitSidecarInjectorConfigMap": False,
    "operatorManageWebhooks": False,
    "pilotCertProvider": "istiod",
    "priorityClassName": "",
    "proxy": _PROXY,
    "proxy_init": {"image": "proxyv2"},
    "remotePilotAddress": "",
    "sds": {"token": {"aud": "istio-ca"}},
    "sts": {"servicePort": 0},
    "variant": "",
}
_WEBHOOK: dict[str, Any] = {
    "alwaysInjectSelector": [],
    "defaultTemplates": [],
    "enableNamespacesByDefault": False,
    "injectedAnnotations": {},
    "neverInjectSelector": [],
    "reinvocationPolicy": "Never",
    "rewriteAppHTTPProbe": True,
    "templates": {},
}


def build_injector_values(settings: InstallSettings) -> dict[str, Any]:
    """Return the values, with whatever an installation sets of them."""
    start: dict[str, Any] = {
        "gateways": {"seccompProfile": {}, "securityContext": {}},
        "global": _GLOBAL,
        "pilot": {"cni": {"enabled": False, "provider": "default"}},
        "revision": "",
        "sidecarInjectorWebhook": _WEBHOOK,
    }
    chosen = {
        key: settings.values[key]
        for key in ("global", "sidecarInjectorWebhook", "revision")
        if key in settings.values
    }
    return merge_values(merge_values(start, settings.release.charts.injector_values), chosen)
