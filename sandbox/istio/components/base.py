"""Component Base: Istio's custom resource definitions and the reader ServiceAccount."""

from __future__ import annotations

from typing import Any

from sandbox.istio.components.common import (
    InstallSettings,
    Manifest,
    build_labels,
    build_manifest,
    get_nested,
)
from sandbox.istio.fields import load_schemas

# One row per resource: plural, group, kind, short name, served versions, printed columns
# (+: age only).
_CRDS = """
authorizationpolicies  security    AuthorizationPolicy    ap         v1,v1beta1           Action=.spec.action
destinationrules       networking  DestinationRule        dr         v1,v1alpha3,v1beta1  Host=.spec.host
envoyfilters           networking  EnvoyFilter            -          v1alpha3             -
gateways               networking  Gateway                gw         v1,v1alpha3,v1beta1  -
peerauthentications    security    PeerAuthentication     pa         v1,v1beta1           Mode=.spec.mtls.mode
proxyconfigs           networking  ProxyConfig            -          v1beta1              -
requestauthentications security    RequestAuthentication  ra         v1,v1beta1           -
serviceentries         networking  ServiceEntry           se         v1,v1alpha3,v1beta1  Hosts=.spec.hosts,Location=.spec.location,Resolution=.spec.resolution
sidecars               networking  Sidecar                -          v1,v1alpha3,v1beta1  -
telemetries            telemetry   Telemetry              telemetry  v1,v1alpha1          +
trafficextensions      extensions  TrafficExtension       -          v1alpha1             +
virtualservices        networking  VirtualService         vs         v1,v1alpha3,v1beta1  Gateways=.spec.gateways,Hosts=.spec.hosts
wasmplugins            extensions  WasmPlugin             -          v1alpha1             +
workloadentries        networking  WorkloadEntry          we         v1,v1alpha3,v1beta1  Address=.spec.address
workloadgroups         networking  WorkloadGroup          wg         v1,v1alpha3,v1beta1  +
"""  # noqa: E501
_SINCE_1_24 = frozenset({"trafficextensions.extensions.istio.io"})
_MARKED = ("security", "telemetry")


def render_base(settings: InstallSettings) -> list[Manifest]:
    """Return all objects of the component, in the order they are applied."""
    rows = [row.split() for row in _CRDS.split("\n") if row.strip()]
    crds = [_build_crd(settings, *row) for row in rows]
    known = [crd for crd in crds if _is_known_crd(settings, crd["metadata"]["name"])]
    account = build_labels(settings, "istio-reader", "base", app="istio-reader", release="istio")
    reader = build_manifest(
        "v1", "ServiceAccount", "istio-reader-service-account", account, settings.namespace
    )
    return [
        *(known if get_nested(settings.values, "base.enableIstioConfigCRDs", True) else []),
        reader,
    ]


def _is_known_crd(settings: InstallSettings, name: str) -> bool:
    return name not in _SINCE_1_24 or name in settings.release.charts.extra_crds


def _build_crd(
    settings: InstallSettings, plural: str, family: str, kind: str, *rest: str
) -> Manifest:
    short, versions, columns = rest
    group = f"{family}.istio.io"
    storage = settings.release.charts.storage_version
    served = versions.split(",")
    stored = storage if storage in served else served[-1]
    names: Manifest = {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
    }
    known = load_schemas(settings.release.charts.fields)
    fields = known.get(f"{kind}.{group}", _FREE)
    names["categories"] = ["istio-io", f"{family}-istio-io"]
    if short != "-":
        names["shortNames"] = [short]
    spec = {
        "group": group,
        "names": names,
        "scope": "Namespaced",
        "versions": [
            _build_crd_version(name, columns, fields, stored=name == stored) for name in served
        ],
    }
    annotations = {"helm.sh/resource-policy": "keep"}
    definition = build_manifest(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        f"{plural}.{group}",
        _build_crd_labels(settings, family),
        annotations=annotations,
    )
    return {**definition, "spec": spec}


def _build_crd_labels(settings: InstallSettings, family: str) -> dict[str, str]:
    if settings.release.charts.chart_labels:
        return build_labels(settings, "", "base")
    old = {"app": "istio-pilot", "chart": "istio", "heritage": "Tiller", "release": "istio"}
    return {**old, **({"istio": family} if family in _MARKED else {})}


_FREE: Manifest = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def _build_crd_version(name: str, columns: str, fields: Manifest, *, stored: bool) -> Manifest:
    schema = {"type": "object", "properties": {"spec": fields, "status": _FREE}}
    version: dict[str, Any] = {
        "name": name,
        "served": True,
        "storage": stored,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    if columns != "-":
        pairs = [column.split("=") for column in columns.split(",") if column != "+"]
        printed = [{"name": title, "type": "string", "jsonPath": path} for title, path in pairs]
        age = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
        version["additionalPrinterColumns"] = [*printed, age]
    return version
