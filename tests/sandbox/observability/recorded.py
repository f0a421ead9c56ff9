"""What real Kialis 1.87.0 and 2.26.1 answered at seven stages of the workshop, in the short lines
of `reading`.

Both had a real Prometheus that was fed 3 page views per second; unless said otherwise both answered
the same.
"""

from __future__ import annotations

UNWELL = {"fault": ["/ratings", "reviews-v2"], "broken": ["/reviews", "productpage-v1"]}
"""Nodes that are not Healthy in 2.26's graph but Failure. Under ambient without a waypoint all are
NA."""

HEALTH = {
    "bare": """
        details details-v1:1/1
        productpage productpage-v1:1/1
        ratings ratings-v1:1/1
        reviews reviews-v1:1/1 reviews-v2:1/1 reviews-v3:1/1
    """,
    "route": """
        details details-v1:1/1 < http 200 3
        productpage productpage-v1:1/1 < http 200 3 > http 200 6
        ratings ratings-v1:1/1 < http 200 1
        reviews reviews-v1:1/1 reviews-v2:1/1 reviews-v3:1/1 < http 200 3 > http 200 1
    """,
    "fault": """
        details details-v1:1/1 < http 200 3
        productpage productpage-v1:1/1 < http 200 3 > http 200 6
        ratings ratings-v1:1/1
        reviews reviews-v1:1/1 reviews-v2:1/1 reviews-v3:1/1 < http 200 3 > http 500 1
    """,
    "broken": """
        details details-v1:1/1 < http 200 3
        productpage productpage-v1:1/1 < http 200 3 > http 200 3 > http 503 3
        ratings ratings-v1:1/1
        reviews reviews-v1:1/1 reviews-v2:1/1 reviews-v3:1/1
    """,
}
"""Applications and their requests in 1.87's list. `ambient` and `waypoint` are as `bare`: waypoints
are not asked."""
NOT_IN_SUMMARY = (" > http 500 1", " > http 503 3")
"""What `/clusters/health` of 1.87 leaves out of that: requests that never arrived."""

FINDINGS = {
    "route": """
        destinationrule details
        destinationrule details: KIA0203 unknown spec/subsets[1]
        destinationrule productpage
        destinationrule ratings
        destinationrule ratings: KIA0203 unknown spec/subsets[1]
        destinationrule ratings: KIA0203 unknown spec/subsets[2]
        destinationrule ratings: KIA0203 unknown spec/subsets[3]
        destinationrule reviews
        gateway bookinfo-gateway
        httproute bookinfo
        virtualservice reviews
    """,
    "broken": """
        destinationrule details
        destinationrule details: KIA0203 unknown spec/subsets[1]
        destinationrule productpage
        destinationrule ratings
        destinationrule ratings: KIA0203 unknown spec/subsets[1]
        destinationrule ratings: KIA0203 unknown spec/subsets[2]
        destinationrule ratings: KIA0203 unknown spec/subsets[3]
        gateway bookinfo-gateway
        httproute bookinfo
        virtualservice ratings
        virtualservice reviews
        virtualservice reviews: KIA1107 warning spec/http[0]/route[0]/destination
        virtualservice reviews: KIA1107 warning spec/http[1]/route[0]/destination
    """,
    "ambient": """
        gateway bookinfo-gateway
        httproute bookinfo
    """,
    "waypoint": """
        gateway bookinfo-gateway
        gateway waypoint
        httproute bookinfo
    """,
}
"""What 2.26 finds. 1.87 does not know the class of the waypoint."""
OLDER_WAYPOINT = [
    "gateway waypoint invalid",
    "gateway waypoint invalid: KIA1504 error spec/gatewayClassName",
]

COUNTS = {
    "bare": (0, 0, 0),
    "route": (0, 0, 7),
    "fault": (0, 0, 8),
    "broken": (0, 2, 7),
    "ambient": (0, 0, 2),
}
COUNTS["waypoint"] = (0, 0, 3)
"""Errors, warnings and objects of 2.26; 1.87 has one error more at the waypoint."""

_SIDECARS = "details-v1 productpage-v1 ratings-v1 reviews-v1 reviews-v2 reviews-v3".split()
WORKLOADS = {"bare": dict.fromkeys(_SIDECARS, "")}
WORKLOADS |= {
    stage: dict.fromkeys(_SIDECARS, "istioSidecar")
    for stage in ("sidecars", "route", "fault", "broken")
}
WORKLOADS |= {stage: dict.fromkeys(_SIDECARS, "isAmbient") for stage in ("ambient", "waypoint")}
"""How the applications' workloads are in the mesh, in both."""
GATEWAYS = {
    "1.87": ["bookinfo-gateway-istio", "waypoint"],
    "2.26": [
        "bookinfo-gateway-istio isGateway appLabel versionLabel",
        "waypoint isAmbient isWaypoint appLabel versionLabel",
    ],
}

REFERENCES = {
    "route": """
        details: DestinationRule details
        productpage: DestinationRule productpage
        ratings: DestinationRule ratings
        reviews: DestinationRule reviews, VirtualService reviews
    """,
    "broken": """
        details: DestinationRule details
        productpage: DestinationRule productpage
        ratings: DestinationRule ratings, VirtualService ratings
        reviews: VirtualService reviews
    """,
}
"""Which rules name which application, in both; 2.26 lists the gateway as an application too."""

COMPONENTS = {
    "1.87": {
        "bare": "istio-ingressgateway Healthy core, istiod Healthy core, istio-egressgateway "
        "NotFound",
        "ambient": "istio-ingressgateway NotFound core, istiod Healthy core, istio-egressgateway "
        "NotFound",
    },
    "2.26": {"bare": "istiod Healthy core", "ambient": "istiod Healthy core"},
}

_WORKLOAD = (
    "additionalDetailSample annotations appLabel cluster createdAt health healthAnnotations "
    "isAmbient"
)
_WORKLOAD += (
    " istioReferences istioSidecar labels name namespace podCount serviceAccountNames "
    "versionLabel waypointWorkloads"
)
_SERVICE = (
    "additionalDetailSample annotations appLabel cluster health healthAnnotations isAmbient "
    "istioReferences"
)
_SERVICE += " istioSidecar kialiWizard labels name namespace ports selector serviceRegistry"
_APP = "cluster health isAmbient istioReferences istioSidecar labels name namespace"
_EDGE = "destPrincipal id isMTLS source sourcePrincipal target traffic"
_NODE = (
    "app cluster destServices healthData id isAmbient isBox isGateway isIdle isK8sGatewayAPI "
    "isRoot namespace nodeType"
)
_NODE += " parent service traffic version workload"
KEYS = {
    "1.87": {
        "workloads": f"{_WORKLOAD} type",
        "services": _SERVICE,
        "applications": _APP,
        "nodes": f"{_NODE} isOutOfMesh",
        "edges": _EDGE,
    },
    "2.26": {
        "workloads": f"{_WORKLOAD} ValidationKey ValidationVersion gvk isGateway isWaypoint "
        f"isZtunnel",
        "services": _SERVICE,
        "applications": f"{_APP} isGateway",
        "nodes": f"{_NODE} isInjected",
        "edges": f"{_EDGE} healthStatus",
    },
}
"""The keys of rows in lists, of nodes in the graph with idle nodes, and of edges in the full one,
at the last stage."""

CONFIG_KEYS = {
    "1.87": (
        "authorizationPolicies destinationRules envoyFilters gateways k8sGRPCRoutes k8sGateways "
        "k8sHTTPRoutes"
        " k8sReferenceGrants k8sTCPRoutes k8sTLSRoutes peerAuthentications requestAuthentications "
        "serviceEntries"
        " sidecars telemetries validations virtualServices wasmPlugins workloadEntries "
        "workloadGroups"
    ),
    "2.26": (
        "extensions.istio.io/v1alpha1=WasmPlugin gateway.networking.k8s.io/v1=GRPCRoute"
        " gateway.networking.k8s.io/v1=Gateway gateway.networking.k8s.io/v1=HTTPRoute"
        " gateway.networking.k8s.io/v1=TLSRoute gateway.networking.k8s.io/v1alpha2=TCPRoute"
        " gateway.networking.k8s.io/v1beta1=ReferenceGrant "
        "inference.networking.k8s.io/v1=InferencePool"
        " networking.istio.io/v1=DestinationRule networking.istio.io/v1=Gateway "
        "networking.istio.io/v1=ServiceEntry"
        " networking.istio.io/v1=Sidecar networking.istio.io/v1=VirtualService "
        "networking.istio.io/v1=WorkloadEntry"
        " networking.istio.io/v1=WorkloadGroup networking.istio.io/v1alpha3=EnvoyFilter"
        " security.istio.io/v1=AuthorizationPolicy security.istio.io/v1=PeerAuthentication"
        " security.istio.io/v1=RequestAuthentication telemetry.istio.io/v1=Telemetry"
    ),
}
"""Under which keys a namespace's objects are listed; 2.26 writes `, Kind=` where this has `=`."""

NAMESPACES: dict[str, dict[str, object]] = {
    "bare": {"istio-injection": None, "isAmbient": False, "revision": None},
    "sidecars": {"istio-injection": "enabled", "isAmbient": False, "revision": "default"},
    "ambient": {"istio-injection": None, "isAmbient": True, "revision": None},
}
"""What is said of namespace bookinfo; 1.87 says nothing of revisions."""

TLS = {
    "1.87": (
        {"autoMTLSEnabled": True, "minTLS": "N/A", "status": "MTLS_NOT_ENABLED"},
        "MTLS_NOT_ENABLED",
    ),
    "2.26": ({"autoMTLSEnabled": True, "minTLS": "TLSV1_2", "status": "MTLS_NOT_ENABLED"}, "UNSET"),
}
"""The mesh's mTLS, and the status of a namespace without rules of its own."""

DIFFERENCES = {
    "KIA1402 in 1.87": "the recorded Kiali could reach istiod's registry only in part, so it "
    "missed a Service",
    "a second istiod, Unreachable, in 1.87": "the same",
    "versions `unknown`": "set when the recorded programs were built; the sandbox states those of "
    "the images",
    "KIA0203 in 1.87": "without istiod's registry it looks at no host and no subset (Kiali's "
    "source)",
    "grafana in components": "enabled by default, and switched off or absent in the recorded set-up",
    "health from 2.26's cache": "as old as the cache was when asked; the sandbox's is of another "
    "age",
    "findings at stage `sidecars` in 2.26": "the cache of the recorded one was from before the "
    "gateway",
    "figures in the box of reviews": "Kiali shows one version's, at random; the sandbox adds them "
    "up",
    "waypoint series for the gateway": "fed by hand in the recordings; a real gateway goes past "
    "the waypoint",
}
"""Where the sandbox answers otherwise on purpose, or can't be compared, and why."""
